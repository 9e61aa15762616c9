import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { countExamples } from "../../../src/core/data";

describe("how far an examples file is", () => {
  let file: string;
  before(async () => {
    file = path.join(await mkdtemp(path.join(tmpdir(), "plumb-count-")), "a.jsonl");
  });
  after(() => rm(path.dirname(file), { recursive: true }));
  const labels = [{ name: "b" }, { name: "a" }];
  const lines = (...rows: (object | string)[]) =>
    writeFile(file, rows.map((row) => (typeof row === "string" ? row : JSON.stringify(row))).join("\n"));

  it("counts each line once, as what it is", async () => {
    await lines(
      { id: "1", text: "t", label: "a" },
      "",
      { id: "2", text: "t" },
      '{"id":',
      { id: "3", text: "t", label: "a", status: "skipped" },
      { id: "4", text: "t", label: "z" },
    );
    assert.deepEqual(await countExamples(file, { kind: "single", labels }), {
      answered: 2,
      open: 1,
      skipped: 1,
      broken: 1,
      classes: [
        { label: "b", count: 0 },
        { label: "a", count: 1 },
      ],
    });
  });

  it("counts a text for each of its labels, but no label twice", async () => {
    await lines({ id: "1", text: "t", labels: ["a", "b", "a"] }, { id: "2", text: "t", labels: [] });
    const { answered, classes } = await countExamples(file, { kind: "multi", labels });
    assert.equal(answered, 2);
    assert.deepEqual(
      classes.map(({ count }) => count),
      [1, 1],
    );
  });

  it("has no classes where an answer is a text", async () => {
    await lines({ id: "1", text: "t", target: "a" });
    const counts = await countExamples(file, { kind: "generation" });
    assert.deepEqual(counts, { answered: 1, open: 0, skipped: 0, broken: 0, classes: [] });
  });
});
