import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { lookText } from "../../../src/cli/base";
import type { Gpu } from "../../../src/core/engine";
import { type BaseLook, BaseManifest, Contamination } from "../../../src/core/schema";
import { runJob } from "../../../src/core/tuning/job";
import { PROCESS_BYTES, SHARE_OF_MEMORY } from "../../../src/core/tuning/forecast";
import type { FromWorker, Job } from "../../../src/core/tuning/protocol";
import { fakeTable } from "../tuning/fake-engine";
import { gpusWith, rows, run } from "../tuning/fake-task";
import { baseTools, makePlace, type Place } from "./place";

const looksOf = (messages: readonly FromWorker[]) =>
  messages.flatMap((message) => (message.type === "look" ? [message.look] : []));

describe("a base training", function () {
  this.timeout(60_000);
  let place: Place;
  beforeEach(async () => {
    place = await makePlace();
  });
  afterEach(() => place.remove());

  const job = (more: Partial<Extract<Job, { type: "base-train" }>> = {}): Job => ({
    type: "base-train",
    list: place.list,
    out: place.out,
    engine: {},
    ...more,
  });
  const resume = (folder = place.out): Job => ({ type: "base-resume", folder, checkpointSeconds: 0 });
  const manifestOf = async (folder = place.out) =>
    BaseManifest.parse(JSON.parse(await readFile(path.join(folder, "training.json"), "utf8")));
  const weightsOf = (folder = place.out) => readFile(path.join(folder, "model.safetensors"));

  it("leaves a model with its page, what it was trained on and what was left out, and nothing to go on from", async () => {
    const { result, messages } = await run(job(), baseTools());
    assert.equal(result?.folder, place.out);
    assert.deepEqual((await readdir(place.out)).sort(), [
      "README.md",
      "config.json",
      "contamination.json",
      "model.safetensors",
      "tokenizer.json",
      "training-log.jsonl",
      "training.json",
    ]);
    const manifest = await manifestOf();
    assert.equal(manifest.status, "finished");
    assert.deepEqual(manifest.looks, looksOf(messages));
    assert.deepEqual(
      manifest.looks.map(({ step }) => step),
      [0, 6, 12, 18, 24],
    );
    for (const { fit, heldOut } of manifest.tasks) {
      assert.ok(heldOut.length > 0);
      assert.ok(fit.every((id) => !heldOut.includes(id)));
    }
    const page = await readFile(path.join(place.out, "README.md"), "utf8");
    assert.match(page, /Fake 150M.*fingerprint `f{64}`/);
    for (const { name } of manifest.tasks) assert.match(page, new RegExp(`\\| ${name} \\|`));
    Contamination.parse(JSON.parse(await readFile(path.join(place.out, "contamination.json"), "utf8")));
    const texts = rows("single", 120, 1).map(({ text }) => text);
    for (const file of await readdir(place.out)) {
      const content = await readFile(path.join(place.out, file), "utf8");
      assert.ok(!texts.some((text) => content.includes(text)), `${file} holds no texts`);
    }
  });

  it("learns all tasks together, and keeps the look with the highest mean", async () => {
    await place.write({ steps: 160, evaluateEvery: 40, rate: 0.1 });
    const { messages } = await run(job(), baseTools());
    const looks = looksOf(messages);
    const best = looks.reduce((one, other) => (other.quality > one.quality ? other : one));
    assert.ok(best.quality > looks[0]!.quality + 0.1, lookText(best, looks[0]!));
    best.tasks.forEach(({ loss }, i) =>
      assert.ok(loss < looks[0]!.tasks[i]!.loss, lookText(best, looks[0]!)),
    );
    assert.equal((await manifestOf()).bestStep, best.step);
    for (const look of looks) {
      const mean = look.tasks.reduce((sum, { quality }) => sum + quality, 0) / 3;
      assert.ok(Math.abs(look.quality - mean) < 1e-12);
    }
  });

  it("never learns from the test parts, nor from more examples than asked for", async () => {
    await place.write({ examplesPerTask: 30 });
    await place.task(
      "one",
      "single",
      rows("single", 120, 1).map((row, i) => ({ ...row, split: i % 2 === 0 ? "test" : "train" })),
    );
    await run(job(), baseTools());
    const { tasks } = await manifestOf();
    for (const { fit, heldOut } of tasks) assert.ok(fit.length + heldOut.length <= 30);
    const [one] = tasks;
    const tested = new Set(rows("single", 120, 1).flatMap(({ id }, i) => (i % 2 === 0 ? [id] : [])));
    assert.ok([...one!.fit, ...one!.heldOut].every((id) => !tested.has(id)));
  });

  it("gives the same bits for the same seed, other ones for another", async () => {
    const other = path.join(place.folder, "other");
    await run(job(), baseTools());
    await run(job({ out: other }), baseTools());
    assert.deepEqual(await weightsOf(), await weightsOf(other));
    await place.write({ seed: 1 });
    const third = path.join(place.folder, "third");
    await run(job({ out: third }), baseTools());
    assert.notDeepEqual(await weightsOf(third), await weightsOf());
  });

  it("goes on to the bit from wherever it was paused, in a look too", async () => {
    const straight = path.join(place.folder, "straight");
    const { messages } = await run(job({ out: straight, checkpointSeconds: 0 }), baseTools());
    const expected = await weightsOf(straight);
    let asked = 0;
    // Every question whether to stop is a place to stop at.
    await run(job({ out: path.join(place.folder, "counted") }), baseTools(), () => {
      asked++;
      return null;
    });
    for (let at = 2; at <= asked; at += 7) {
      const out = path.join(place.folder, `paused-${at}`);
      let count = 0;
      const paused = await run(job({ out }), baseTools(), () => (++count >= at ? "pause" : null));
      assert.ok(paused.paused, `stop ${at} of ${asked}`);
      assert.equal((await manifestOf(out)).status, "paused");
      await run(resume(out), baseTools());
      assert.deepEqual(await weightsOf(out), expected, `stop ${at} of ${asked}`);
      const manifest = await manifestOf(out);
      assert.deepEqual(manifest.looks, looksOf(messages));
      assert.equal(manifest.resumed.length, 1);
    }
  });

  it("goes on to the bit from wherever it was killed", async () => {
    const straight = path.join(place.folder, "straight");
    const { messages } = await run(job({ out: straight, checkpointSeconds: 0 }), baseTools());
    const expected = await weightsOf(straight);
    const first = messages.findIndex(({ type }) => type === "started");
    for (let at = first + 1; at < messages.length; at += 5) {
      const out = path.join(place.folder, `killed-${at}`);
      let count = 0;
      const killed = runJob(job({ out, checkpointSeconds: 0 }), baseTools(), {
        send: () => {
          if (++count > at) throw new Error("killed");
        },
        stop: () => null,
        texts: () => ({
          [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
        }),
      });
      await assert.rejects(killed, /killed/);
      if ((await manifestOf(out)).status === "finished") continue;
      await run(resume(out), baseTools());
      assert.deepEqual(await weightsOf(out), expected, `message ${at} of ${messages.length}`);
    }
  });

  it("stops when the mean rises no more, and says so where nothing was better than the base", async () => {
    await place.write({ steps: 200, patience: 2 });
    const { messages, result } = await run(job(), baseTools({ frozen: true }));
    assert.deepEqual(
      looksOf(messages).map(({ step }) => step),
      [0, 6, 12],
    );
    assert.equal(result?.early, true);
    const notes = messages.flatMap((message) => (message.type === "note" ? [message.message] : []));
    assert.match(notes.at(-1)!, /No look was better than the base model itself/);
  });

  it("leaves out what stands in a benchmark, keeps the list, and refuses a task that is one", async () => {
    const taken = rows("single", 120, 1).slice(0, 25);
    await place.task("judged", "single", [
      ...taken,
      ...rows("single", 20, 77).map((row) => ({ ...row, id: `n${row.id}` })),
    ]);
    await place.write({ benchmarks: ["judged.plumb.json"] });
    await run(job(), baseTools());
    const found = Contamination.parse(
      JSON.parse(await readFile(path.join(place.out, "contamination.json"), "utf8")),
    );
    const left = found.tasks[0]!.leftOut.map(({ id }) => id);
    const { tasks } = await manifestOf();
    assert.ok(left.length > 10);
    assert.ok([...tasks[0]!.fit, ...tasks[0]!.heldOut].every((id) => !left.includes(id)));
    const used = new Set([...tasks[0]!.fit, ...tasks[0]!.heldOut]);
    for (const { id } of taken) assert.ok(!used.has(id), id);

    await place.task("judged", "single", rows("single", 120, 1));
    await assert.rejects(
      run(job({ out: path.join(place.folder, "second") }), baseTools()),
      /one\.plumb\.json cannot be learned: \d+ of its \d+ training examples stand in benchmarks \(judged first\)/,
    );
    assert.ok(!existsSync(path.join(place.folder, "second")), "nothing was begun");
  });

  it("with --dry-run says what it would do and cost, and writes nothing", async () => {
    const { messages, result } = await run(job({ dryRun: true }), baseTools());
    assert.equal(result?.folder, null);
    assert.ok(!existsSync(place.out));
    const forecast = messages.find(({ type }) => type === "forecast") as { message: string };
    assert.match(
      forecast.message,
      /Trains all .* of 3 tasks, 24 steps of 8, .*: at most about .* of memory\.$/,
    );
  });

  it("refuses a folder that holds anything, two at once, and one that is finished", async () => {
    await mkdir(place.out);
    await writeFile(path.join(place.out, "thesis.txt"), "mine");
    await assert.rejects(run(job(), baseTools()), /is not empty \(it holds thesis\.txt\)/);
    const out = path.join(place.folder, "new");
    const both = await Promise.allSettled([
      run(job({ out }), baseTools({ delay: 1 })),
      run(job({ out }), baseTools({ delay: 1 })),
    ]);
    const failed = both.flatMap((end) => (end.status === "rejected" ? [(end.reason as Error).message] : []));
    assert.equal(failed.length, 1);
    assert.match(failed[0]!, /in use by process|holds a training already/);
    await assert.rejects(run(resume(out), baseTools()), /is finished/);
    await assert.rejects(run(job({ out }), baseTools()), /holds a training already.*--resume/);
    await assert.rejects(run(resume(place.folder), baseTools()), /holds no training/);
  });

  it("refuses to go on where a text, a task or the base model has changed, or a checkpoint is damaged", async () => {
    const pauseAt = (at: number) => {
      let count = 0;
      return () => (++count >= at ? ("pause" as const) : null);
    };
    await run(job({ checkpointSeconds: 0 }), baseTools(), pauseAt(12));
    const file = path.join(place.folder, "one.jsonl");
    const whole = await readFile(file, "utf8");
    await writeFile(file, whole.replaceAll("happy", "hasty"));
    await assert.rejects(run(resume(), baseTools()), /one\.plumb\.json or its examples have changed/);
    await writeFile(file, whole);
    const other = baseTools();
    const changed = { ...(await other.openBaseModel("")), fingerprint: "0".repeat(64) };
    await assert.rejects(
      run(resume(), baseTools({}, { openBaseModel: () => Promise.resolve(changed) })),
      /is not the file that the training began with/,
    );
    const last = path.join(place.out, "checkpoint", "last.safetensors");
    const bytes = await readFile(last);
    for (const cut of [4, 40, bytes.length - 1]) {
      await writeFile(last, bytes.subarray(0, cut));
      await assert.rejects(
        run(resume(), baseTools()),
        /last\.safetensors cannot be (used|resumed from)/,
        `${cut} bytes`,
      );
    }
    await writeFile(last, bytes);
    assert.ok((await run(resume(), baseTools())).result);
  });

  it("refuses what does not fit into memory, in a sentence with what would be needed", async () => {
    const little = baseTools({}, { availableMemory: () => 5e7 });
    await assert.rejects(
      run(job(), little),
      /Not enough memory: training all .* parameters needs .* take a smaller base model/,
    );
    assert.ok(!existsSync(place.out));
  });

  it("keeps moments of 8 bits where 32 do not fit, or where it is told to, and says so", async () => {
    const { config } = fakeTable;
    const large = { ...config, intermediateSize: 1e6 };
    const model = await baseTools().openBaseModel("");
    const wide = {
      openBaseModel: () => Promise.resolve({ ...model, table: { ...model.table, config: large } }),
      // Room for less than 34 bytes for each of 24 million parameters, and for more than 22.
      availableMemory: () => (28 * 24e6 + PROCESS_BYTES) / SHARE_OF_MEMORY,
    };
    const tools = baseTools({ bytesPerRow: 0 }, wide);
    await run(job(), tools);
    const { engine, decisions } = await manifestOf();
    assert.equal(engine.optimizer, "adamw-8bit");
    assert.match(decisions.join(" "), /moments in 8 bits, because 32 do not fit/);
    const other = { out: path.join(place.folder, "other") };
    await assert.rejects(
      run(job({ ...other, engine: { optimizer: "adamw" } }), tools),
      /Not enough memory.* small micro-batches and recomputed/,
    );
    await run(job({ ...other, engine: { optimizer: "adamw-8bit" } }), baseTools());
    assert.equal((await manifestOf(other.out)).engine.optimizer, "adamw-8bit");
  });

  it("computes on the first of the GPUs that are named, in micro-batches as large as its memory takes", async () => {
    const card = (id: string): Gpu => ({
      id,
      name: "Card",
      memory: 8e9,
      freeMemory: 7e9,
      capability: "9.0",
      driver: "13.0",
      precision: "bfloat16",
      cublas: null,
      cublasFile: null,
      cublasMissing: "cuBLAS was not found",
    });
    const gpus = {
      gpus: [card("cuda:0"), card("cuda:1")],
      cudaMissing: "",
      nccl: { version: "2.32.3", file: "/opt/libnccl.so.2", missing: "" },
    };
    await run(job({ engine: { device: "cuda:0,1" } }), baseTools({ gpus }));
    const { place: where, device, trainRows } = (await manifestOf()).engine;
    assert.deepEqual([where, device, trainRows], ["cuda:0", "Card", 4096]);
  });

  it("computes on the GPU that is there where that has room, and goes on there or not at all", async () => {
    const small = baseTools({ gpus: gpusWith(1e5) });
    await run(job(), small);
    const { engine, decisions } = await manifestOf();
    assert.equal(engine.place, "cpu");
    assert.match(
      decisions.join(" "),
      /The processor does the work, since at least .* and 0 MB may be used\./,
    );
    const out = path.join(place.folder, "other");
    const card = baseTools({ gpus: gpusWith(7e9) });
    await run(job({ out }), card, (messages) => (messages.length > 30 ? "pause" : null));
    assert.deepEqual(
      [(await manifestOf(out)).engine.place, (await manifestOf(out)).status],
      ["cuda:0", "paused"],
    );
    await assert.rejects(
      run(resume(out), baseTools()),
      /begun on a GPU, and none can be used now: no NVIDIA driver was found\./,
    );
    assert.ok((await run(resume(out), card)).result);
  });

  it("stops at a loss that is no number, and does not go on with it", async () => {
    await assert.rejects(
      run(job(), baseTools({ nanFrom: 7 })),
      /Step 8: the loss is not a finite number. Set "rate" to half/,
    );
    assert.equal((await manifestOf()).status, "trouble");
    await assert.rejects(run(resume(), baseTools()), /would end the same way again/);
  });

  for (const [what, content, message] of [
    ["no JSON", "{", /not JSON/],
    ["an unknown field", { learningRate: 1 }, /learningRate/],
    ["no tasks", { tasks: [] }, /field "tasks"/],
    ["a temperature below 1", { temperature: 0.5 }, /field "temperature"/],
    ["a task twice", { tasks: ["one.plumb.json", "./one.plumb.json"] }, /names .*one\.plumb\.json twice/],
    [
      "a task that is a benchmark",
      { benchmarks: ["one.plumb.json"] },
      /is to be learned and is a benchmark at once/,
    ],
    ["a task that is not there", { tasks: ["gone.plumb.json"] }, /There is no task file .*gone\.plumb\.json/],
    ["a benchmark that is not there", { benchmarks: ["gone.plumb.json"] }, /gone\.plumb\.json/],
  ] as const)
    it(`refuses a list with ${what}`, async () => {
      if (typeof content === "string") await writeFile(place.list, content);
      else await place.write(content);
      await assert.rejects(run(job(), baseTools()), message);
      assert.ok(!existsSync(place.out));
    });

  it("refuses two tasks of one name, and a task with too few examples", async () => {
    await place.task("many", "multi", rows("multi", 60, 2), { name: "one" });
    await assert.rejects(run(job(), baseTools()), /are both named "one"/);
    await place.task("many", "multi", rows("multi", 8, 2));
    await assert.rejects(
      run(job(), baseTools()),
      /many\.plumb\.json has \d examples to learn from, and at least 10 are needed/,
    );
  });

  it("shows quality by task with the way from the first look", () => {
    const look = (step: number, quality: number): BaseLook => ({
      step,
      quality,
      loss: 1,
      tasks: [{ name: "emotion", quality, loss: 1 }],
    });
    const [first, second] = [look(0, 0.25), look(8, 0.125)];
    assert.match(
      lookText(first, null),
      /after 0 steps:\n {2}emotion {2}0\.250 {2}loss 1\.000\n {2}mean {5}0\.250/,
    );
    assert.match(lookText(second, first), /emotion {2}0\.125 {2}-0\.125 {2}loss 1\.000/);
  });
});

describe("base export", () => {
  it("writes a model into an empty folder only, and says where it is", async () => {
    const place = await makePlace();
    try {
      const job: Job = { type: "base-export", out: place.out };
      assert.equal((await run(job, baseTools())).result?.folder, place.out);
      assert.deepEqual((await readdir(place.out)).sort(), [
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
      ]);
      await assert.rejects(run(job, baseTools()), /is not empty/);
    } finally {
      await place.remove();
    }
  });
});
