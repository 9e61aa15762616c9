/**
 * `npm run test:gpu`: everything that needs an NVIDIA GPU, on the one that is here, in under ten minutes: the kernels against the
 * processor's, the engine's laws, PyTorch's recorded values, a tuning of the sample task, the measurement, compute-sanitizer where
 * it is. `npm run bench:gpu`: the measurement alone (bench/gpu.ts, which takes the arguments). Both end with 77 where there is no GPU.
 * --built: everything is built already.
 */
import { cp, mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { bundle, buildNative } from "./lib/build.mjs";
import { nativeBuild, root } from "./lib/places.mjs";
import { ask, mustRun, script, Stop } from "./lib/process.mjs";
import { check, countsLine, mocha, quietThreads, total } from "./lib/runners.mjs";
import { setup } from "./lib/setup.mjs";

/** @typedef {import("./lib/runners.mjs").Counts} Counts */

const NO_GPU = 77;
const library = path.join(nativeBuild, "libplumb_cuda.so");
const env = { ...quietThreads, PLUMB_CUDA_LIBRARY: library };
const cli = path.join(root, "dist", "cli.js");
const laws = [
  "--source-file=*session_test.cpp,*lora_test.cpp,*full_test.cpp,*prompt_encoder_test.cpp",
  "--test-case-exclude=*numeric*",
];

/** @param {string} name */
const program = (name) => path.join(nativeBuild, name);

/**
 * A sanitizer of NVIDIA's over the kernels' own tests; left out where there is none.
 * @param {string} tool
 * @param {string[]} [choice] which tests
 */
async function sanitizer(tool, choice = []) {
  if (ask("compute-sanitizer", ["--version"]) === null) {
    console.log("  left out: there is no compute-sanitizer here.");
    return { passed: 0, failed: 0, skipped: 1 };
  }
  const args = ["--tool", tool, "--error-exitcode", "9", program("plumb_gpu_tests"), ...choice];
  // Products by cuBLAS are not ours to look into, and slow under it.
  return check("compute-sanitizer", args, { env: { ...env, PLUMB_CUBLAS: "none" } });
}

/** A Python that has what Plumb is measured against, or null. */
function python() {
  const name = process.env.PLUMB_PYTHON ?? "python3";
  return ask(name, ["-c", "import torch, transformers, peft"]) === null ? null : name;
}

/** Steps of known shapes, into docs/performance-gpu.md. @param {string[]} options */
async function measure(options) {
  const rival = python();
  if (rival === null)
    console.log("  without PyTorch: python3 (or PLUMB_PYTHON) has not all of torch, transformers, peft.");
  const args = [
    "--import",
    "tsx",
    "bench/gpu.ts",
    ...(rival === null ? [] : ["--python", rival]),
    ...options,
  ];
  await mustRun(process.execPath, args, "Measuring", { env });
  return { passed: 1, failed: 0, skipped: 0 };
}

/** The sample task tuned with default settings on the GPU, in a copy of its folder. @returns {Promise<Counts>} */
async function sample() {
  const folder = await mkdtemp(path.join(os.tmpdir(), "plumb-gpu-"));
  try {
    const from = path.join(root, "media", "sample");
    await cp(from, folder, {
      recursive: true,
      filter: (file) => !file.includes(".plumb") || file.endsWith(".json"),
    });
    return await check(
      process.execPath,
      [cli, "tune", path.join(folder, "manipulation.plumb.json"), "--device", "cuda"],
      { env },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @type {[string, () => Promise<Counts>][]} */
const tests = [
  ["kernels against the processor's", () => check(program("plumb_gpu_tests"), [], { env })],
  [
    "laws of the engine",
    () => check(program("plumb_tests"), laws, { env: { ...env, PLUMB_TEST_CUDA: library } }),
  ],
  [
    "laws of the engine with our own products",
    () =>
      check(program("plumb_tests"), laws, {
        env: { ...env, PLUMB_TEST_CUDA: library, PLUMB_CUBLAS: "none" },
      }),
  ],
  ["values that PyTorch recorded", () => mocha("test/addon/parity.test.ts", { env })],
  ["a tuning of the sample task", sample],
];
/** @type {[string, () => Promise<Counts>][]} */
const sanitizers = [
  ["memory (compute-sanitizer)", () => sanitizer("memcheck")],
  // Minutes for all head sizes; the same kernels run with some of them.
  ["races (compute-sanitizer)", () => sanitizer("racecheck", ["--test-case-exclude=*all head sizes*"])],
];

script(async () => {
  const options = process.argv.slice(2);
  const [command = ""] = options;
  const built = options.includes("--built");
  if (ask("nvidia-smi", ["-L"]) === null) {
    console.error("There is no NVIDIA GPU here (nvidia-smi finds none).");
    process.exitCode = NO_GPU;
    return;
  }
  if (!built) {
    if (ask("nvcc", ["--version"]) === null)
      throw new Stop("The library for GPUs is built by nvcc: install NVIDIA's CUDA toolkit 13.");
    await setup({ tests: true });
    await buildNative({ tests: true });
    await buildNative({ tests: true, target: "plumb_gpu_tests" });
    await bundle();
    await mustRun(process.execPath, [cli, "models", "get"], "Fetching the default base model");
  }
  await mustRun(process.execPath, [cli, "devices"], "Listing the devices", { env });
  /** @type {[string, () => Promise<Counts>][]} */
  const measurement = [["steps", () => measure(options.slice(1).filter((option) => option !== "--built"))]];
  /** @type {Counts[]} */
  const counts = [];
  for (const [name, runner] of command === "bench"
    ? measurement
    : [...tests, ...measurement, ...sanitizers]) {
    console.log(`\n── ${name}`);
    const start = Date.now();
    counts.push(await runner());
    console.log(`   ${((Date.now() - start) / 1000).toFixed(1)} s`);
  }
  const all = total(counts);
  console.log(`\n${countsLine(all)}`);
  if (all.failed > 0) process.exitCode = 1;
});
