import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { loadEngine } from "../../src/core/engine";
import { PlumbError } from "../../src/core/errors";
import type { Manifest } from "../../src/core/schema";
import type { FromWorker, Job } from "../../src/core/tuning/protocol";
import { giveBackMemory, leaveEmulatedGpu, takeAllMemory, useEmulatedGpu } from "../addon/reference-session";
import { Reference } from "../fixtures/reference";
import { fakeBaseModel, fakeTokenizer } from "../unit/tuning/fake-engine";
import { fakeTools, makeTask, run, tune } from "../unit/tuning/fake-task";

/** Another program takes the memory of the emulated GPU while a run is under way. */
const table = new Reference("tiny").table("huggingface");
const tools = fakeTools(
  {},
  {
    engine: loadEngine,
    gpus: () => Promise.resolve(loadEngine().gpus()),
    openBaseModel: () =>
      Promise.resolve(fakeBaseModel({ table, tokenizer: { ...fakeTokenizer, endOfText: 299 } })),
  },
);
/** Dropout draws a random number for every pass; several micro-batches make a step. */
const options = {
  method: "lora",
  lora: { rank: 2, dropout: 0.2 },
  steps: 4,
  batch: 6,
  evaluateEvery: 2,
} as const;
const engine = { device: "cuda", microBatch: 200 };

const steps = (messages: readonly FromWorker[]) =>
  messages
    .flatMap((message) => (message.type === "progress" && message.phase === "tune" ? [message] : []))
    .at(-1);
const files = (folder: string) => ({
  manifest: async () => JSON.parse(await readFile(path.join(folder, "manifest.json"), "utf8")) as Manifest,
  adapter: () => readFile(path.join(folder, "adapter.safetensors")),
});

describe("the GPU's memory that runs out in the middle", function () {
  this.timeout(300_000);
  let task: Awaited<ReturnType<typeof makeTask>>;
  let job: Job;
  before(async () => {
    useEmulatedGpu();
    task = await makeTask("single", 40);
    job = tune(task.file, { options, engine });
  });
  afterEach(giveBackMemory);
  after(() => {
    leaveEmulatedGpu();
    return task.remove();
  });

  /** Calls `event` before the second micro-batch behind so many steps. */
  const secondMicroBatchOf = (step: number, event: () => "pause" | null) => {
    let asked = 0;
    return (messages: FromWorker[]) => {
      // The other program ends before anything is scored: that has a test of its own.
      if (steps(messages)?.done === options.steps) giveBackMemory();
      if (steps(messages)?.done !== step) return null;
      return ++asked === 2 ? event() : null;
    };
  };
  const vanishAt = (step: number) =>
    secondMicroBatchOf(step, () => {
      takeAllMemory();
      return null;
    });

  it("makes the run do that step again with half the tokens in a micro-batch, as its record says", async () => {
    const { folder, messages, result } = await run(job, tools, vanishAt(2));
    assert.ok(result);
    const manifest = await files(folder).manifest();
    const { smallerBatches, decisions } = manifest;
    assert.ok(smallerBatches);
    const { from, to, step, phase } = smallerBatches;
    assert.deepEqual([phase, step], ["final", 2]);
    assert.deepEqual(from, { trainRows: 200, scoreRows: 1024 });
    assert.ok(to.trainRows > 50 && to.trainRows <= 100);
    assert.equal(to.scoreRows, 512);
    assert.equal(manifest.engine.trainRows, to.trainRows);
    assert.deepEqual(manifest.resumed, []);
    assert.match(decisions.at(-1)!, /ran out after 2 steps .*no longer equal to the bit/);
    assert.ok(messages.some((message) => message.type === "note" && message.message === decisions.at(-1)));
    const log = await readFile(path.join(folder, "log.jsonl"), "utf8");
    assert.match(log, /"event":"smaller-batches".*"phase":"final","step":2/);

    // One that was stopped there, half of the step's gradient computed, and went on with these micro-batches.
    giveBackMemory();
    const stopped = await run(
      job,
      tools,
      secondMicroBatchOf(2, () => "pause"),
    );
    assert.equal(stopped.paused?.step, 2);
    const other = files(stopped.folder);
    const edited = { ...(await other.manifest()), engine: manifest.engine };
    await writeFile(path.join(stopped.folder, "manifest.json"), JSON.stringify(edited));
    assert.ok((await run({ type: "resume", run: stopped.folder }, tools)).result);
    assert.deepEqual(await other.adapter(), await files(folder).adapter());
  });

  it("ends the run in a sentence when it runs out again; all is saved, and it goes on with the same micro-batches", async () => {
    const [first, second] = [vanishAt(1), vanishAt(3)];
    let folder = "";
    await assert.rejects(
      run(job, tools, (messages) => {
        for (const message of messages) if (message.type === "started") folder = message.folder;
        return first(messages) ?? second(messages);
      }),
      (error: unknown) =>
        error instanceof PlumbError &&
        error.code === "gpu-memory" &&
        /ran out again .* at most \d+ tokens\. All that was done is saved in /.test(error.message),
    );
    giveBackMemory();
    const ended = await files(folder).manifest();
    assert.equal(ended.status, "paused");
    assert.match(ended.reason ?? "", /ran out again/);
    assert.equal(ended.smallerBatches?.step, 1);
    assert.ok((await run({ type: "resume", run: folder }, tools)).result);
    const { status, engine: used, resumed } = await files(folder).manifest();
    assert.equal(status, "finished");
    assert.deepEqual(used, ended.engine);
    assert.equal(resumed[0]?.step, 3);
    // Once more, with memory enough behind the first time.
    const whole = await run(job, tools, vanishAt(1));
    assert.deepEqual(await files(folder).adapter(), await files(whole.folder).adapter());
  });

  it("makes scoring smaller, too", async () => {
    // More texts than one batch takes.
    const larger = await makeTask("single", 120);
    let taken = false;
    const scored = tune(larger.file, { options: { ...options, steps: 1, heldOutShare: 0.3 }, engine });
    const { folder, result } = await run(scored, tools, (messages) => {
      const last = messages.at(-1);
      if (
        messages.some((message) => message.type === "note" && message.message.includes("texts were scored"))
      )
        giveBackMemory(); // The base model untuned wants room beside the tuned one.
      if (!taken && last?.type === "progress" && last.phase === "score") {
        taken = true;
        takeAllMemory();
      }
      return null;
    });
    assert.ok(result?.report);
    const { smallerBatches, engine: used } = await files(folder).manifest();
    assert.equal(smallerBatches?.step, null);
    assert.equal(used.scoreRows, 512);
    await larger.remove();
  });
});
