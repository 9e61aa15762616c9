import "../fake-vscode";
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { renderReport, type Report } from "../../../../src/core/report";
import type { Example, Task } from "../../../../src/core/schema";
import { taskNow } from "../../../../src/host/report-panels";
import { shownRun, textsMessage } from "../../../../src/host/report/panel";
import { readReport } from "../../../../src/host/runs";
import { writeFinishedRun } from "../../../finished-run";

const task: Task = {
  version: 1,
  name: "Moods",
  kind: "single",
  instruction: "Which mood?",
  labels: [{ name: "good" }, { name: "bad" }],
  examples: "moods.jsonl",
};

const parts = (): { train: Example[]; test: Example[] } => {
  const made = (part: "train" | "test", count: number) =>
    Array.from({ length: count }, (_, at): Example => {
      const label = at % 2 === 0 ? "good" : "bad";
      return { id: `${part}-${at}`, text: `Text ${at} of ${part}`, label, split: part };
    });
  return { train: made("train", 20), test: made("test", 20) };
};

describe("the texts of a run's page", () => {
  let folder: string;
  let run: string;
  let other: string;
  const { train, test } = parts();
  const file = () => path.join(folder, "moods.plumb.json");
  const write = (examples: readonly Example[]) =>
    writeFile(path.join(folder, "moods.jsonl"), examples.map((one) => `${JSON.stringify(one)}\n`).join(""));

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "plumb-panel-"));
    await writeFile(file(), JSON.stringify(task));
    // Every text is called good: half of them wrongly.
    const scores = () => [0.9, 0.1];
    run = await writeFinishedRun(file(), task, { train, test }, scores);
    const edited = test.map((one) => (one.id === "test-3" ? { ...one, text: "Edited before" } : one));
    other = await writeFinishedRun(file(), task, { train, test: edited }, scores, { id: "other" });
  });
  after(() => rm(folder, { recursive: true }));

  const behind = async (report: Report) => {
    const shown = await shownRun(run, report, await taskNow([run]));
    const message = textsMessage(1, { kind: "pair", truth: 1, given: 0 }, shown);
    assert.ok(message.type === "texts");
    return { shown, rows: new Map(message.rows.map((row) => [row.id, row])) };
  };

  it("are those that it judged: one edited since is said to be changed, and is judged no more", async () => {
    const all = [...train, ...test];
    await write(all.map((one) => (one.id.endsWith("-1") ? { ...one, text: "Edited since" } : one)));
    const report = await readReport(run);
    const { shown, rows } = await behind(report);
    assert.deepEqual(rows.get("test-1"), { ...rows.get("test-1")!, text: null, changed: true });
    assert.deepEqual(rows.get("test-3"), { ...rows.get("test-3")!, text: "Text 3 of test", changed: false });
    assert.ok(shown.unseen!.rows.some(({ id }) => id === "train-3"));
    assert.ok(!shown.unseen!.rows.some(({ id }) => id === "train-1"));
    const page = renderReport(report, shown);
    assert.ok(!page.includes("Edited since"));
    assert.match(page, /The text of test-1 was changed after this run had judged it/u);
    assert.match(page, /Text 3 of test/u);
    assert.equal(shown.examples.get("test-1")?.text, "Edited since", "it can be opened all the same");
  });

  it("are those that every run beside it judged", async () => {
    await write([...train, ...test]);
    assert.equal((await taskNow([run])).texts.get("test-3"), "Text 3 of test");
    const { texts } = await taskNow([run, other]);
    assert.equal(texts.get("test-3"), null);
    assert.equal(texts.get("test-5"), "Text 5 of test");
  });

  it("are those at hand where the run is an older one, or cannot be read, and not at hand where the file is gone", async () => {
    await write([...train, ...test].map((one) => ({ ...one, text: `${one.text}!` })));
    const older = await writeFinishedRun(file(), task, { train, test }, () => [0.9, 0.1], {
      id: "older",
      texts: false,
    });
    assert.equal((await taskNow([older])).texts.get("test-3"), "Text 3 of test!");
    await rm(path.join(folder, "moods.jsonl"));
    const { rows } = await behind(await readReport(run));
    assert.deepEqual(rows.get("test-1"), { ...rows.get("test-1")!, text: null, changed: false });
  });
});
