import assert from "node:assert/strict";
import { Desk, type DeskTools } from "../../../../src/host/tune/desk";
import { RunQueue } from "../../../../src/host/tune/queue";

const trouble = { message: "Not saved: a.jsonl.", tries: [], actions: ["again"] } as const;

/** The plan of a task that is read when the test says so. */
function desk() {
  let fail: (error: Error) => void = () => assert.fail("nothing is read yet");
  const tools: DeskTools = {
    start: () => assert.fail("a worker was started"),
    settings: () => ({ method: "", baseModel: "" }) as ReturnType<DeskTools["settings"]>,
    readTask: () => new Promise((_, reject) => (fail = reject)),
    models: () => Promise.resolve([]),
    history: () => assert.fail("a history was read"),
    explain: () => ({ message: "Task unreadable.", tries: [], actions: [] }),
    now: () => 0,
  };
  const one = new Desk("/tasks/a.plumb.json", tools, new RunQueue<Desk>(), () => undefined);
  return { one, fail: () => fail(new Error("unreadable")) };
}

describe("the plan of a run", () => {
  it("says why it is not made where files could not be saved, and nothing begins", async () => {
    const { one } = desk();
    assert.equal(one.view().stage, "planning");
    one.hold(trouble);
    assert.deepEqual([one.view().stage, one.view().trouble], ["refused", trouble]);
    assert.equal(await one.tune(), null);
  });

  it("does not let an earlier look take that back", async () => {
    const { one, fail } = desk();
    const look = one.look();
    one.hold(trouble);
    fail();
    await look;
    assert.deepEqual(one.view().trouble, trouble);
  });
});
