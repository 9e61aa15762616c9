import assert from "node:assert/strict";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { checkTask, loadTask } from "../../../src/core/data";

const sample = path.join(
  path.dirname(fileURLToPath(import.meta.url)),
  "../../../media/sample/manipulation.plumb.json",
);

describe("the sample task", () => {
  it("has nothing that a check finds: no near duplicates, enough of every class", async () => {
    const result = checkTask(await loadTask(sample), null);
    assert.deepEqual(result.findings, []);
    assert.ok(result.counts.answered >= 480, `${result.counts.answered} texts`);
    assert.ok(result.classes.length >= 6 && result.classes.some(({ label }) => label === "none"));
  });
});
