import assert from "node:assert/strict";
import { unfinishedRuns } from "../../../src/core/runs/unfinished";
import type { RunEntry, RunState } from "../../../src/core/runs/list";

const entry = (id: string, state: RunState, task: string | null = "/t.plumb.json"): RunEntry => ({
  ...{ folder: `/runs/${id}`, id, state, reason: null, task, taskName: "t", createdAt: id, folds: 0 },
  ...{ method: "ptuning-bias", baseModel: "tiny", basePath: null, score: null, adapter: null },
  keepsExamples: false,
});
const offered = (runs: RunEntry[], declined: string[] = []) =>
  unfinishedRuns(runs, new Set(declined)).map(({ id }) => id);

describe("runs that are offered to be gone on with", () => {
  it("are those that were cut off or stopped, the newest of each task", () => {
    assert.deepEqual(offered([entry("2", "cut-off"), entry("1", "paused")]), ["2"]);
    assert.deepEqual(offered([entry("2", "paused"), entry("1", "cut-off", "/u.plumb.json")]), ["2", "1"]);
  });

  it("are none where a newer one is finished or under way", () => {
    assert.deepEqual(offered([entry("2", "finished"), entry("1", "cut-off")]), []);
    assert.deepEqual(offered([entry("2", "running"), entry("1", "cut-off")]), []);
  });

  it("are not hidden by a newer one that led nowhere or cannot be read", () => {
    assert.deepEqual(offered([entry("3", "damaged", null), entry("2", "trouble"), entry("1", "cut-off")]), [
      "1",
    ]);
  });

  it("are not offered again to somebody who has decided", () => {
    assert.deepEqual(offered([entry("2", "cut-off"), entry("1", "cut-off")], ["/runs/2"]), []);
  });
});
