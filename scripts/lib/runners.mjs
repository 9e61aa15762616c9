/** The runners of `npm test`: each says how many tests passed, failed and were skipped. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { nativeBuild, root } from "./places.mjs";
import { run, runAndRead } from "./process.mjs";

/** @typedef {import("./process.mjs").Show} Show */
/**
 * `loaded` is false where the runner ended before it had counted anything; `failures` names what failed, where the
 * runner tells.
 * @typedef {{ passed: number, failed: number, skipped: number, loaded?: false, failures?: string[] }} Counts
 */

/** One thread waits in sleep, not in a loop: OpenMP threads that spin starve everything else on a small machine. */
export const quietThreads = { ...process.env, OMP_WAIT_POLICY: "PASSIVE" };
/** What names no device would compute on a GPU where there is one; its tests are those of scripts/gpu.mjs. */
export const withoutGpus = { ...quietThreads, CUDA_VISIBLE_DEVICES: "" };

/** @param {string} name */
const bin = (name) => path.join(root, "node_modules", ".bin", name);

/**
 * A check that counts as one test: passed where the program ends well.
 * @param {string} command
 * @param {string[]} args
 * @param {Parameters<typeof run>[2]} [options]
 * @returns {Promise<Counts>}
 */
export async function check(command, args, options) {
  const passed = (await run(command, args, options)) === 0;
  return { passed: Number(passed), failed: Number(!passed), skipped: 0 };
}

/** @param {string} name @param {string[]} args */
export const checkWith = (name, args) => check(bin(name), args);

/**
 * Mocha over files found by pattern. No test at all, or a file that cannot be loaded, is one failure.
 * @param {string} pattern
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, show?: Show, bail?: boolean,
 *   parallel?: boolean }} [options] bail: stop at the first failure; parallel: two files at a time, for tests that keep one core busy
 * @returns {Promise<Counts>}
 */
export async function mocha(pattern, { env = withoutGpus, bail = false, parallel = false, ...options } = {}) {
  const folder = await mkdtemp(path.join(os.tmpdir(), "plumb-test-"));
  const file = path.join(folder, "counts.json");
  try {
    const reporter = path.join(root, "scripts", "lib", "mocha-reporter.cjs");
    const asked = [...(bail ? ["--bail"] : []), ...(parallel ? ["--parallel", "--jobs", "2"] : [])];
    const args = ["--reporter", reporter, "--forbid-only", ...asked, pattern];
    const code = await run(bin("mocha"), args, { ...options, env: { ...env, PLUMB_TEST_COUNTS: file } });
    const counts = await readFile(file, "utf8").then(
      (text) => /** @type {Counts} */ (JSON.parse(text)),
      () => null,
    );
    return settle(pattern, code, counts);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * CTest over a build folder: one count for each native test.
 * @param {string} [folder]
 * @param {NodeJS.ProcessEnv} [env]
 * @param {Show} [show]
 */
export async function ctest(folder = nativeBuild, env = quietThreads, show = /** @type {Show} */ ("live")) {
  const jobs = String(os.availableParallelism());
  const args = ["--output-on-failure", "--no-tests=error", "--parallel", jobs];
  const { code, output } = await runAndRead("ctest", args, { cwd: folder, env, show, read: true });
  return settle(`ctest in ${path.relative(root, folder)}`, code, countCtest(output));
}

/**
 * Counts of CTest's own lines, e.g. `1/3 Test #1: ops ......   Passed    0.04 sec`.
 * @param {string} output
 * @returns {Counts}
 */
export function countCtest(output) {
  /** @type {string[]} */
  const failures = [];
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [, name, stars, outcome] of output.matchAll(
    /^ *\d+\/\d+ Test +#\d+: (.*?)[ .]*(\*{3})? *(Passed|Skipped|Failed|Not Run|Timeout|Exception|Disabled)(?::.*?)? /gm,
  )) {
    if (outcome === "Passed" && stars === undefined) counts.passed++;
    else if (outcome === "Skipped" || outcome === "Disabled") counts.skipped++;
    else {
      counts.failed++;
      failures.push(`${name}: ${outcome}`);
    }
  }
  return failures.length > 0 ? { ...counts, failures } : counts;
}

/**
 * A runner that found nothing, or that failed without naming a test, has one failure all the same.
 * @param {string} name
 * @param {number} code
 * @param {Counts | null} counts
 * @returns {Counts}
 */
export function settle(name, code, counts) {
  if (counts === null) {
    console.error(`${name}: the runner ended with code ${code} before it had counted its tests.`);
    return { passed: 0, failed: 1, skipped: 0, loaded: false };
  }
  const found = counts.passed + counts.failed + counts.skipped;
  if (found === 0) console.error(`${name}: no test found.`);
  const unexplained = found === 0 || (code !== 0 && counts.failed === 0);
  return unexplained ? { ...counts, failed: counts.failed + 1 } : counts;
}

/** @param {Counts[]} all @returns {Counts} */
export function total(all) {
  return all.reduce(
    (sum, one) => ({
      passed: sum.passed + one.passed,
      failed: sum.failed + one.failed,
      skipped: sum.skipped + one.skipped,
    }),
    { passed: 0, failed: 0, skipped: 0 },
  );
}

/** @param {Counts} counts */
export function countsLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
