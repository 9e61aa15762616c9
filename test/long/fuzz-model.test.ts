import assert from "node:assert/strict";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { openBaseModel } from "../../src/core/model";
import { readPytorchHeader } from "../../src/core/model/pytorch";
import { fixtures } from "../fixtures/reference";
import { tinyFolderPlan, writeFolder } from "../unit/model/tiny-folder";
import { tinyPlan, writeGguf } from "../unit/model/tiny-gguf";
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

  /** Opens, and uses what was opened. */
  const use = async (place: string) => {
    const { table, tokenizer } = await openBaseModel(place);
    for (const { offset, file } of table.tensors) assert.ok(offset > 0 && file < table.files.length);
    for (const id of tokenizer.encode("a ab! 11 <|end|> é")) assert.ok(Number.isInteger(id), String(id));
    tokenizer.decode([0, 1, 2, 3, 1000]);
    assert.ok(process.memoryUsage.rss() < MOST_BYTES, `${process.memoryUsage.rss()} bytes resident`);
  };

  it("open or refuse any GGUF file", async () => {
    const file = path.join(folder, "a.gguf");
    // Values of tensors are not looked at: only what stands before them is damaged.
    const values = Buffer.alloc(1 << 17);
    await writeFile(file, writeGguf(tinyPlan()));
    const seeds = [await headerOf(file), await headerOf(path.join(fixtures, "tiny-q.gguf"))];
    const { rounds, refused } = await fuzz(seeds, async (input) => {
      await writeFile(file, Buffer.concat([input, values]));
      await use(file);
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
      assert.ok(process.memoryUsage.rss() < MOST_BYTES, `${process.memoryUsage.rss()} bytes resident`);
    });
    assert.ok(rounds > 100 && refused > 10 && refused < rounds, `${rounds} rounds, ${refused} refused`);
  });
});

/** Stands between the files of a folder while they are damaged as one. */
const BETWEEN = "\n=====\n";

async function headerOf(file: string): Promise<Buffer> {
  const { table } = await openBaseModel(file);
  return (await readFile(file)).subarray(0, Math.min(...table.tensors.map(({ offset }) => offset)));
}
