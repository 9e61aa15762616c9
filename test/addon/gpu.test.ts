import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { EngineError, loadEngine } from "../../src/core/engine";
import { askGpus } from "../../src/core/gpus";
import { EMULATED_GPU } from "../emulated-gpu";
import { Reference } from "../fixtures/reference";
import { useEmulatedGpu } from "./reference-session";

const WORKER = path.join(__dirname, "..", "..", "src", "worker.ts");
const FROM_SOURCE = ["--import=tsx"];

/** The GPUs that a process finds whose environment has these besides. */
async function gpusWith(env: Record<string, string>) {
  const before = { ...process.env };
  Object.assign(process.env, env);
  try {
    return await askGpus(WORKER, FROM_SOURCE);
  } finally {
    for (const name of Object.keys(env)) {
      if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = before[name];
    }
  }
}

describe("GPUs", function () {
  this.timeout(60_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "plumb-gpu-"));
  });
  after(() => rm(folder, { recursive: true }));

  it("are listed with memory and driver", async () => {
    const { gpus, cudaMissing } = await gpusWith({ PLUMB_CUDA_LIBRARY: EMULATED_GPU });
    assert.equal(cudaMissing, "");
    const [gpu] = gpus;
    assert.ok(gpu);
    assert.equal(gpu.id, "cuda:0");
    assert.equal(gpu.precision, "bfloat16");
    assert.match(gpu.driver, /^\d+\.\d+$/);
    assert.ok(gpu.freeMemory > 0 && gpu.freeMemory <= gpu.memory);
  });

  const missing: [string, Record<string, string>, RegExp][] = [
    ["the library is missing", { PLUMB_CUDA_LIBRARY: "/nowhere/libplumb_cuda.so" }, /nowhere.* is missing/],
    ["another library has its name", { PLUMB_CUDA_LIBRARY: "libm.so.6" }, /libm\.so\.6 is not the library/],
    ["there is no driver", { PLUMB_EMULATED_DRIVER: "0" }, /^no NVIDIA driver was found/],
    ["the driver is too old", { PLUMB_EMULATED_DRIVER: "12040" }, /knows CUDA 12\.4, and \d+\.\d is needed/],
    ["the driver finds none", { PLUMB_EMULATED_GPUS: "0" }, /finds no GPU/],
    ["the driver crashes", { PLUMB_EMULATED_DRIVER: "crash" }, /driver ended \(SIG/],
  ];
  for (const [what, env, why] of missing) {
    it(`are none where ${what}, and a sentence says so`, async () => {
      const found = await gpusWith({ PLUMB_CUDA_LIBRARY: EMULATED_GPU, ...env });
      assert.deepEqual(found.gpus, []);
      assert.match(found.cudaMissing, why);
    });
  }

  it("are none where the library is damaged", async () => {
    const file = path.join(folder, "libplumb_cuda.so");
    await writeFile(file, "no library");
    assert.match((await gpusWith({ PLUMB_CUDA_LIBRARY: file })).cudaMissing, /cannot be opened/);
  });

  it("of a number that is not there are refused by name", async () => {
    useEmulatedGpu();
    const table = new Reference("tiny").table("huggingface");
    for (const [device, code] of [
      ["cuda:7", "device"],
      ["cuda:", "argument"],
      ["tpu", "argument"],
    ] as const) {
      await assert.rejects(
        loadEngine().openModel(table, { device }),
        (error: unknown) => error instanceof EngineError && error.code === code,
      );
    }
  });

  it("hold what was forecast, within a tenth", async () => {
    useEmulatedGpu();
    const reference = new Reference("tiny");
    for (const weights of ["keep", "stream"] as const) {
      const model = await loadEngine().openModel(reference.table("huggingface"), { device: "cuda", weights });
      const before = await model.freeMemory();
      const session = await model.openSession({ method: { promptLength: 0, biases: [] } });
      const rows = 400;
      await session.accumulate({
        tokens: Int32Array.from({ length: rows }, (_, i) => i % 50),
        segmentLength: Int32Array.from({ length: 20 }, () => rows / 20),
        segmentParent: Int32Array.from({ length: 20 }, () => -1),
        choiceRow: Int32Array.from([rows - 1]),
        choiceStart: Int32Array.from([0, 2]),
        candidates: Int32Array.from([1, 2]),
        choiceAnswer: Int32Array.from([0]),
        choiceWeight: Float32Array.from([1]),
        targetRow: new Int32Array(),
        targetToken: new Int32Array(),
        targetWeight: new Float32Array(),
      });
      const after = await model.freeMemory();
      assert.ok(before !== null && after !== null);
      const forecast = model.forecast({
        rows,
        longest: rows / 20,
        targets: 0,
        train: true,
        checkpoint: false,
      });
      assert.ok(
        Math.abs(before - after - forecast) <= 0.1 * forecast,
        `${weights}: ${before - after} bytes taken, ${forecast} forecast`,
      );
      session.close();
      model.close();
    }
  });
});
