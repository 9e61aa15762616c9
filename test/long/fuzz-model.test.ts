import assert from "node:assert/strict";
import { mkdir, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { openBaseModel, type TextTokenizer } from "../../src/core/model";
import { checkPairs } from "../../src/core/model/byte-pairs";
import { openHuggingFaceTokenizer } from "../../src/core/model/huggingface-tokenizer";
import { createMetaspaceTokenizer } from "../../src/core/model/metaspace-tokenizer";
import { createPieceTokenizer } from "../../src/core/model/piece-tokenizer";
import { checkPieces } from "../../src/core/model/pieces";
import { readPytorchHeader } from "../../src/core/model/pytorch";
import { readSentencePieceModel } from "../../src/core/model/sentencepiece-model";
import { fixtures } from "../fixtures/reference";
import { tinyFolderPlan, writeFolder } from "../unit/model/tiny-folder";
import { partName, tinyParts, tinyPlan, writeGguf } from "../unit/model/tiny-gguf";
import { fuzz, fuzzSeconds } from "./fuzz";

/** Opening a file of a few kilobytes needs nowhere near this much. */
const MOST_BYTES = 1 << 30;

describe("readers of models, fuzzed", function () {
  this.timeout((fuzzSeconds + 60) * 1000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "plumb-fuzz-model-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const small = () => {
    assert.ok(process.memoryUsage.rss() < MOST_BYTES, `${process.memoryUsage.rss()} bytes resident`);
  };
  const useTokenizer = (tokenizer: TextTokenizer) => {
    for (const text of [
      "",
      "a ab! 11 <|end|> é",
      "The bus  stops\n\n<tool>the \ud83d ½ ｱ жителі",
      "ab".repeat(500),
    ]) {
      const ids = tokenizer.encode(text);
      for (const id of ids) assert.ok(Number.isInteger(id) && id >= 0, String(id));
      tokenizer.decode(ids);
    }
    tokenizer.decode([0, 1, 2, 3, 1000]);
  };
  /** Opens, and uses what was opened. */
  const use = async (place: string) => {
    const { table, tokenizer } = await openBaseModel(place);
    for (const { offset, file } of table.tensors) assert.ok(offset > 0 && file < table.files.length);
    useTokenizer(tokenizer);
    small();
  };

  /** Values behind a damaged header: a number in every type of float. Only what stands before them is damaged. */
  const values = Buffer.alloc(1 << 17, 0x3f);
  /** Uses a model whose files have values to spare: as many as its tensors do not take are cut off. */
  const useFitted = async (place: string): Promise<void> => {
    try {
      await use(place);
    } catch (error) {
      const [, file, spare] = /^(.*): (\d+) bytes belong to no tensor/.exec((error as Error).message) ?? [];
      if (file === undefined) throw error;
      await truncate(file, (await stat(file)).size - Number(spare));
      await useFitted(place);
    }
  };

  it("open or refuse any GGUF file", async () => {
    const file = path.join(folder, "a.gguf");
    await writeFile(file, writeGguf(tinyPlan()));
    const seeds = [await headerOf(file), await headerOf(path.join(fixtures, "tiny-q.gguf"))];
    const { rounds, refused } = await fuzz(seeds, async (input) => {
      await writeFile(file, Buffer.concat([input, values]));
      await useFitted(file);
    });
    assert.ok(rounds > 100 && refused > 10 && refused < rounds, `${rounds} rounds, ${refused} refused`);
  });

  it("open or refuse any folder in Hugging Face form", async () => {
    const place = path.join(folder, "model");
    const parts = ["config.json", "tokenizer_config.json", "tokenizer.json", "model.safetensors"];
    await writeFolder(place, tinyFolderPlan());
    const contents = await Promise.all(parts.map((part) => readFile(path.join(place, part), "latin1")));
    const seed = Buffer.from(contents.join(BETWEEN), "latin1");
    const { rounds, refused } = await fuzz([seed], async (input) => {
      const damaged = Buffer.from(input).toString("latin1").split(BETWEEN);
      for (const [i, part] of parts.entries()) {
        await writeFile(path.join(place, part), damaged[i] ?? "", "latin1");
      }
      await use(place);
    });
    assert.ok(rounds > 100 && refused > 10 && refused < rounds, `${rounds} rounds, ${refused} refused`);
  });

  it("open or refuse any file of torch.save", async () => {
    const place = path.join(fixtures, "tiny-pickled", "pytorch_model-00002-of-00002.bin");
    const file = path.join(folder, "pytorch_model.bin");
    const { rounds, refused } = await fuzz([await readFile(place)], async (input) => {
      await writeFile(file, input);
      const opened = await open(file);
      try {
        for (const { offset } of readPytorchHeader(opened.fd, input.length, file)) assert.ok(offset > 0);
      } finally {
        await opened.close();
      }
      small();
    });
    assert.ok(rounds > 100 && refused > 10 && refused < rounds, `${rounds} rounds, ${refused} refused`);
  });

  it("open or refuse any GGUF model in parts", async () => {
    const count = 2;
    const files = Array.from({ length: count }, (_, i) => path.join(folder, partName(i, count)));
    const plans = tinyParts(count);
    for (const [i, file] of files.entries()) await writeFile(file, writeGguf(plans[i]!));
    const { table } = await openBaseModel(files[0]!);
    const headers = await Promise.all(
      files.map(async (file, i) => {
        const offsets = table.tensors.filter((tensor) => tensor.file === i).map(({ offset }) => offset);
        return (await readFile(file)).subarray(0, Math.min(...offsets)).toString("latin1");
      }),
    );
    let named = 0;
    const { rounds, refused } = await fuzz([Buffer.from(headers.join(BETWEEN), "latin1")], async (input) => {
      const damaged = Buffer.from(input).toString("latin1").split(BETWEEN);
      for (const [i, file] of files.entries()) {
        await writeFile(file, Buffer.concat([Buffer.from(damaged[i] ?? "", "latin1"), values]));
      }
      await useFitted(files[named++ % count]!);
    });
    assert.ok(rounds > 100 && refused > 10 && refused < rounds, `${rounds} rounds, ${refused} refused`);
  });

  it("read or refuse any tokenizer.model", async () => {
    const seeds = await Promise.all(
      ["bpe", "unigram"].map((name) => readFile(path.join(fixtures, "pieces", `${name}.model`))),
    );
    const { rounds, refused } = await fuzz(seeds, (input) => {
      const words = readSentencePieceModel(input, "fuzzed.model");
      checkPieces(words, words.pieces.length, "fuzzed.model");
      useTokenizer(createPieceTokenizer(words, "fuzzed.model"));
      small();
      return Promise.resolve();
    });
    assert.ok(rounds > 100 && refused > 10 && refused < rounds, `${rounds} rounds, ${refused} refused`);
  });

  it("read or refuse any tokenizer.json of SentencePiece's kind", async () => {
    const place = path.join(folder, "tokenizer");
    await mkdir(place);
    await writeFile(path.join(place, "tokenizer_config.json"), '{"eos_token":"</s>"}');
    const seeds = metaspaceSeeds(await readFile(path.join(fixtures, "metaspace.json"), "utf8"));
    const { rounds, refused } = await fuzz(seeds, async (input) => {
      await writeFile(path.join(place, "tokenizer.json"), input);
      const { words, file } = await openHuggingFaceTokenizer(place, 2);
      checkPairs(words, 1.1 * words.vocabulary.size, file);
      if ("spaces" in words) useTokenizer(createMetaspaceTokenizer(words, file));
      small();
    });
    assert.ok(rounds > 100 && refused > 10 && refused < rounds, `${rounds} rounds, ${refused} refused`);
  });
});

/** Each recorded form with few words, so that damage meets what matters. */
function metaspaceSeeds(recorded: string): Buffer[] {
  type Json = Record<string, unknown> & { model: Record<string, unknown> };
  const { base, forms } = JSON.parse(recorded) as { base: Json; forms: Record<string, { changes: Json }> };
  const vocabulary = Object.entries(base.model.vocab as Record<string, number>);
  const merges = (base.model.merges as [string, string][]).slice(0, 20);
  const needed = new Set(merges.flatMap(([left, right]) => [left, right, left + right]));
  const kept = vocabulary.filter(([word]) => needed.has(word) || /^<.*>$|^.$/u.test(word));
  const vocab = Object.fromEntries(kept.map(([word], id) => [word, id]));
  return Object.values(forms).map(({ changes: { model, ...rest } }) =>
    Buffer.from(JSON.stringify({ ...base, ...rest, model: { ...base.model, vocab, merges, ...model } })),
  );
}

/** Stands between the files of a folder while they are damaged as one. */
const BETWEEN = "\n=====\n";

async function headerOf(file: string): Promise<Buffer> {
  const { table } = await openBaseModel(file);
  return (await readFile(file)).subarray(0, Math.min(...table.tensors.map(({ offset }) => offset)));
}
