import assert from "node:assert/strict";
import type { LabelRow } from "../../../src/protocol";
import { PendingEdits } from "../../../src/webview/label/pending";

const row = (line: number, answer: string[]): LabelRow => ({
  ...{ line, answer, id: `e${line}`, text: "t", whole: true, state: "answered", note: "", test: false },
  ...{ problem: null, why: { kind: "file", line } },
});

describe("rows that come while edits are under way", () => {
  it("wait until the last edit of their line is answered; the newest of them counts then", () => {
    const pending = new PendingEdits();
    const first = pending.begin(3);
    const second = pending.begin(3);
    assert.equal(pending.pass(row(3, ["a"])), null);
    assert.equal(pending.end(first), null);
    assert.equal(pending.pass(row(3, ["a", "b"])), null);
    assert.deepEqual(pending.end(second), row(3, ["a", "b"]));
    assert.deepEqual(pending.pass(row(3, [])), row(3, []));
  });

  it("pass where the edit is of another line, or lines have moved", () => {
    const pending = new PendingEdits();
    const edit = pending.begin(3);
    assert.notEqual(pending.pass(row(4, ["a"])), null);
    pending.clear();
    assert.notEqual(pending.pass(row(3, ["a"])), null);
    assert.equal(pending.end(edit), null);
  });
});
