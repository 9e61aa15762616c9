import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { EngineError, type ModelOptions } from "../../../src/core/engine";
import type { FromWorker, Job } from "../../../src/core/tuning/protocol";
import type { RunPlan } from "../../../src/core/tuning/run-plan";
import { fakeTools, gpusWith, makeTask, QUICK, run, tune } from "./fake-task";

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

  it("has no plan for texts that the model would hardly see, and says where they stand, beside what else was found", async () => {
    const file = path.join(task.folder, "moods.jsonl");
    const long = JSON.stringify({ id: "x", text: "so long ".repeat(20_000), label: "sad" });
    await writeFile(file, `${await readFile(file, "utf8")}${long}\n`);
    const { messages, result } = await run(forecast(task.file));
    const [before, after] = messages.flatMap((one) => (one.type === "checked" ? [one.check] : []));
    assert.equal(before!.runnable, true);
    assert.equal(after!.runnable, false);
    const [first, ...rest] = after!.findings;
    assert.equal(first!.code, "text-far-too-long");
    assert.deepEqual(
      first!.places.map(({ file: where, line }) => [where, line]),
      [[file, 91]],
    );
    assert.deepEqual(rest, before!.findings);
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

  it("says once that there is no graphics card, unless the processor is wished for", async () => {
    for (const engine of [{}, { device: "cuda" }]) {
      const { decisions, device } = await planOf(forecast(task.file, { engine }));
      assert.equal(device, "Fake processor");
      assert.match(decisions.join(), /^The processor does the work, since [^.]+\.$/);
    }
    assert.deepEqual((await planOf(forecast(task.file, { engine: { device: "cpu" } }))).decisions, []);
  });

  it("counts on the memory of the GPU that is there, wished for or not, and names it", async () => {
    for (const engine of [{}, { device: "cuda" }]) {
      const { device, available, decisions } = await planOf(
        forecast(task.file, { engine }),
        fakeTools({ gpus: gpusWith(7e9) }),
      );
      assert.deepEqual([device, available, decisions], ["A card", 7e9, []]);
    }
    const cpu = forecast(task.file, { engine: { device: "cpu" } });
    assert.equal((await planOf(cpu, fakeTools({ gpus: gpusWith(7e9) }))).device, "Fake processor");
  });

  it("is the processor's where the GPU does not hold the run, and says so with both figures", async () => {
    const plan = (engine: ForecastJob["engine"]) =>
      planOf(forecast(task.file, { engine }), fakeTools({ gpus: gpusWith(1e6), bytesPerRow: 1e5 }));
    const { device, decisions, available } = await plan({});
    assert.deepEqual([device, available], ["Fake processor", 8e9]);
    assert.match(
      decisions.join(),
      /^The processor does the work, since at least \d+ MB of .* \(A card\) would be needed, and 1 MB may be used\.$/,
    );
    await assert.rejects(plan({ device: "cuda" }), /Not enough memory on the GPU \(A card\)/);
  });

  it("converts the weights for each use on a GPU that has no room for copies of them", async () => {
    const full = new EngineError("out-of-memory", "GPU: reserving memory: out of memory");
    const gpuError = (weights: ModelOptions["weights"]) => (weights === "keep" ? full : null);
    const { device, decisions } = await planOf(
      forecast(task.file),
      fakeTools({ gpus: gpusWith(7e9), gpuError }),
    );
    assert.equal(device, "A card");
    assert.match(
      decisions.join(),
      /^Weights are converted for each use, because keeping them converted does not/,
    );
  });
});
