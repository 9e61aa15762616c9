/** Mocha's own text for people, and the counts as JSON for scripts/test.mjs in the file that PLUMB_TEST_COUNTS names. */
"use strict";
const { writeFileSync } = require("node:fs");
const { reporters, Runner } = require("mocha");

class SpecWithCounts extends reporters.Spec {
  /** @param {import("mocha").Runner} runner @param {import("mocha").MochaOptions} options */
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = runner.stats ?? { passes: 0, failures: 1, pending: 0 };
      const file = process.env.PLUMB_TEST_COUNTS;
      if (file) writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, skipped: pending }));
    });
  }
}
module.exports = SpecWithCounts;
