import assert from "node:assert/strict";
import { readFile, rm, truncate, copyFile } from "node:fs/promises";
import path from "node:path";
import { loadEngine } from "../../src/core/engine";
import { Manifest } from "../../src/core/schema";
import { readAdapter } from "../../src/core/tuning/adapter";
import type { FromWorker, Job } from "../../src/core/tuning/protocol";
import type { TuningOptions } from "../../src/core/tuning/settings";
import { Reference } from "../fixtures/reference";
import { fakeBaseModel, fakeTokenizer } from "../unit/tuning/fake-engine";
import { fakeTools, makeTask, run, tune } from "../unit/tuning/fake-task";

/** The tiny LLaMA of the fixtures under the real engine. */
const table = new Reference("tiny").table("huggingface");
const base = fakeBaseModel({ table, tokenizer: { ...fakeTokenizer, endOfText: 299 } });
const tools = fakeTools({}, { engine: loadEngine, openBaseModel: () => Promise.resolve(base) });
const options = { steps: 12, promptLength: 5, evaluateEvery: 6, promptRate: 0.02, biasRate: 0.02 };
/** A run that goes no distance: its adapter is where it started, but for the rounding of a rate near zero. */
const STILL = { steps: 1, promptRate: 1e-30, biasRate: 1e-30 };
const fileOf = (folder: string) => path.join(folder, "adapter.safetensors");
const stopAt = (step: number) => (messages: FromWorker[]) =>
  messages.some(({ type, ...rest }) => type === "progress" && (rest as { done: number }).done >= step)
    ? "pause"
    : null;

describe("the start of a run", function () {
  this.timeout(120_000);
  let task: Awaited<ReturnType<typeof makeTask>>;
  let first: string;
  const job = (more: TuningOptions, rest: Partial<Extract<Job, { type: "tune" }>> = {}): Job =>
    tune(task.file, { options: { ...options, ...more }, engine: { threads: 1 }, ...rest });
  const manifestOf = async (folder: string) =>
    Manifest.parse(JSON.parse(await readFile(path.join(folder, "manifest.json"), "utf8")));
  const tensorsOf = async (folder: string) => (await readAdapter(fileOf(folder))).tensors;
  before(async () => {
    task = await makeTask("single", 60);
    first = (await run(job({}), tools)).folder;
  });
  after(() => task.remove());

  it("at another adapter has its scores to the bit, and its values under every name", async () => {
    const again = await run(job({ ...STILL, start: { from: "adapter", adapter: first } }), tools);
    assert.deepEqual(await tensorsOf(again.folder), await tensorsOf(first));
    const test = async (folder: string) =>
      (await readFile(path.join(folder, "predictions.jsonl"), "utf8"))
        .split("\n")
        .filter((line) => line.includes('"test"'));
    assert.deepEqual(await test(again.folder), await test(first));
    const { settings, startedFrom, decisions } = await manifestOf(again.folder);
    assert.equal(settings.start?.from, "adapter");
    assert.equal(path.resolve(again.folder, startedFrom![0]!.file), fileOf(first));
    assert.ok(decisions.some((sentence) => sentence.includes(fileOf(first))));
  });

  it("takes the vectors alone, or the biases alone, from where it is told to", async () => {
    const prompt = await run(
      job({ ...STILL, start: { from: "adapter", adapter: first }, biasStart: { from: "zero" } }),
      tools,
    );
    const biases = await run(job({ ...STILL, biasStart: { from: "adapter", adapter: first } }), tools);
    const from = await tensorsOf(first);
    for (const [name, { values }] of await tensorsOf(prompt.folder)) {
      if (name === "prompt.left") assert.deepEqual(values, from.get(name)!.values);
      else assert.ok(values.every((value) => Math.abs(value) < 1e-20));
    }
    for (const [name, { values }] of await tensorsOf(biases.folder)) {
      if (name !== "prompt.left") assert.deepEqual(values, from.get(name)!.values, name);
      else assert.notDeepEqual(values, from.get(name)!.values);
    }
  });

  it("follows from the seed, and a chosen text is its embeddings, repeated", async () => {
    const promptOf = async (more: TuningOptions) =>
      (await tensorsOf((await run(job({ ...STILL, ...more }), tools)).folder)).get("prompt.left")!.values;
    const random = (seed: number) => promptOf({ seed, start: { from: "random" } });
    assert.deepEqual(await random(1), await random(1));
    assert.notDeepEqual(await random(1), await random(2));
    const model = await loadEngine().openModel(table, { threads: 1 });
    const tokens = fakeTokenizer.encode("happy sad");
    const rows = await model.embed(Int32Array.from({ length: 5 }, (_, i) => tokens[i % tokens.length]!));
    model.close();
    assert.deepEqual(await promptOf({ start: { from: "text", text: "happy sad" } }), rows);
  });

  it("is kept in the run: it resumes to the bit, folds included, when the other adapter is gone", async () => {
    const other = path.join(task.folder, "other.safetensors");
    await copyFile(fileOf(first), other);
    const wanted = job({ start: { from: "adapter", adapter: other } }, { folds: 2 });
    const straight = await run(wanted, tools);
    const { folder } = await run(wanted, tools, stopAt(5));
    await rm(other);
    await run({ type: "resume", run: folder }, tools);
    for (const name of ["adapter.safetensors", "predictions.jsonl"]) {
      const [a, b] = await Promise.all([folder, straight.folder].map((of) => readFile(path.join(of, name))));
      assert.ok(a!.equals(b!), name);
    }
  });

  it("is refused in a sentence before anything is opened, where it does not fit", async () => {
    const idle = fakeTools(
      {},
      {
        engine: () => assert.fail("the engine was asked"),
        openBaseModel: (...named) => tools.openBaseModel(...named),
      },
    );
    const start = { from: "adapter", adapter: first } as const;
    const refused = (more: TuningOptions, message: RegExp, other = idle) =>
      assert.rejects(run(job(more), other), message);
    const prompt = (await run(job({ ...STILL, method: "prompt" }), tools)).folder;
    await refused({ start, promptLength: 6 }, /has 5 prompt vectors .* this run 6 .*--prompt-length 5/);
    await refused({ start, method: "ptuning" }, /has no vectors "prompt.right"/);
    await refused({ start, method: "ptuning", promptEncoder: "lstm" }, /add --prompt-encoder none/);
    await refused({ start, method: "lora" }, /tuned with ptuning-bias and has no low-rank updates/);
    await refused({ start, method: "full" }, /Method full starts from the base model/);
    await refused(
      { start: { from: "adapter", adapter: prompt } },
      /biases cannot start .* --bias-start zero/,
    );
    await refused({ method: "prompt", biasStart: { from: "zero" } }, /trains no biases/);
    await refused({ method: "bias", start: { from: "random" } }, /no prompt vectors/);
    const attention = (await run(job({ ...STILL, biases: ["q", "o"] }), tools)).folder;
    assert.deepEqual(
      [...(await tensorsOf(attention)).keys()].filter((name) => name.includes("layers.0.")),
      ["model.layers.0.self_attn.q_proj.bias", "model.layers.0.self_attn.o_proj.bias"],
    );
    await refused(
      { start: { from: "adapter", adapter: attention } },
      /has those of q, o and none of k, v, gate, up, down\. Tune with --biases q,o,/,
    );
    await refused({ promptLength: 0, start: { from: "random" } }, /length 0 starts nowhere/);
    await refused({ start: { from: "adapter", adapter: "/nowhere" } }, /does not exist/);
    const otherBase = { ...base, fingerprint: "e".repeat(64) };
    await refused({ start }, /it was made for Fake 150M, fingerprint f+/, {
      ...idle,
      openBaseModel: () => Promise.resolve(otherBase),
    });
    const cut = path.join(task.folder, "cut.safetensors");
    await copyFile(fileOf(first), cut);
    await truncate(cut, 3000);
    await refused(
      { start: { from: "adapter", adapter: cut } },
      /cut\.safetensors is not a whole safetensors file/,
    );
  });
});
