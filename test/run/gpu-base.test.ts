import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { loadEngine } from "../../src/core/engine";
import { BaseManifest } from "../../src/core/schema";
import type { FromWorker, Job } from "../../src/core/tuning/protocol";
import { giveBackMemory, leaveEmulatedGpu, takeAllMemory, useEmulatedGpu } from "../addon/reference-session";
import { Reference } from "../fixtures/reference";
import { baseTools, makePlace, type Place } from "../unit/base/place";
import { fakeBaseModel, fakeTokenizer } from "../unit/tuning/fake-engine";
import { rows, run } from "../unit/tuning/fake-task";

/** A base model that is trained on the emulated GPU, with moments of 8 bits. */
const table = new Reference("tiny").table("huggingface");
const tools = baseTools(
  {},
  {
    engine: loadEngine,
    gpus: () => Promise.resolve(loadEngine().gpus()),
    openBaseModel: () =>
      Promise.resolve(fakeBaseModel({ table, tokenizer: { ...fakeTokenizer, endOfText: 299 } })),
  },
);

const stepsDone = (messages: readonly FromWorker[]) =>
  Math.max(0, ...messages.map((message) => (message.type === "progress" ? message.done : 0)));

describe("a base training on a GPU", function () {
  this.timeout(300_000);
  let place: Place;
  before(async () => {
    useEmulatedGpu();
    place = await makePlace();
    await place.task("one", "single", rows("single", 30, 1));
    await place.write({ tasks: ["one.plumb.json"], steps: 3, evaluateEvery: 2, batch: 4, rate: 1e-3 });
  });
  afterEach(giveBackMemory);
  after(() => {
    leaveEmulatedGpu();
    return place.remove();
  });

  const job = (name: string): Job => ({
    type: "base-train",
    list: place.list,
    out: path.join(place.folder, name),
    engine: { device: "cuda", optimizer: "adamw-8bit", microBatch: 128 },
  });
  const resume = (name: string): Job => ({ type: "base-resume", folder: path.join(place.folder, name) });
  const manifestOf = async (name: string) =>
    BaseManifest.parse(JSON.parse(await readFile(path.join(place.folder, name, "training.json"), "utf8")));
  const weightsOf = (name: string) => readFile(path.join(place.folder, name, "model.safetensors"));
  /** Calls `event` at the second micro-batch behind so many steps. */
  const inTheMiddleOf = (step: number, event: () => "pause" | null) => {
    let asked = 0;
    return (messages: FromWorker[]) =>
      messages.length > 0 && stepsDone(messages) === step && ++asked === 2 ? event() : null;
  };

  it("says where it was, and goes on to the bit from where it was paused", async () => {
    const { messages } = await run(job("straight"), tools);
    const { engine, status } = await manifestOf("straight");
    assert.equal(status, "finished");
    const { device, place: where, products, optimizer } = engine;
    assert.deepEqual(
      [device, where, products, optimizer],
      ["emulated GPU", "cuda:0", "own kernel", "adamw-8bit"],
    );
    assert.ok(
      messages.some(
        (message) =>
          message.type === "forecast" && message.message.endsWith("of the memory of emulated GPU."),
      ),
    );
    assert.ok(
      (
        await run(
          job("stopped"),
          tools,
          inTheMiddleOf(1, () => "pause"),
        )
      ).paused,
    );
    assert.ok((await run(resume("stopped"), tools)).result);
    assert.deepEqual(await weightsOf("stopped"), await weightsOf("straight"));
  });

  it("takes smaller micro-batches where the GPU's memory runs out, once, and says so", async () => {
    const taking = () => {
      takeAllMemory();
      return null;
    };
    const [first, second] = [inTheMiddleOf(1, taking), inTheMiddleOf(2, taking)];
    await run(job("smaller"), tools, first);
    const { smallerBatches, engine, decisions, resumed } = await manifestOf("smaller");
    assert.equal(smallerBatches?.step, 1);
    assert.ok(engine.trainRows <= 64);
    assert.match(decisions.at(-1)!, /ran out after 1 step of/);
    assert.deepEqual(resumed, []);
    giveBackMemory();
    const again = inTheMiddleOf(1, taking);
    await assert.rejects(
      run(job("ended"), tools, (messages) => again(messages) ?? second(messages)),
      /ran out again/,
    );
    giveBackMemory();
    assert.equal((await manifestOf("ended")).status, "paused");
    assert.ok((await run(resume("ended"), tools)).result);
    assert.deepEqual(await weightsOf("ended"), await weightsOf("smaller"));
  });
});
