import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { EngineError, loadEngine, type Session } from "../../src/core/engine";
import { askGpus } from "../../src/core/gpus";
import { EMULATED_CUBLAS, EMULATED_GPU, EMULATED_NCCL } from "../emulated-gpu";
import { Reference } from "../fixtures/reference";
import { useEmulatedGpu } from "./reference-session";

const WORKER = path.join(__dirname, "..", "..", "src", "worker.ts");
const FROM_SOURCE = ["--import=tsx"];

/** The GPUs that a process finds whose environment has these besides. */
async function gpusWith(env: Record<string, string>) {
  const before = { ...process.env };
  Object.assign(process.env, { PLUMB_CUBLAS: "none", ...env });
  try {
    return await askGpus(WORKER, FROM_SOURCE);
  } finally {
    for (const name of ["PLUMB_CUBLAS", ...Object.keys(env)]) {
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

  const NONE = "the machine has none";
  const BROKEN = "one cannot be used";
  const missing: [string, Record<string, string>, RegExp, string][] = [
    [
      "the library is missing",
      { PLUMB_CUDA_LIBRARY: "/nowhere/libplumb_cuda.so" },
      /nowhere.* is missing/,
      NONE,
    ],
    [
      "another library has its name",
      { PLUMB_CUDA_LIBRARY: "libm.so.6" },
      /libm\.so\.6 is not the library/,
      BROKEN,
    ],
    ["there is no driver", { PLUMB_EMULATED_DRIVER: "0" }, /^no NVIDIA driver was found/, NONE],
    [
      "the driver is too old",
      { PLUMB_EMULATED_DRIVER: "12040" },
      /knows CUDA 12\.4, and \d+\.\d is needed/,
      BROKEN,
    ],
    ["the driver finds none", { PLUMB_EMULATED_GPUS: "0" }, /finds no GPU/, NONE],
    [
      "the driver crashes",
      { PLUMB_EMULATED_DRIVER: "crash" },
      /it, or the NVIDIA driver .*\(SIGABRT\)/,
      BROKEN,
    ],
  ];
  for (const [what, env, why, means] of missing) {
    it(`are none where ${what}, and a sentence says so: ${means}`, async () => {
      const found = await gpusWith({ PLUMB_CUDA_LIBRARY: EMULATED_GPU, ...env });
      assert.deepEqual(found.gpus, []);
      assert.match(found.cudaMissing, why);
      assert.equal(found.noGpu === true, means === NONE);
    });
  }

  it("are none where the library was cut short, which is named with what became of the process", async () => {
    const file = path.join(folder, "cut short.so");
    await copyFile(EMULATED_GPU, file);
    await truncate(file, 50_000);
    const found = await gpusWith({ PLUMB_CUDA_LIBRARY: file });
    assert.deepEqual(found.gpus, []);
    assert.ok(
      found.cudaMissing.startsWith(`${file}, the library for NVIDIA GPUs, could not be tried: it, or`),
    );
    assert.match(found.cudaMissing, /ended the process that tried it \(SIG(BUS|SEGV)\)/);
    assert.equal(found.noGpu === true, false);
  });

  const hangs: [string, string, number, RegExp][] = [
    ["does not answer", "setInterval(() => {}, 1000)", 500, /driver did not answer within 0\.5 seconds/],
    // What has its channel open outlives it, as a process does that the driver holds.
    [
      "cannot even be ended",
      `require("node:child_process").spawn("sleep", ["8"], { stdio: ["ignore", "ignore", "ignore", 3] });
      setInterval(() => {}, 1000)`,
      500,
      /driver did not answer within 0\.5 seconds/,
    ],
    ["says something else", "process.send({ gpus: 1 })", 30_000, /said something unknown/],
  ];
  for (const [what, program, patience, why] of hangs) {
    it(`are none where the process that asks for them ${what}, and nobody waits for it`, async () => {
      const file = path.join(folder, "hangs.cjs");
      await writeFile(file, program);
      const begun = Date.now();
      const { gpus, cudaMissing } = await askGpus(file, [], patience);
      assert.deepEqual(gpus, []);
      assert.match(cudaMissing, why);
      assert.ok(Date.now() - begun < patience + 5000);
    });
  }

  it("leave nobody behind who asks a driver that hangs, when whoever wanted to know is gone", async () => {
    const file = path.join(folder, "asks.ts");
    const asks = `import { tellGpus } from ${JSON.stringify(path.join(path.dirname(WORKER), "core/gpus"))};
      tellGpus(() => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        throw new Error("woken");
      }, 500);`;
    await writeFile(file, asks);
    const child = fork(file, { execArgv: FROM_SOURCE, stdio: ["ignore", "ignore", "ignore", "ipc"] });
    const [, signal] = (await once(child, "close")) as [number | null, string | null];
    assert.equal(signal, "SIGKILL");
  });

  it("are none where the library is damaged", async () => {
    const file = path.join(folder, "libplumb_cuda.so");
    await writeFile(file, "no library");
    assert.match((await gpusWith({ PLUMB_CUDA_LIBRARY: file })).cudaMissing, /cannot be opened/);
  });

  describe("multiply", () => {
    const NAME = "libcublas.so.13";
    const productsWith = async (env: Record<string, string>) => {
      const [gpu] = (await gpusWith({ PLUMB_CUDA_LIBRARY: EMULATED_GPU, ...env })).gpus;
      assert.ok(gpu);
      return gpu;
    };
    /** A new folder with what `make` puts in the place of cuBLAS. */
    const folderWith = async (make: (file: string) => Promise<void>, inside = "") => {
      const place = await mkdtemp(path.join(folder, "cublas-"));
      await mkdir(path.join(place, inside), { recursive: true });
      await make(path.join(place, inside, NAME));
      return place;
    };
    const standIn = (file: string) => symlink(EMULATED_CUBLAS, file);
    const damaged = (file: string) => writeFile(file, "no library");

    it("with the cuBLAS that is named, a file or a folder", async () => {
      const packages = await folderWith(standIn, "lib");
      for (const [named, file] of [
        [EMULATED_CUBLAS, EMULATED_CUBLAS],
        [packages, path.join(packages, "lib", NAME)],
      ] as const) {
        const { cublas, cublasFile, cublasMissing } = await productsWith({ PLUMB_CUBLAS: named });
        assert.deepEqual([cublas, cublasFile, cublasMissing], ["13.0.2", file, ""]);
      }
    });

    it("with one that was fetched, that the loader finds, or that Python's packages have, in this order", async () => {
      const unnamed = { PLUMB_CUBLAS: "" };
      const cache = await folderWith(standIn, "cublas-13");
      const loader = await folderWith(standIn);
      const python = await folderWith(standIn, "lib/python3.12/site-packages/nvidia/cu13/lib");
      const all = { PLUMB_CACHE: cache, LD_LIBRARY_PATH: loader, VIRTUAL_ENV: python };
      const nowhere = { PLUMB_CACHE: folder, LD_LIBRARY_PATH: folder };
      const found = async (env: Record<string, string>) =>
        (await productsWith({ ...unnamed, ...env })).cublasFile ?? "none";
      assert.ok((await found(all)).startsWith(cache));
      assert.ok((await found({ ...all, PLUMB_CACHE: folder })).startsWith(loader));
      // Where this machine has one of its own, that comes first.
      const own = await found(nowhere);
      if (own === "none") assert.ok((await found({ ...all, ...nowhere })).startsWith(python));
      // One that is damaged does not hide the next.
      const broken = await folderWith(damaged, "cublas-13");
      assert.ok((await found({ ...all, PLUMB_CACHE: broken })).startsWith(loader));
    });

    const failures: [string, () => Promise<Record<string, string>> | Record<string, string>, RegExp][] = [
      [
        "is damaged",
        async () => ({ PLUMB_CUBLAS: await folderWith(damaged) }),
        /^cuBLAS cannot be opened: .*libcublas/,
      ],
      ["is not there", () => ({ PLUMB_CUBLAS: "/nowhere/x.so" }), /^cuBLAS cannot be opened: .*No such file/],
      [
        "lacks functions",
        async () => ({ PLUMB_CUBLAS: await folderWith((file) => symlink(EMULATED_GPU, file)) }),
        /is no cuBLAS that can be used: it has no cublasCreate_v2\./,
      ],
      [
        "is of another major version",
        () => ({ PLUMB_CUBLAS: EMULATED_CUBLAS, PLUMB_EMULATED_CUBLAS: "120403" }),
        /libcublas\.so\.13 is cuBLAS 12\.4\.3, and version 13 is needed\./,
      ],
      [
        "cannot be started",
        () => ({ PLUMB_CUBLAS: EMULATED_CUBLAS, PLUMB_EMULATED_CUBLAS: "refuses" }),
        /^cuBLAS 13\.0\.2 \(.*\) fails at its start: the library was not initialized\./,
      ],
      [
        "finds no memory",
        () => ({ PLUMB_CUBLAS: EMULATED_CUBLAS, PLUMB_EMULATED_MEMORY: "1000000" }),
        /^GPU: reserving memory for cuBLAS: out of memory\./,
      ],
    ];
    for (const [what, env, why] of failures) {
      it(`with our own kernel where cuBLAS ${what}, and a sentence says what to do`, async () => {
        const { cublas, cublasFile, cublasMissing } = await productsWith(await env());
        assert.deepEqual([cublas, cublasFile], [null, null]);
        assert.match(cublasMissing, why);
        assert.match(cublasMissing, /own kernel does the products, at an expected 50 to 60 %/);
        assert.match(cublasMissing, /plumb devices get-cublas, or pip install "nvidia-cublas>=13,<14"/);
      });
    }

    it("with our own kernel on devices before 8.0", async () => {
      const { cublas, cublasMissing } = await productsWith({
        PLUMB_CUBLAS: EMULATED_CUBLAS,
        PLUMB_EMULATED_CAPABILITY: "75",
      });
      assert.equal(cublas, null);
      assert.match(cublasMissing, /from compute capability 8\.0 on, and this device has 7\.5\./);
    });
  });

  it("are told with the NCCL that several of them would work together with", async () => {
    const two = { PLUMB_CUDA_LIBRARY: EMULATED_GPU, PLUMB_EMULATED_GPUS: "2" };
    const there = await gpusWith({ ...two, PLUMB_NCCL: EMULATED_NCCL });
    assert.deepEqual(
      there.gpus.map(({ id }) => id),
      ["cuda:0", "cuda:1"],
    );
    assert.deepEqual(there.nccl, { version: "2.32.3", file: EMULATED_NCCL, missing: "" });
    const python = await mkdtemp(path.join(folder, "nccl-"));
    const inside = path.join(python, "lib/python3.12/site-packages/nvidia/nccl/lib");
    await mkdir(inside, { recursive: true });
    await symlink(EMULATED_NCCL, path.join(inside, "libnccl.so.2"));
    const { nccl } = await gpusWith({ ...two, PLUMB_NCCL: "", VIRTUAL_ENV: python, LD_LIBRARY_PATH: folder });
    assert.notEqual(nccl.version, null);
    const none = await gpusWith({ ...two, PLUMB_NCCL: "none" });
    assert.match(none.nccl.missing, /leaves NCCL out\. .*pip install nvidia-nccl-cu13/);
  });

  it("of a number that is not there are refused by name", async () => {
    useEmulatedGpu();
    const table = new Reference("tiny").table("huggingface");
    for (const [device, code] of [
      ["cuda:7", "device"],
      ["cuda:0,7", "device"],
      ["cuda:0,0", "argument"],
      ["cuda:0,", "argument"],
      ["cuda:", "argument"],
      ["tpu", "argument"],
    ] as const) {
      await assert.rejects(
        loadEngine().openModel(table, { device }),
        (error: unknown) => error instanceof EngineError && error.code === code,
      );
    }
  });

  it("go on together to the bit where their state is loaded", async () => {
    useEmulatedGpu();
    process.env.PLUMB_EMULATED_GPUS = "2";
    process.env.PLUMB_NCCL = EMULATED_NCCL;
    try {
      const reference = new Reference("tiny");
      const model = await loadEngine().openModel(reference.table("huggingface"), { device: "cuda:1,0" });
      const open = () =>
        model.openSession({ method: { promptLength: reference.file.promptLength, biases: ["q"] } });
      const batch = reference.batch();
      const half = { ...batch, choiceWeight: batch.choiceWeight.map((weight) => weight / 2) };
      const step = async (session: Session) => {
        const { loss } = await session.accumulate(batch, half);
        const rates = { prompt: 0.01, bias: 0.01 };
        await session.step({ rates, maxNorm: 1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 });
        return loss;
      };
      const straight = await open();
      await step(straight);
      const resumed = await open();
      await resumed.load(await straight.state());
      assert.equal(await step(resumed), await step(straight));
      assert.deepEqual(await resumed.state(), await straight.state());
      await assert.rejects(
        straight.accumulate(batch, batch, batch),
        (error: unknown) => error instanceof EngineError && error.code === "argument",
      );
      model.close();
    } finally {
      Reflect.deleteProperty(process.env, "PLUMB_EMULATED_GPUS");
      Reflect.deleteProperty(process.env, "PLUMB_NCCL");
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
