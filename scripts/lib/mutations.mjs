/**
 * Mutation checks: the code is broken in one place at a time, in a copy, and the tests named beside the place must
 * fail. A break that no test sees, or whose place is no longer there, counts as a failed test.
 */
import { execFileSync } from "node:child_process";
import { cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { root } from "./places.mjs";
import { mocha } from "./runners.mjs";

/** @typedef {{ file: string, find: string, replace: string, tests: string }} Mutation */

/** @returns {Promise<import("./runners.mjs").Counts>} */
export async function mutationTests() {
  const text = await readFile(path.join(root, "test", "mutations.json"), "utf8");
  /** @type {Mutation[]} */
  const mutations = JSON.parse(text);
  const copy = await copyRepository();
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const tests of new Set(mutations.map((mutation) => mutation.tests))) {
    const { failed } = await mocha(tests, { cwd: copy, show: "never" });
    if (failed === 0) continue;
    console.log(`  ${tests} fails before anything is broken: its mutations say nothing.`);
    counts.failed++;
  }
  for (const mutation of mutations) {
    const problem = await survives(copy, mutation);
    if (problem === null) counts.passed++;
    else counts.failed++;
    console.log(
      `  ${problem === null ? "seen" : "NOT SEEN"}: ${mutation.file}: ${mutation.find} → ${mutation.replace}`,
    );
    if (problem !== null) console.log(`    ${problem}`);
  }
  if (mutations.length === 0) counts.failed++;
  return counts;
}

/** @param {string} copy @param {Mutation} mutation @returns {Promise<string | null>} what is wrong; null: seen */
async function survives(copy, { file, find, replace, tests }) {
  const place = path.join(copy, file);
  const original = await readFile(place, "utf8");
  if (original.split(find).length !== 2) return "the text to replace must stand in the file exactly once";
  await writeFile(
    place,
    original.replace(find, () => replace),
  );
  try {
    const { failed } = await mocha(tests, { cwd: copy, show: "never" });
    return failed > 0 ? null : `${tests} passed all the same`;
  } finally {
    await writeFile(place, original);
  }
}

/** What git tracks, in build/mutations, with the packages and the engine of this checkout beside it. */
async function copyRepository() {
  const copy = path.join(root, "build", "mutations");
  await rm(copy, { recursive: true, force: true });
  const tracked = execFileSync("git", ["ls-files", "-z", "src", "test", "schemas", "media", "*.json"], {
    cwd: root,
  });
  for (const file of tracked.toString().split("\0").filter(Boolean)) {
    await mkdir(path.dirname(path.join(copy, file)), { recursive: true });
    await cp(path.join(root, file), path.join(copy, file));
  }
  for (const shared of ["node_modules", "build/native", "dist"]) {
    await mkdir(path.dirname(path.join(copy, shared)), { recursive: true });
    await symlink(path.join(root, shared), path.join(copy, shared));
  }
  return copy;
}
