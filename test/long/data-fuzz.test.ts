import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { checkTask, loadTask } from "../../src/core/data";
import { decodeTensors, encodeTensors } from "../../src/core/tuning/safetensors";
import { fuzz, fuzzSeconds } from "./fuzz";

const task = {
  version: 1,
  name: "Pressure",
  kind: "single",
  instruction: "Which technique does the message use?",
  labels: [
    { name: "pressure", word: "push" },
    { name: "none", description: "nothing of the kind" },
  ],
  examples: "a.jsonl",
  template: { before: "Text: ", after: "\nAnswer:" },
  testShare: 0.25,
  seed: 3,
};
const examples = [
  { id: "1", text: "Only 2 left at this price!", label: "pressure", group: "shop", note: "see ☞ 7" },
  { id: "2", text: "The library opens at nine.", label: "none", split: "train" },
  { id: "3", text: "Ответьте до полуночи, иначе будет поздно.", label: "pressure", split: "test" },
  { id: "4", text: 'A \\ "quoted" line\nand another', status: "skipped" },
];
const lines = (end: string, mark = "") =>
  Buffer.from(mark + examples.map((one) => JSON.stringify(one)).join(end) + end);

describe("readers of data, fuzzed", function () {
  this.timeout((fuzzSeconds + 30) * 1000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "plumb-fuzz-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it("reads or refuses any task file", async () => {
    await writeFile(path.join(folder, "a.jsonl"), lines("\n"));
    const file = path.join(folder, "a.plumb.json");
    const multi = { ...task, kind: "multi", examples: { train: "a.jsonl", test: "b.jsonl" } };
    const seeds = [task, multi].map((one) => Buffer.from(JSON.stringify(one, null, 2)));
    const { rounds, refused } = await fuzz(seeds, async (input) => {
      await writeFile(file, input);
      await loadTask(file);
    });
    assert.ok(rounds > 100 && refused > 10, `${rounds} rounds, ${refused} refused`);
  });

  it("reads or refuses any file of examples, and checks what it read", async () => {
    const file = path.join(folder, "b.jsonl");
    const taskFile = path.join(folder, "b.plumb.json");
    await writeFile(taskFile, JSON.stringify({ ...task, examples: "b.jsonl" }));
    let problems = 0;
    const { rounds } = await fuzz([lines("\n"), lines("\r\n", "\ufeff")], async (input) => {
      await writeFile(file, input);
      const loaded = await loadTask(taskFile);
      problems += loaded.problems.length;
      const result = checkTask(loaded, null);
      assert.ok(result.counts.examples === loaded.examples.length);
    });
    assert.ok(rounds > 100 && problems > 100, `${rounds} rounds, ${problems} problems`);
  });

  it("reads or refuses any adapter or checkpoint", async () => {
    const tensors = new Map([
      ["prompt.left", { shape: [2, 3], values: Float32Array.from([1, 2, 3, 4, 5, 6]) }],
      ["model.layers.0.mlp.up_proj.bias", { shape: [4], values: new Float32Array(4) }],
    ]);
    const seed = encodeTensors({ tensors, metadata: { format: "plumb-adapter", version: "1" } });
    const { rounds, refused } = await fuzz([seed], async (input) => {
      for (const { shape, values } of decodeTensors(input, "x").tensors.values()) {
        assert.equal(
          values.length,
          shape.reduce((product, size) => product * size, 1),
        );
      }
      return Promise.resolve();
    });
    assert.ok(rounds > 100 && refused > 100, `${rounds} rounds, ${refused} refused`);
  });
});
