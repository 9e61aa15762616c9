import assert from "node:assert/strict";
import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import {
  readSuggestions,
  suggestionOf,
  textHash,
  unanswered,
  writeSuggestions,
} from "../../../src/core/labelling";
import type { Example } from "../../../src/core/schema";

const answers = { kind: "single", labels: ["a", "b", "c"], thresholds: null } as const;
const example = (id: string, more: Partial<Example> = {}): Example => ({
  id,
  text: `Text of ${id}`,
  ...more,
});

describe("suggestions that are kept apart", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "plumb-suggest-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it("are for what nobody has answered or set aside, and never for the test part", () => {
    const examples = [
      example("open"),
      example("answered", { label: "a" }),
      example("skipped", { status: "skipped" }),
      example("given", { split: "test" }),
      example("drawn"),
      example("other", { labels: ["a"] }),
    ];
    const ids = (kind: "single" | "multi") =>
      unanswered(examples, kind, new Set(["drawn"])).map(({ id }) => id);
    assert.deepEqual(ids("single"), ["open", "other"]);
    assert.deepEqual(ids("multi"), ["open", "answered"]);
  });

  it("name the likeliest label first, and those that the adapter would give", () => {
    const single = suggestionOf(example("x"), { scores: [0.2, 0.7, 0.1], cut: false }, answers, "run");
    assert.deepEqual(single.chosen, ["b"]);
    assert.deepEqual(
      single.labels.map(({ label }) => label),
      ["b", "a", "c"],
    );
    const multi = { ...answers, kind: "multi", thresholds: [0.1, 0.9, 0.1] } as const;
    const several = suggestionOf(example("x"), { scores: [0.2, 0.7, 0.1], cut: false }, multi, "run");
    assert.deepEqual(several.chosen, ["a", "c"]);
    const generation = { kind: "generation", labels: [], thresholds: null } as const;
    assert.equal(suggestionOf(example("x"), { output: "so", cut: false }, generation, "run").output, "so");
  });

  it("come back as they were written, by the examples file; a broken line is passed over", async () => {
    const made = ["x", "y"].map((id) =>
      suggestionOf(example(id), { scores: [0.2, 0.7, 0.1], cut: false }, answers, "run"),
    );
    const file = path.join(folder, "texts.jsonl");
    assert.equal((await readSuggestions(folder, file)).size, 0);
    await writeSuggestions(folder, file, made);
    const stored = path.join(folder, ".plumb", "suggestions", "texts.jsonl");
    await appendFile(stored, '{"id":"z"\n{"id":"z","text":1}\n');
    const found = await readSuggestions(folder, file);
    assert.deepEqual([...found.values()], made);
    assert.equal(found.get("x")!.text, textHash("Text of x"));
    assert.equal((await readSuggestions(folder, path.join(folder, "other.jsonl"))).size, 0);
    assert.ok(!(await readFile(stored, "utf8")).includes("Text of"));
    assert.equal(await readFile(path.join(folder, ".plumb", ".gitignore"), "utf8"), "*\n");
  });
});
