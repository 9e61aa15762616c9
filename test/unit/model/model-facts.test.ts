import assert from "node:assert/strict";
import path from "node:path";
import { describeModel, factsOf } from "../../../src/cli/model-facts";
import { tuningMemory } from "../../../src/cli/model-memory";
import { listener } from "../../../src/cli/models";
import { Progress } from "../../../src/cli/progress";
import { EngineError, type Engine, type Model } from "../../../src/core/engine";
import { languageCosts, openBaseModel } from "../../../src/core/model";
import { fixtures } from "../../fixtures/reference";
import { needDefaultModel } from "../../recorded-tokens";

/** A tokenizer that makes a token of each piece. */
function cutting(pieces: (text: string) => string[]) {
  let known: string[] = [];
  return {
    encode: (text: string) => (known = pieces(text)).map((_piece, id) => id),
    decode: (ids: readonly number[]) => ids.map((id) => known[id] ?? "").join(""),
  };
}

describe("languages that a tokenizer serves", function () {
  this.timeout(120_000);

  it("are all served well where a word is a token", () => {
    const segmenter = new Intl.Segmenter("zh", { granularity: "word" });
    // Spaces and marks go with the word before them.
    const words = (text: string) =>
      [...segmenter.segment(text)].reduce<string[]>((pieces, { segment, isWordLike }) => {
        if (isWordLike === true || pieces.length === 0) return [...pieces, segment];
        return [...pieces.slice(0, -1), (pieces.at(-1) ?? "") + segment];
      }, []);
    for (const { language, tokensPerWord, served } of languageCosts(cutting(words))) {
      assert.ok(Math.abs(tokensPerWord - 1) < 0.1, `${language}: ${tokensPerWord}`);
      assert.equal(served, "well", language);
    }
  });

  it("cost more where they take more bytes: with a token a byte, Cyrillic and Arabic letters cost two", () => {
    const costs = languageCosts({
      encode: (text) => [...Buffer.from(text)],
      decode: (ids) => Buffer.from(ids).toString(),
    });
    const times = (name: string) => costs.find(({ language }) => language === name)?.timesTheFewest ?? 0;
    assert.ok(times("Russian") > 1.7 * times("English"));
    const order = costs.map(({ timesTheFewest }) => timesTheFewest ?? 0);
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
    );
    assert.equal(order[0], 1);
  });

  it("are not served at all where characters get lost, however few tokens that takes", async () => {
    const costs = languageCosts(cutting((text) => text.match(/[a-zA-ZÀ-ž’',.\s-]/g) ?? []));
    const lost = costs.flatMap(({ served, language }) => (served === "not at all" ? [language] : []));
    assert.deepEqual(lost.sort(), ["Arabic", "Chinese", "Russian", "Ukrainian"]);
    assert.equal(costs[0]?.timesTheFewest, 1);
    const model = await openBaseModel(path.join(fixtures, "tiny-tied"));
    const none = { ...model, tokenizer: { ...model.tokenizer, encode: () => [], decode: () => "" } };
    const { limits } = factsOf(none, { fast: 1, least: 1, usable: 1, source: "engine" });
    assert.equal(limits.length, 1);
    assert.match(
      limits[0] ?? "",
      /^Texts in English, .*: the tokenizer has no tokens for some of their characters/,
    );
  });

  it("of the default model are English well, and none with other letters", async function () {
    const model = await openBaseModel(await needDefaultModel(this));
    const served = (how: string) =>
      languageCosts(model.tokenizer).flatMap((cost) => (cost.served === how ? [cost.language] : []));
    assert.deepEqual(served("well"), ["English"]);
    for (const language of ["Russian", "Ukrainian", "Arabic", "Chinese"]) {
      assert.ok(served("poorly").includes(language), language);
    }
  });
});

describe("memory that tuning takes", function () {
  this.timeout(120_000);

  /** Forecasts a byte a row, a hundred more for training, and ten thousand for kept weights. */
  const engine = (log: string[]): Engine => ({
    devices: () => [],
    gpus: () => ({
      gpus: [],
      cudaMissing: "none here",
      nccl: { version: null, file: null, missing: "NCCL was not found" },
    }),
    openModel: (_table, options) => {
      log.push(`open ${options?.weights}`);
      return Promise.resolve({
        forecast: ({ rows, train, checkpoint }) =>
          rows + (train ? 100 : 0) + (checkpoint ? 0 : 50) + (options?.weights === "keep" ? 10_000 : 0),
        close: () => log.push("close"),
      } as Partial<Model> as Model);
    },
  });
  const tiny = () => openBaseModel(path.join(fixtures, "tiny-tied"));

  it("is the engine's forecast of learning, with what scoring holds besides; models are closed again", async () => {
    const log: string[] = [];
    const memory = await tuningMemory(await tiny(), 1e9, () => engine(log));
    assert.deepEqual(memory, {
      fast: 512 + 100 + 50 + 10_000 + 1023 + 200e6,
      least: 128 + 100 + 1023 + 200e6,
      usable: 0.85e9,
      source: "engine",
    });
    assert.deepEqual(log, ["open keep", "close", "open stream", "close"]);
  });

  it("is estimated, and said to be, where the engine is not built", async () => {
    const model = await tiny();
    const memory = await tuningMemory(model, 1e9, () => {
      throw new EngineError("engine-missing", "not built");
    });
    assert.equal(memory.source, "estimate");
    assert.ok(memory.least < memory.fast && memory.least > 200e6);
    assert.match(describeModel(factsOf(model, memory)), /to tune .*; an estimate, the engine is not built\n/);
    await assert.rejects(
      tuningMemory(model, 1e9, () => {
        throw new EngineError("model-tensor", "damaged");
      }),
      { message: "damaged" },
    );
  });

  it("estimated is near the engine's", async function () {
    const model = await openBaseModel(await needDefaultModel(this));
    const own = await tuningMemory(model, 1e9).catch(() => null);
    if (own?.source !== "engine") this.skip();
    const estimated = await tuningMemory(model, 1e9, () => {
      throw new EngineError("engine-missing", "not built");
    });
    // The estimate takes every product for float32; with bfloat16 the engine needs about half for the weights.
    for (const kind of ["fast", "least"] as const) {
      const ratio = estimated[kind] / own[kind];
      assert.ok(ratio > 0.7 && ratio < 2.2, `${kind}: ${ratio}`);
    }
  });

  it("is said not to be there where it is not", async () => {
    const model = await tiny();
    const { limits } = factsOf(model, { fast: 3e9, least: 2e9, usable: 1e9, source: "engine" });
    assert.match(
      limits[0] ?? "",
      /^Tuning, on this machine as it is now: at least 2\.0 GB of memory are needed, and 1\.0 GB may be used\./,
    );
    const enough = factsOf(model, { fast: 3e9, least: 1e9, usable: 1e9, source: "engine" });
    assert.doesNotMatch(enough.limits.join(" "), /on this machine/);
  });
});

describe("progress of a fetch", () => {
  it("tells size, share, speed and what is left, from what this run fetched", () => {
    let now = 0;
    let written = "";
    const progress = new Progress({ write: (text: string) => (written += text) }, () => now);
    const fetching = listener(progress, "a/b", () => now);
    fetching.progress({ file: "config.json", done: 10, total: 20, fetched: 10 });
    fetching.progress({ file: "w", done: 500e6, total: 2000e6, fetched: 0 });
    now = 20_000;
    fetching.progress({ file: "w", done: 1000e6, total: 2000e6, fetched: 500e6 });
    now = 60_000;
    fetching.progress({ file: "w", done: 2000e6, total: 2000e6, fetched: 1500e6 });
    assert.deepEqual(written.split("\n"), [
      "a/b (2.0 GB): 500 of 2000, w",
      "a/b (2.0 GB): 1000 of 2000, 25 MB/s, 40 s left, w",
      "a/b (2.0 GB): 2000 of 2000, 25 MB/s, 0 s left, w",
      "",
    ]);
  });
});
