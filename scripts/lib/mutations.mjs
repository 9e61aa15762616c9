/**
 * Mutation checks: the code is broken in one place at a time, in a copy, and the tests named beside the place must
 * fail. A break that no test sees, or whose place is no longer there, counts as a failed test. They take seven minutes at most;
 * PLUMB_MUTATION_SECONDS=100000 does them all.
 */
import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { buildNative } from "./build.mjs";
import { root } from "./places.mjs";
import { Stop } from "./process.mjs";
import { ctest, mocha } from "./runners.mjs";

/**
 * `tests`: a pattern of Mocha's files, or "ctest". Breaks of native code are compiled first.
 * @typedef {{ file: string, find: string, replace: string, tests: string }} Mutation
 */

/** @returns {Promise<import("./runners.mjs").Counts>} */
export async function mutationTests() {
  const text = await readFile(path.join(root, "test", "mutations.json"), "utf8");
  /** @type {Mutation[]} */
  const mutations = JSON.parse(text);
  const unclear = mutations.filter((one) =>
    [one.file, one.find, one.replace, one.tests].some((part) => typeof part !== "string"),
  );
  if (unclear.length > 0) throw new Stop(`test/mutations.json: not whole: ${JSON.stringify(unclear)}`);
  const copy = await copyRepository();
  await compile(copy);

  const counts = { passed: 0, failed: 0, skipped: 0 };
  const end = Date.now() + 1000 * Number(process.env.PLUMB_MUTATION_SECONDS ?? 200);
  /** @type {Map<string, boolean>} */
  const sound = new Map();
  for (const mutation of beginningToday(mutations)) {
    if (Date.now() > end) {
      counts.skipped++;
      continue;
    }
    const { file, find, replace, tests } = mutation;
    if (!sound.has(tests)) {
      if (stale) await compile(copy);
      stale = false;
      sound.set(tests, (await runTests(copy, tests)).failed === 0);
      if (sound.get(tests) === false) {
        console.log(`  ${tests} fails before anything is broken: its mutations say nothing.`);
        counts.failed++;
      }
    }
    const problem = await survives(copy, mutation);
    if (problem === null) counts.passed++;
    else counts.failed++;
    console.log(`  ${problem === null ? "seen" : "NOT SEEN"}: ${file}: ${find} → ${replace}`);
    if (problem !== null) console.log(`    ${problem}`);
  }
  if (counts.skipped > 0) console.log(`  ${counts.skipped} left for another day, when others come first.`);
  if (mutations.length === 0) counts.failed++;
  return counts;
}

/**
 * The list, begun at another place each day: where the time does not suffice for all, their turn comes.
 * @param {Mutation[]} mutations
 */
function beginningToday(mutations) {
  const day = Math.floor(Date.now() / 86_400_000);
  const first = (day * 61) % Math.max(1, mutations.length);
  return [...mutations.slice(first), ...mutations.slice(0, first)];
}

/** Whether the copy's engine was built from a break that has been taken back since. */
let stale = false;

/** @param {string} copy @param {Mutation} mutation @returns {Promise<string | null>} what is wrong; null: seen */
async function survives(copy, { file, find, replace, tests }) {
  const place = path.join(copy, file);
  const original = await readFile(place, "utf8").catch(() => "");
  if (original.split(find).length !== 2) return "the text to replace must stand in the file exactly once";
  const native = file.startsWith("native/");
  await writeFile(
    place,
    original.replace(find, () => replace),
  );
  try {
    if (native || stale) await compile(copy);
    stale = native;
    const { failed, loaded } = await runTests(copy, tests);
    if (loaded === false) return "the broken code does not load";
    return failed === 0 ? `${tests} passed all the same` : null;
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    stale = true;
    return "the broken code does not compile";
  } finally {
    await writeFile(place, original);
  }
}

/** @param {string} copy @param {string} tests */
function runTests(copy, tests) {
  return tests === "ctest"
    ? ctest(path.join(copy, "build", "native"), undefined, "never")
    : mocha(tests, { cwd: copy, show: "never", bail: true });
}

/** @param {string} copy */
async function compile(copy) {
  await buildNative({
    source: path.join(copy, "native"),
    folder: path.join(copy, "build", "native"),
    tests: true,
    quiet: true,
  });
}

/** The sources in build/mutations, with the packages of this checkout beside them. */
async function copyRepository() {
  const copy = path.join(root, "build", "mutations");
  const shared = ["node_modules", "dist", "build/deps"];
  const left = new Set([".git", "node_modules", "dist", "build", ".plumb", "__pycache__"]);
  await mkdir(copy, { recursive: true });
  for (const name of await readdir(copy)) {
    if (name !== "build") await rm(path.join(copy, name), { recursive: true, force: true });
  }
  for (const name of await readdir(root)) {
    if (left.has(name)) continue;
    // Unchanged files keep their time: the native build of an earlier run is used again.
    await cp(path.join(root, name), path.join(copy, name), {
      recursive: true,
      preserveTimestamps: true,
      filter: (from) => !left.has(path.basename(from)),
    });
  }
  for (const name of shared) {
    await mkdir(path.dirname(path.join(copy, name)), { recursive: true });
    await rm(path.join(copy, name), { recursive: true, force: true });
    await symlink(path.join(root, name), path.join(copy, name));
  }
  return copy;
}
