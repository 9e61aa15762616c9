import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { readGuesses, textHash } from "../../../src/core/labelling";
import type { Example, Task } from "../../../src/core/schema";
import { writeFinishedRun } from "../../finished-run";

const task: Task = {
  version: 1,
  name: "t",
  kind: "single",
  labels: [{ name: "x" }, { name: "y" }],
  examples: "t.jsonl",
};
const examples = (part: string, count: number): Example[] =>
  Array.from({ length: count }, (_, at) => ({
    id: `${part}-${at}`,
    text: `text ${at}`,
    label: at % 2 === 0 ? "x" : "y",
  }));

describe("what a run said of the examples", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "plumb-guesses-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const parts = { train: examples("train", 20), test: examples("test", 10) };
  const write = (folds: boolean, texts = true) =>
    writeFinishedRun(path.join(folder, "t.plumb.json"), task, parts, () => [0.25, 0.75], { folds, texts });

  it("comes by id, with the parts of the split", async () => {
    const guesses = await readGuesses(await write(true), task);
    assert.deepEqual(guesses.answers.get("test-0"), {
      ...{ part: "test", scores: [0.25, 0.75], output: null },
      text: textHash("text 0"),
    });
    // Held out and out of fold: the latter is of a model that had no part in any choice.
    assert.equal(guesses.answers.get("train-0")?.part, "out-of-fold");
    assert.equal(guesses.answers.size, 30);
    assert.deepEqual([guesses.folds, guesses.fitted.size, guesses.test.size], [true, 20, 10]);
  });

  it("has no out-of-fold predictions where the run had no folds", async () => {
    const guesses = await readGuesses(await write(false), task);
    assert.equal(guesses.folds, false);
    assert.equal(guesses.answers.get("train-0")?.part, "held-out");
    assert.equal(guesses.answers.get("train-19"), undefined);
  });

  it("is nothing where the run does not name the texts that it judged", async () => {
    const guesses = await readGuesses(await write(true, false), task);
    assert.deepEqual([guesses.answers.size, guesses.folds, guesses.fitted.size], [0, false, 20]);
  });

  it("follows labels by name, whatever their order is now; a new one has probability 0", async () => {
    const now = { ...task, labels: [{ name: "new" }, { name: "y" }, { name: "x" }] };
    const guesses = await readGuesses(await write(true), now);
    assert.deepEqual(guesses.answers.get("test-0")?.scores, [0, 0.75, 0.25]);
  });
});
