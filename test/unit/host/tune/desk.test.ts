import assert from "node:assert/strict";
import { Desk, type DeskTools } from "../../../../src/host/tune/desk";
import { RunQueue } from "../../../../src/host/tune/queue";

const trouble = { message: "Not saved: a.jsonl.", tries: [], actions: ["again"] } as const;

/** The plan of a task that is read when the test says so. */
function desk(others: Partial<DeskTools> = {}) {
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
