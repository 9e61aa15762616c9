import assert from "node:assert/strict";
import { set } from "./fake-vscode";
import type { Task } from "../../../src/core/schema";
import { workerEnvironment } from "../../../src/core/tuning/worker-process";
import { Job } from "../../../src/core/tuning/protocol";
import { runSettings, watchModelsFolder } from "../../../src/host/settings";
import { wishesOf } from "../../../src/host/tune/jobs";
import { Desk } from "../../../src/host/tune/desk";
import { RunQueue } from "../../../src/host/tune/queue";

const SETTINGS = ["device", "threads", "memoryLimit", "modelsFolder", "baseModel", "method"];

/** What the worker is asked, first for the plan of a run and then for the run, as the settings are. */
async function asked(task: Partial<Task> = {}): Promise<Job[]> {
  const jobs: Job[] = [];
  const desk: Desk = new Desk(
    "/tasks/a.plumb.json",
    {
      start: (job) => {
        jobs.push(Job.parse(job));
        const nothing = () => undefined;
        const ended = Promise.resolve({ kind: "paused", folder: "/run", step: 0 } as const);
        return { ended, stop: nothing, kill: nothing, send: nothing, end: nothing };
      },
      settings: () => runSettings(),
      readTask: () => Promise.resolve({ name: "a", ...task } as Task),
      models: () => Promise.resolve([]),
      history: () => Promise.resolve(null as never),
      explain: () => ({ message: "", tries: [], actions: [] }),
      now: () => 0,
    },
    new RunQueue<Desk>(),
    () => undefined,
  );
  await desk.look();
  await desk.tune();
  assert.deepEqual(
    jobs.map(({ type }) => type),
    ["forecast", "tune"],
  );
  return jobs;
}
const plain = { task: "/tasks/a.plumb.json", options: {}, engine: {} };
const both = (input: object) => ["forecast", "tune"].map((type) => ({ type, ...plain, ...input }));

describe("what the user has set", () => {
  afterEach(() => {
    for (const name of SETTINGS) set(`plumb.${name}`, undefined);
  });

  it("is asked of the worker neither for the plan nor for the run where nothing is set", async () => {
    assert.deepEqual(await asked(), both({}));
  });

  for (const [name, value, input] of [
    ["device", "cuda:all", { engine: { device: "cuda:all" } }],
    ["threads", 3, { engine: { threads: 3 } }],
    ["memoryLimit", 2.5, { engine: { memory: 2.5e9 } }],
    ["baseModel", " larger.gguf ", { base: "larger.gguf" }],
    ["method", "lora", { options: { method: "lora" } }],
  ] as const) {
    it(`is asked of the worker for the plan and for the run: ${name}`, async () => {
      set(`plumb.${name}`, value);
      assert.deepEqual(await asked(), both(input));
    });
  }

  it("holds for an adapter that answers, too", () => {
    set("plumb.device", "cpu");
    set("plumb.threads", 3);
    set("plumb.memoryLimit", 2.5);
    assert.deepEqual(wishesOf(runSettings()), { device: "cpu", threads: 3, memory: 2.5e9 });
    for (const none of [0, -1, 2.5, 1025]) {
      set("plumb.threads", none);
      assert.deepEqual(wishesOf(runSettings()), { device: "cpu", memory: 2.5e9 }, String(none));
    }
  });

  it("gives way to what the task names", async () => {
    set("plumb.baseModel", "larger.gguf");
    set("plumb.method", "lora");
    assert.deepEqual(await asked({ baseModel: "own.gguf", method: "bias" }), both({}));
  });

  it("is the folder of models of every worker that is started from then on, and no longer when it is taken back", () => {
    const before = process.env.PLUMB_MODELS;
    const folder = () => workerEnvironment(process.env).PLUMB_MODELS;
    const watch = watchModelsFolder();
    try {
      assert.equal(folder(), before);
      set("plumb.modelsFolder", " /disk/models ");
      assert.equal(folder(), "/disk/models");
      set("plumb.modelsFolder", "");
      assert.equal(folder(), before);
    } finally {
      set("plumb.modelsFolder", undefined);
      watch.dispose();
    }
  });
});
