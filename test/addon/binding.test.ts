import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Batch, EngineError, type Session, loadEngine } from "../../src/core/engine";
import { Reference, fixtures } from "../fixtures/reference";
import { ALL_MAPS, openReference } from "./reference-session";

const engine = loadEngine();
const reference = new Reference("tiny");
const batch = reference.batch();
const STEP = {
  rates: { prompt: 0.01, bias: 0.003 },
  maxNorm: 1,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
};

/** Asserts that a call rejects with an EngineError of this code and with these words in its message. */
async function refuses(call: Promise<unknown>, code: string, ...words: string[]) {
  const error = await call.then(
    () => assert.fail(`nothing was refused; expected ${code}`),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof EngineError, String(error));
  assert.equal(error.code, code, error.message);
  for (const word of words) assert.ok(error.message.includes(word), `"${word}" is not in: ${error.message}`);
}

/** What JavaScript may pass, whatever the types say. */
const wrong = (value: unknown) => value as never;

/** A micro-batch that keeps the engine busy for a while: `texts` texts of 60 tokens behind the prompt. */
function longBatch(texts: number): Batch {
  const tokens = [-1, -2, -3, -4, -5];
  const segmentLength = [5];
  const segmentParent = [-1];
  const rows: number[] = [];
  for (let text = 0; text < texts; text++) {
    for (let i = 0; i < 60; i++) tokens.push((text * 31 + i * 7) % 300);
    segmentLength.push(60);
    segmentParent.push(0);
    rows.push(tokens.length - 1);
  }
  return {
    tokens: Int32Array.from(tokens),
    segmentLength: Int32Array.from(segmentLength),
    segmentParent: Int32Array.from(segmentParent),
    choiceRow: Int32Array.from(rows),
    choiceStart: Int32Array.from([...rows.map((_, i) => 2 * i), 2 * rows.length]),
    candidates: Int32Array.from(rows.flatMap(() => [1, 2])),
    choiceAnswer: Int32Array.from(rows, () => 1),
    choiceWeight: Float32Array.from(rows, () => 1),
    targetRow: new Int32Array(),
    targetToken: new Int32Array(),
    targetWeight: new Float32Array(),
  };
}

describe("the addon", () => {
  it("refuses what is no table, config or option, by name", async () => {
    const table = reference.table("huggingface");
    await refuses(engine.openModel(wrong(undefined)), "argument", "table");
    await refuses(engine.openModel(wrong({ ...table, files: "x" })), "argument", "table.files");
    await refuses(engine.openModel(wrong({ ...table, tensors: [7] })), "argument", "table.tensors");
    await refuses(engine.openModel(wrong({ ...table, config: {} })), "argument", "hiddenSize");
    const [first, ...rest] = table.tensors;
    assert.ok(first);
    const withTensor = (tensor: unknown) => engine.openModel(wrong({ ...table, tensors: [tensor, ...rest] }));
    await refuses(withTensor({ ...first, type: "q9_9" }), "element-type", "q9_9");
    await refuses(withTensor({ ...first, offset: 0.5 }), "argument", "offset");
    await refuses(withTensor({ ...first, offset: 2 ** 60 }), "argument", "offset");
    await refuses(withTensor({ ...first, rows: "sideways" }), "argument", "rows");
    await refuses(engine.openModel(table, wrong({ precision: "int4" })), "argument", "precision");
    await refuses(engine.openModel(table, { threads: -1 }), "argument", "threads");
    await refuses(engine.openModel(table, { threads: 1.5 }), "argument", "threads");
    await refuses(engine.openModel(table, wrong({ weights: "maybe" })), "argument", "weights");
  });

  it("refuses files that are missing, folders, pipes, empty or cut short, by their path", async () => {
    const table = reference.table("huggingface");
    const folder = mkdtempSync(path.join(tmpdir(), "plumb-addon-"));
    try {
      const file = path.join(folder, "weights.bin");
      const open = (name: string) => engine.openModel({ ...table, files: [name] });
      await refuses(open(file), "model-file", file, "No such file");
      await refuses(open(folder), "model-file", folder, "not a file");
      const pipe = path.join(folder, "pipe");
      assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
      await refuses(open(pipe), "model-file", pipe, "not a file");
      writeFileSync(file, "");
      await refuses(open(file), "model-file", file, "empty");
      writeFileSync(file, Buffer.alloc(400_000));
      truncateSync(file, 300_000);
      await refuses(open(file), "model-file", file, "outside the file");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("refuses a batch, a step and a state that make no sense, while training and after", async () => {
    const { session } = await openReference(reference, "huggingface");
    const running = session.accumulate(batch);
    await refuses(session.accumulate(wrong(null)), "argument", "batch");
    await refuses(
      session.accumulate(wrong({ ...batch, tokens: [1, 2] })),
      "argument",
      "batch.tokens",
      "Int32Array",
    );
    await refuses(
      session.score({ ...batch, candidates: Int32Array.from(batch.candidates, () => 999) }),
      "batch",
      "candidates",
    );
    await refuses(session.step({ ...STEP, beta1: 1 }), "argument", "beta1");
    await refuses(session.step({ ...STEP, rates: { prompt: NaN } }), "argument", "prompt");
    await refuses(session.step(wrong({})), "argument", "rates");
    await refuses(session.write(new Float32Array(3)), "argument", "3 values");
    const state = await session.state();
    await refuses(session.load({ ...state, firstMoment: new Float32Array(1) }), "state", "another method");
    await refuses(
      session.load({ ...state, rounded: { first_codes: new Uint8Array(256) } }),
      "state",
      "another optimizer",
    );
    const segments = {
      tokens: batch.tokens,
      segmentLength: batch.segmentLength,
      segmentParent: batch.segmentParent,
    };
    const options = {
      leaves: Int32Array.of(0),
      maxTokens: 2,
      endTokens: new Int32Array(),
      temperature: 0,
      topP: 1,
      seed: 0,
    };
    await refuses(
      session.generate(segments, { ...options, leaves: Int32Array.of(99) }),
      "argument",
      "leaves[0]",
    );
    await refuses(session.generate(segments, { ...options, maxTokens: 1e6 }), "argument", "maxTokens");
    await refuses(session.generate(segments, { ...options, topP: 0 }), "argument", "topP");
    await refuses(session.generate(segments, { ...options, seed: -1 }), "argument", "seed");
    assert.ok((await running).loss > 0);
  });

  it("refuses a method that makes no sense", async () => {
    const { model } = await openReference(reference, "huggingface");
    const open = (method: unknown) => model.openSession(wrong({ method }));
    await refuses(open(undefined), "argument", "method");
    await refuses(open({ promptLength: -1, biases: [] }), "argument", "promptLength");
    await refuses(open({ promptLength: 1e9, biases: [] }), "argument", "promptLength");
    await refuses(open({ promptLength: 1, biases: ["z"] }), "argument", "biases");
    await refuses(open({ promptLength: 1, biases: ["q", "q"] }), "argument", "twice");
    await refuses(model.embed(Int32Array.of(300)), "argument", "300");
  });

  it("closes at any time: twice is fine, what comes after is refused", async () => {
    const { model, session } = await openReference(reference, "huggingface");
    const running = session.accumulate(longBatch(60));
    session.close();
    session.close();
    model.close();
    model.close();
    await refuses(running, "cancelled");
    await refuses(session.read(), "closed", "session");
    await refuses(session.accumulate(batch), "closed");
    await refuses(model.openSession({ method: { promptLength: 1, biases: [] } }), "closed", "model");
    await refuses(model.embed(Int32Array.of(1)), "closed");
    session.cancel();
  });

  it("keeps a session's model alive behind the model's close()", async () => {
    const { model, session } = await openReference(reference, "huggingface");
    model.close();
    assert.ok((await session.accumulate(batch)).loss > 0);
  });

  it("cancels what runs and what waits, and goes on afterwards as if nothing had been", async () => {
    const { session } = await openReference(reference, "huggingface");
    const before = await session.read();
    const calls = [session.accumulate(longBatch(60)), session.accumulate(batch), session.score(batch)];
    session.cancel();
    for (const call of calls) await refuses(call, "cancelled");
    assert.deepEqual(await session.read(), before);
    assert.ok((await session.gradient()).every((g) => g === 0));
    assert.ok((await session.accumulate(batch)).loss > 0);
  });

  it("cancels a call in the middle of its work", async () => {
    const { session } = await openReference(reference, "huggingface");
    const running = session.accumulate(longBatch(600));
    await new Promise((resolve) => setTimeout(resolve, 30));
    session.cancel();
    await refuses(running, "cancelled");
    assert.ok((await session.gradient()).every((g) => g === 0));
  });

  it("drops what was accumulated with a micro-batch that is cancelled, also where it only waits", async () => {
    const { session } = await openReference(reference, "huggingface");
    await session.accumulate(batch);
    const calls = [session.score(longBatch(60)), session.accumulate(batch)];
    session.cancel();
    for (const call of calls) await refuses(call, "cancelled");
    assert.ok((await session.gradient()).every((g) => g === 0));
  });

  it("does not look at arrays after a call has been made", async () => {
    const { session } = await openReference(reference, "huggingface");
    const { loss } = await session.accumulate(batch);
    const tokens = Int32Array.from(batch.tokens);
    const call = session.accumulate({ ...batch, tokens });
    tokens.fill(0);
    assert.equal((await call).loss, loss);
  });

  it("resumes to the bit through state() and load()", async () => {
    const train = async (session: Session, steps: number) => {
      const losses: number[] = [];
      for (let i = 0; i < steps; i++) {
        losses.push((await session.accumulate(batch)).loss);
        await session.step(STEP);
      }
      return losses;
    };
    const straight = await openReference(reference, "huggingface");
    const expected = await train(straight.session, 6);
    const first = await openReference(reference, "huggingface");
    const before = await train(first.session, 3);
    const saved = await first.session.state();
    const resumed = await openReference(reference, "huggingface");
    await resumed.session.load(saved);
    assert.deepEqual([...before, ...(await train(resumed.session, 3))], expected);
    assert.deepEqual(await resumed.session.state(), await straight.session.state());
  });

  it("works in the order asked, one session beside another", async () => {
    const a = await openReference(reference, "huggingface");
    const b = await a.model.openSession({ method: { promptLength: 5, biases: ALL_MAPS } });
    await b.write(await a.session.read());
    const [first, second, third] = await Promise.all([
      a.session.accumulate(batch),
      b.accumulate(batch),
      a.session.score(batch),
    ]);
    assert.equal(first.loss, second.loss);
    assert.equal(third.choices.length, batch.candidates.length);
  });

  it("forecasts more memory for more rows, for training, and less with checkpointing", async () => {
    const { model } = await openReference(reference, "huggingface");
    const shape = { rows: 100, longest: 50, targets: 0, train: true, checkpoint: false };
    const whole = model.forecast(shape);
    assert.ok(model.forecast({ ...shape, rows: 1000 }) > whole);
    assert.ok(model.forecast({ ...shape, checkpoint: true }) < whole);
    assert.ok(model.forecast({ ...shape, train: false }) < whole);
    assert.throws(() => model.forecast({ ...shape, rows: -1 }), EngineError);
  });

  it("tells what the processor has", () => {
    const [cpu] = engine.devices();
    assert.ok(cpu);
    assert.equal(cpu.id, "cpu");
    assert.ok(cpu.threads >= 1);
    assert.notEqual(cpu.name, "");
    assert.equal(cpu.precision === "bfloat16", cpu.features.includes("avx512_bf16"));
  });

  describe("in a process of its own", () => {
    const addon = path.resolve(fixtures, "../../build/native/plumb.node");
    const opened = (work: string) => `
      const { parentPort } = require("node:worker_threads");
      const native = require(${JSON.stringify(addon)});
      const table = ${JSON.stringify(reference.table("huggingface"))};
      native.openModel(table, { precision: "float32" }).then(async (model) => {
        const session = await model.openSession({ method: { promptLength: 5, biases: [] } });
        ${work}
      });`;
    const run = (script: string, env: NodeJS.ProcessEnv = {}) =>
      spawnSync(process.execPath, ["-"], {
        input: script, // too long for an argument
        encoding: "utf8",
        timeout: 60_000,
        env: { ...process.env, ...env },
      });

    /** A batch as JavaScript writes it. */
    const source = (batch: Batch) =>
      `{${Object.entries(batch)
        .map(
          ([name, values]: [string, Int32Array | Float32Array]) =>
            `${name}: ${values.constructor.name}.of(${values.join()})`,
        )
        .join()}}`;

    it("lets the process end, idle or at work", () => {
      const idle = run(opened("console.log('idle')"));
      assert.equal(idle.stdout, "idle\n");
      assert.equal(idle.status, 0);
      const busy = run(opened("for (let i = 0; i < 1000; i++) session.read(); process.exit(3);"));
      assert.equal(busy.status, 3, busy.stderr);
    });

    /** Ends a thread right after its message, five times; prints how many milliseconds the fastest took to end. */
    const ends = (work: string) => `
      const { Worker } = require("node:worker_threads");
      (async () => {
        let fastest = Infinity;
        for (let i = 0; i < 5; i++) {
          const worker = new Worker(${JSON.stringify(work)}, { eval: true });
          await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
          const start = performance.now();
          await worker.terminate();
          fastest = Math.min(fastest, performance.now() - start);
        }
        console.log(fastest);
      })();`;

    it("lets the thread that loaded it end, idle or while answers come in", () => {
      for (const calls of [0, 200]) {
        const work = `for (let i = 0; i < ${String(calls)}; i++) session.read(); parentPort.postMessage(0);`;
        const ended = run(ends(opened(work)));
        assert.equal(ended.status, 0, ended.stderr);
      }
    }).timeout(60_000);

    it("calls off what runs when its thread ends", () => {
      const call = `const batch = ${source(longBatch(600))}; const start = performance.now();`;
      const whole = run(
        opened(`${call} await session.accumulate(batch); console.log(performance.now() - start);`),
      );
      const work = `${call} session.accumulate(batch); setTimeout(() => parentPort.postMessage(0), 30);`;
      const ended = run(ends(opened(work)));
      assert.equal(ended.status, 0, ended.stderr);
      assert.ok(Number(ended.stdout) < Number(whole.stdout) / 2, `${ended.stdout} of ${whole.stdout} ms`);
    }).timeout(60_000);

    it("gives the memory of growing batches back when a session is closed", () => {
      const sizes = Array.from({ length: 20 }, (_, i) => 10 + 6 * i);
      const work = `
        const rss = () => process.memoryUsage().rss;
        const batches = [${sizes.map((texts) => source(longBatch(texts))).join()}];
        await session.accumulate(batches[0]);
        const before = rss();
        for (const batch of batches) await session.accumulate(batch);
        const grown = rss() - before;
        session.close();
        console.log(grown, rss() - before);`;
      const [grown = 0, left = Infinity] = run(opened(work)).stdout.split(" ").map(Number);
      assert.ok(grown > 30e6, `only ${String(grown)} bytes were taken`);
      assert.ok(left < grown / 4, `${String(left)} of ${String(grown)} bytes are left`);
    }).timeout(60_000);

    it("refuses to load with a setting that it does not know, and says so", () => {
      const script = `try { require(${JSON.stringify(addon)}); } catch (e) { console.log(e.code, e.message); }`;
      assert.match(run(script, { PLUMB_MAX_ISA: "avx3" }).stdout, /^isa .*"avx3"/);
    });
  });
});
