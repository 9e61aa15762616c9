import assert from "node:assert/strict";
import { PlumbError } from "../../../../src/core/errors";
import { Desk, type DeskTools } from "../../../../src/host/tune/desk";
import { RunQueue } from "../../../../src/host/tune/queue";

const trouble = { message: "Not saved: a.jsonl.", tries: [], actions: ["again"] } as const;

/** The plan of a task that is read when the test says so. */
function desk(others: Partial<DeskTools> = {}, queue = new RunQueue<Desk>()) {
  let fail: (error: Error) => void = () => assert.fail("nothing is read yet");
  const tools: DeskTools = {
    start: () => assert.fail("a worker was started"),
    settings: () => ({ method: "", baseModel: "" }) as ReturnType<DeskTools["settings"]>,
    readTask: () => new Promise((_, reject) => (fail = reject)),
    models: () => Promise.resolve([]),
    history: () => assert.fail("a history was read"),
    explain: () => ({ message: "Task unreadable.", tries: [], actions: [] }),
    now: () => 0,
    ...others,
  };
  const one = new Desk("/tasks/a.plumb.json", tools, queue, () => undefined);
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

  it("offers each base model once, the one that is taken anyway as that", async () => {
    const model = (name: string, isDefault: boolean) => ({
      ...{ name, aliases: [], path: `/models/${name}.gguf`, source: "Plumb" as const, bytes: 1 },
      ...{ broken: null, unsupported: null, isDefault },
    });
    const models = [model("SmolLM2-135M-Instruct.Q4_1", true), model("larger", false), model("other", false)];
    const offered = async (baseModel: string) => {
      const { one } = desk({
        models: () => Promise.resolve(models),
        settings: () => ({ method: "", baseModel }) as ReturnType<DeskTools["settings"]>,
        readTask: () => Promise.resolve({ name: "a" } as Awaited<ReturnType<DeskTools["readTask"]>>),
        start: () => {
          throw new Error("no plan is wanted here");
        },
      });
      await one.look().catch(() => undefined);
      return one.view().models.map(({ value, name }) => (value === null ? `(${name})` : name));
    };
    assert.deepEqual(await offered(""), ["(SmolLM2-135M-Instruct)", "larger", "other"]);
    assert.deepEqual(await offered("larger.gguf"), ["(larger.gguf)", "SmolLM2-135M-Instruct.Q4_1", "other"]);
  });
});

describe("a run whose task another window is tuning", () => {
  const locked = new PlumbError("task-locked", "A task has one run at a time: /runs/first.");
  const nothing = () => undefined;
  const others = { stop: nothing, kill: nothing, send: nothing, end: nothing };
  const refusing: Partial<DeskTools> = {
    readTask: () => Promise.resolve({ name: "a" } as Awaited<ReturnType<DeskTools["readTask"]>>),
    start: () => ({ ...others, ended: Promise.reject(locked) }),
    history: () => Promise.resolve({ losses: [], looks: [] }),
    explain: (error, { folder }) => ({
      message: (error as Error).message,
      tries: [],
      actions: [folder === null ? "again" : "resume"],
    }),
  };

  it("is refused when it is planned, in the words of the lock", async () => {
    const { one } = desk(refusing);
    await one.look();
    assert.equal(one.view().stage, "refused");
    assert.equal(one.view().trouble?.message, locked.message);
    assert.equal(await one.tune(), null);
  });

  it("is refused when its turn comes, and leaves the turn to the next", async () => {
    const queue = new RunQueue<Desk>();
    const { one: second } = desk(refusing, queue);
    const { one: third } = desk(refusing, queue);
    const first = desk({}, queue).one;
    assert.ok(await queue.turn(first));
    const ends = [second.resume("/runs/second"), third.resume("/runs/third")];
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(second.view().stage, "queued");
    queue.leave(first);
    for (const [at, end] of (await Promise.all(ends)).entries()) {
      assert.ok(end?.kind === "failed" && end.trouble.message === locked.message);
      assert.deepEqual(end.trouble.actions, ["resume"], "it can be gone on with later");
      assert.equal(end.folder, ["/runs/second", "/runs/third"][at]);
    }
    assert.deepEqual([second.view().stage, third.view().stage], ["failed", "failed"]);
    assert.ok(await queue.turn(first), "nobody is left at work");
  });
});
