/**
 * `npm test`: sets up, builds, and runs every runner; `npm run test:long` (--long): what takes longer.
 * The last line counts every test of every runner: `N passed, N failed`, and `, N skipped` where there are any.
 * The file that PLUMB_TEST_SUMMARY names gets that line too, and what failed.
 */
import { appendFileSync } from "node:fs";
import path from "node:path";
import { bundle, buildNative } from "./lib/build.mjs";
import { formatNative } from "./lib/clang-format.mjs";
import { barrierTests, cudaForAll, cudaLibrary } from "./lib/cuda.mjs";
import { mutationTests } from "./lib/mutations.mjs";
import { packageExtension } from "./lib/package.mjs";
import { root } from "./lib/places.mjs";
import { Stop } from "./lib/process.mjs";
import { check, checkWith, countsLine, ctest, mocha, total, withoutGpus } from "./lib/runners.mjs";
import { sanitized } from "./lib/sanitizers.mjs";
import { setup } from "./lib/setup.mjs";
import { installExtension, vscodeHost } from "./lib/vscode-host.mjs";

/** @typedef {import("./lib/runners.mjs").Counts} Counts */

/** @param {() => Promise<void>} work @returns {() => Promise<Counts>} one test: passed where nothing is thrown */
const step = (work) => async () => {
  await work();
  return { passed: 1, failed: 0, skipped: 0 };
};

/** Without these the rest cannot say anything. @type {[string, () => Promise<Counts>][]} */
const preparations = [
  ["set-up", step(() => setup({ tests: true }))],
  ["native build", step(() => buildNative({ tests: true }))],
  ["bundles", step(bundle)],
  ["default base model", () => check(process.execPath, ["dist/cli.js", "models", "get"])],
];

/** @type {[string, () => Promise<Counts>][]} */
const everyTime = [
  ["type check", () => checkWith("tsc", ["--project", "."])],
  ["type check of the panels", () => checkWith("tsc", ["--project", "src/webview"])],
  ["type check of the scripts", () => checkWith("tsc", ["--project", "scripts"])],
  ["type check of the benchmarks", () => checkWith("tsc", ["--project", "bench"])],
  ["lint", () => checkWith("eslint", ["--max-warnings", "0", "."])],
  ["format", () => checkWith("prettier", ["--check", "--log-level", "warn", "."])],
  ["format of C++", async () => asCounts(await formatNative("check"))],
  ["third-party notices", () => check(process.execPath, ["scripts/notices.mjs", "--check"])],
  ["unused code and packages", () => checkWith("knip", [])],
  ["unit tests", () => mocha("test/unit/**/*.test.ts")],
  ["native tests", () => ctest()],
  ["library for NVIDIA GPUs", () => Promise.resolve(cudaLibrary())],
  ["addon tests", () => mocha("test/addon/**/*.test.ts")],
  [
    "parity as on a processor with AVX2 alone",
    () => mocha("test/addon/parity.test.ts", { env: { ...withoutGpus, PLUMB_MAX_ISA: "avx2" } }),
  ],
  ["whole runs", () => mocha("test/run/**/*.test.ts")],
];

/** @type {[string, () => Promise<Counts>][]} */
const long = [
  ["native tests under AddressSanitizer", () => sanitized("address")],
  ["native tests under ThreadSanitizer", () => sanitized("thread")],
  ["library for NVIDIA GPUs of all kinds", () => cudaForAll()],
  ["barriers of the CUDA kernels", () => barrierTests()],
  ["fuzzing and long tests", () => mocha("test/long/**/*.test.ts", { parallel: true })],
  ["the extension in a real editor", () => extensionTests()],
  ["mutations", () => mutationTests()],
];

/** The file that users get, installed where code-server looks for extensions: a folder that holds this one alone. */
async function extensionTests() {
  const host = JSON.stringify(await vscodeHost());
  const file = await packageExtension();
  const extension = await installExtension(file, path.join(root, "build", "extensions"));
  return mocha("test/extension/**/*.test.ts", {
    env: {
      ...withoutGpus,
      PLUMB_VSCODE_HOST: host,
      PLUMB_TEST_PACKAGE: file,
      PLUMB_TEST_EXTENSION: extension,
    },
  });
}

/** @param {boolean} passed @returns {Counts} */
function asCounts(passed) {
  return { passed: Number(passed), failed: Number(!passed), skipped: 0 };
}

/** @param {string} name @param {() => Promise<Counts>} runner */
async function timed(name, runner) {
  console.log(`\n── ${name}`);
  const start = Date.now();
  /** @type {Counts} */
  let counts;
  try {
    counts = await runner();
  } catch (error) {
    console.error(error instanceof Stop ? error.message : error);
    counts = asCounts(false);
  }
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  console.log(`   ${name}: ${outcome(counts)} (${seconds} s)`);
  return { name, counts };
}

/** Words that no one takes for the closing line. @param {Counts} counts */
function outcome({ passed, failed, skipped }) {
  const parts = [
    `${passed} ok`,
    ...(failed > 0 ? [`${failed} NOT OK`] : []),
    ...(skipped > 0 ? [`${skipped} left out`] : []),
  ];
  return parts.join(", ");
}

async function main() {
  const wanted = process.argv.includes("--long") ? long : everyTime;
  const done = [];
  let ready = true;
  for (const [name, runner] of preparations) {
    const result = await timed(name, runner);
    done.push(result);
    if (result.counts.failed > 0) {
      ready = false;
      break; // what follows builds upon it
    }
  }
  if (ready) for (const [name, runner] of wanted) done.push(await timed(name, runner));

  const counts = total(done.map((result) => result.counts));
  const ending = notWell(done, ready);
  process.exitCode = counts.failed > 0 ? 1 : 0;
  console.log(`\n${ending}${countsLine(counts)}`);
  const file = process.env.PLUMB_TEST_SUMMARY;
  const command = process.argv.includes("--long") ? "npm run test:long" : "npm test";
  if (file) appendFileSync(file, `${ending}${command}: ${countsLine(counts)}\n`);
}

/**
 * What failed, by runner and test: what stands far above is not looked for, and a log's beginning may be lost.
 * @param {{ name: string, counts: Counts }[]} done
 * @param {boolean} ready
 */
function notWell(done, ready) {
  const failed = done.filter(({ counts }) => counts.failed > 0);
  if (failed.length === 0) return "";
  const names = failed.map(({ name }) => name).join(", ");
  const tests = failed.flatMap(({ name, counts }) =>
    (counts.failures ?? []).map((failure) => `  ${name}: ${failure}\n`),
  );
  return `Not well: ${names}.${ready ? "" : " Nothing after it was run."}\n${tests.join("")}\n`;
}

await main();
