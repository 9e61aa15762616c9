import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import type { FromWorker, Job } from "../../../src/core/tuning/protocol";
import type { RunPlan } from "../../../src/core/tuning/run-plan";
import { fakeTools, makeTask, QUICK, run, tune } from "./fake-task";

type ForecastJob = Extract<Job, { type: "forecast" }>;
const forecast = (task: string, more: Partial<ForecastJob> = {}): Job => ({
  type: "forecast",
  task,
  options: QUICK,
  engine: {},
  ...more,
});
const find = <T extends FromWorker["type"]>(messages: FromWorker[], type: T) =>
  messages.find((message): message is Extract<FromWorker, { type: T }> => message.type === type);

describe("the forecast of a run", () => {
  let task: Awaited<ReturnType<typeof makeTask>>;
  beforeEach(async () => {
    task = await makeTask("single", 90);
  });
  afterEach(() => task.remove());

  async function planOf(job: Job, tools = fakeTools()): Promise<RunPlan> {
    const { messages } = await run(job, tools);
    const planned = find(messages, "planned");
    assert.ok(planned);
    return planned.plan;
  }

  it("says what the run then does, and writes nothing", async () => {
    const before = await readdir(task.folder);
    const plan = await planOf(forecast(task.file));
    assert.deepEqual(await readdir(task.folder), before);
    const { messages } = await run(tune(task.file));
    const { message } = find(messages, "forecast")!;
    const counts = [plan.fit, plan.heldOut, plan.test];
    assert.match(message, new RegExp(counts.map((count) => `\\b${count}\\b`).join(".*")));
    assert.equal(plan.steps, QUICK.steps);
    assert.equal(plan.method, "ptuning-bias");
    // A step of the fake engine may take less than the clock can tell.
    assert.ok(plan.seconds >= 0);
    assert.ok(plan.bytes > 0);
  });

  it("tells what was checked before the engine is asked for anything", async () => {
    const broken = fakeTools(
      {},
      {
        engine: () => {
          throw new Error("no engine");
        },
      },
    );
    const messages: FromWorker[] = [];
    await assert.rejects(
      run(forecast(task.file), broken, (all) => (messages.push(...all), null)),
      /no engine/,
    );
    const { check } = find(messages, "checked")!;
    assert.equal(check.classes.length, 3);
    assert.equal(check.split!.train + check.split!.test, 90);
  });

  it("has no plan for what would be dishonest, and says why", async () => {
    const twin = (id: string, split: string) =>
      JSON.stringify({ id, text: "the very same text in both parts", label: "sad", split });
    const file = path.join(task.folder, "moods.jsonl");
    await writeFile(file, `${await readFile(file, "utf8")}${twin("x", "train")}\n${twin("y", "test")}\n`);
    const { messages, result } = await run(forecast(task.file));
    const { check } = find(messages, "checked")!;
    assert.equal(check.runnable, false);
    assert.ok(check.findings.some(({ severity, places }) => severity === "error" && places.length > 0));
    assert.equal(find(messages, "planned"), undefined);
    assert.equal(result?.folder, null);
  });

  it("takes more time with folds, in proportion", async () => {
    // One row takes a second, whatever the machine.
    let clock = 0;
    const tools = () => fakeTools({}, { now: () => new Date((clock += 1000)) });
    const [once, fivefold] = [
      await planOf(forecast(task.file), tools()),
      await planOf(forecast(task.file, { folds: 5 }), tools()),
    ];
    assert.ok(fivefold.seconds > 5 * once.seconds * 0.8, `${once.seconds} ${fivefold.seconds}`);
    assert.equal(fivefold.folds, 5);
  });

  it("says that there is no graphics card where one is wished for", async () => {
    const plan = await planOf(forecast(task.file, { engine: { device: "cuda" } }));
    assert.match(plan.decisions.join(), /^No graphics card: .+\.$/);
    assert.deepEqual((await planOf(forecast(task.file, { engine: { device: "cpu" } }))).decisions, []);
  });

  it("counts on the memory of the GPU that is wished for, and names it", async () => {
    const card = {
      id: "cuda:0",
      name: "A card",
      memory: 8e9,
      freeMemory: 7e9,
      capability: "8.9",
      driver: "13.0",
      precision: "bfloat16",
      cublas: null,
      cublasFile: null,
      cublasMissing: "",
    } as const;
    const plan = await planOf(
      forecast(task.file, { engine: { device: "cuda" } }),
      fakeTools({ gpus: { gpus: [card], cudaMissing: "" } }),
    );
    assert.equal(plan.device, "A card");
    assert.equal(plan.available, 7e9);
  });
});
