/** The library for NVIDIA GPUs: built for all of them, and what is checked of it without one. */
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { buildNative } from "./build.mjs";
import { nativeBuild, root } from "./places.mjs";
import { ask, run, Stop } from "./process.mjs";

/** @typedef {import("./runners.mjs").Counts} Counts */

export const library = "libplumb_cuda.so";
/** Every compute capability from 7.5 on that is sold, and code that newer drivers translate. */
const architectures = "75-real;80-real;86-real;89-real;90-real;100-real;120-real;120-virtual";
const mostMegabytes = 30;

/** @type {Counts} */
const skipped = { passed: 0, failed: 0, skipped: 1 };
/** @param {boolean} passed @returns {Counts} */
const asCounts = (passed) => ({ passed: Number(passed), failed: Number(!passed), skipped: 0 });

/** Where nvcc is, the build must have used it. @returns {Counts} */
export function cudaLibrary() {
  if (!hasNvcc()) {
    console.log("  left out: there is no nvcc here.");
    return skipped;
  }
  const built = existsSync(path.join(nativeBuild, library));
  if (!built) console.error(`  nvcc is here, but the build made no ${library}.`);
  return asCounts(built);
}

/** Whether the library can be built here. */
export const hasNvcc = () => ask("nvcc", ["--version"]) !== null;

/** Compiles the library for all architectures, in a build folder of its own. @returns {Promise<string>} the folder */
export async function buildForAllGpus() {
  const folder = `${nativeBuild}-cuda`;
  await buildNative({
    folder,
    target: "plumb_cuda",
    options: ["-DPLUMB_CUDA=ON", `-DPLUMB_CUDA_ARCHITECTURES=${architectures}`],
  });
  return folder;
}

/** Its size for all architectures. @returns {Promise<Counts>} */
export async function cudaForAll() {
  if (!hasNvcc()) {
    console.log("  left out: there is no nvcc here.");
    return skipped;
  }
  const folder = await buildForAllGpus();
  const megabytes = (await stat(path.join(folder, library))).size / 1e6;
  console.log(`  ${library}: ${megabytes.toFixed(1)} MB, at most ${mostMegabytes}`);
  return asCounts(megabytes <= mostMegabytes);
}

/**
 * Takes each barrier out of the kernels in turn, as they run in the emulation: the tests must see that it is gone. A
 * barrier that no test comes to counts as a failure.
 * @returns {Promise<Counts>}
 */
export async function barrierTests() {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const met = new Set(await metBarriers());
  for (const site of await writtenBarriers()) {
    const seen = met.has(site) && !(await passesWithout(site));
    if (!seen) console.log(`  NOT SEEN: without the barrier at ${site} the tests pass all the same`);
    if (seen) counts.passed++;
    else counts.failed++;
  }
  console.log(`  ${counts.passed} barriers: each is missed where it is taken out`);
  if (counts.passed === 0) counts.failed++;
  return counts;
}

const program = path.join(nativeBuild, "plumb_cuda_tests");

/** @returns {Promise<string[]>} "file:line" of each barrier that the tests came to */
async function metBarriers() {
  const folder = await mkdtemp(path.join(os.tmpdir(), "plumb-barriers-"));
  const file = path.join(folder, "barriers.txt");
  try {
    const env = { ...process.env, PLUMB_CUDA_BARRIERS: file };
    if ((await run(program, [], { env, show: "on failure" })) !== 0)
      throw new Stop("The tests of the CUDA kernels fail before any barrier is taken out.");
    return (await readFile(file, "utf8")).split("\n");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns {Promise<string[]>} "file:line" of each barrier in the sources */
async function writtenBarriers() {
  const folder = path.join(root, "native", "ops", "cuda");
  const sites = [];
  for (const name of (await readdir(folder)).filter((one) => /\.cuh?$/.test(one)).sort()) {
    const lines = (await readFile(path.join(folder, name), "utf8")).split("\n");
    for (const [i, line] of lines.entries())
      if (/__sync(threads|warp)\(/.test(line)) sites.push(`${name}:${i + 1}`);
  }
  return sites;
}

/** @param {string} site */
async function passesWithout(site) {
  const env = { ...process.env, PLUMB_CUDA_WITHOUT_BARRIER: site };
  return (await run(program, ["--abort-after=1"], { env, show: "never" })) === 0;
}
