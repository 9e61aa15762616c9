/**
 * Mocha's own text for people; and for scripts/test.mjs, as JSON in the file that PLUMB_TEST_COUNTS names, the counts
 * and the names of what failed.
 */
"use strict";
const { writeFileSync } = require("node:fs");
const { reporters, Runner } = require("mocha");

class SpecWithCounts extends reporters.Spec {
  /** @param {import("mocha").Runner} runner @param {import("mocha").MochaOptions} options */
  constructor(runner, options) {
    super(runner, options);
    /** @type {string[]} */
    const failures = [];
    runner.on(Runner.constants.EVENT_TEST_FAIL, (test, error) => {
      const [reason] = String(error?.message ?? error).split("\n", 1);
      failures.push(`${test.fullTitle()}: ${reason}`);
    });
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const file = process.env.PLUMB_TEST_COUNTS;
      if (!file) return;
      const { passes, failures: failed, pending } = runner.stats ?? { passes: 0, failures: 1, pending: 0 };
      writeFileSync(file, JSON.stringify({ passed: passes, failed, skipped: pending, failures }));
    });
  }
}
module.exports = SpecWithCounts;
