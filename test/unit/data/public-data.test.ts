import assert from "node:assert/strict";
import { answerOf, checkTask, foldExamples, holdOut, loadTask, splitExamples } from "../../../src/core/data";
import { publicDataFolder, publicTask, publicTasks } from "../../public-data";
import { TestFolder } from "./folder";

describe("public data", () => {
  const names = publicTasks();
  if (names.length === 0) {
    it("is read without a problem", function () {
      console.log(`      skipped: no public data in ${publicDataFolder()} (see PLUMB_DATA)`);
      this.skip();
    });
  }
  for (const name of names) {
    it(`of ${name} is read without a problem, checked and split soundly`, async () => {
      const folder = await TestFolder.make();
      try {
        const loaded = await loadTask(await folder.write("t.plumb.json", JSON.stringify(publicTask(name))));
        assert.deepEqual(loaded.problems, []);
        const lines = loaded.files.reduce((sum, file) => sum + file.lines, 0);
        assert.equal(loaded.examples.length, lines);
        assert.ok(loaded.examples.every((example) => answerOf(loaded.task, example) !== null));

        const result = checkTask(loaded, null);
        assert.deepEqual(
          result.findings.filter(({ severity }) => severity === "error"),
          [],
        );
        assert.deepEqual(result.counts, { examples: lines, answered: lines, unanswered: 0, skipped: 0 });
        for (const { all, train, test } of result.classes) assert.equal(train + test, all);
        // "Every class that occurs in test occurs in train too."
        assert.ok(result.classes.every(({ train, label }) => train > 0 || label === null));

        const given = splitExamples(loaded, { seed: 1, testShare: 0.2 });
        assert.equal(given.made, "given");
        const folds = foldExamples(given.train, 5, 1);
        const sizes = [0, 1, 2, 3, 4].map((fold) => folds.filter((each) => each === fold).length);
        // Near duplicates make folds a little unequal, nothing more.
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 0.02 * given.train.length + 2, sizes.join(" "));
        const { fit, heldOut } = holdOut(given.train, 0.15, 1);
        assert.equal(fit.length + heldOut.length, given.train.length);
        assert.ok(Math.abs(heldOut.length / given.train.length - 0.15) < 0.02, `${heldOut.length} held out`);

        // Without the given parts a drawn split is clean: none of its test texts has a near duplicate to learn from.
        const free = loaded.examples.map(({ split: _split, ...example }) => example);
        const drawn = splitExamples({ ...loaded, examples: free }, { seed: 1, testShare: 0.2 });
        assert.ok(Math.abs(drawn.test.length / lines - 0.2) < 0.02, `${drawn.test.length} of ${lines} drawn`);
        const marked = [
          ...drawn.train.map((example) => ({ ...example, split: "train" as const })),
          ...drawn.test.map((example) => ({ ...example, split: "test" as const })),
        ];
        const { findings } = checkTask({ ...loaded, examples: marked }, null);
        const overlap = findings.filter(({ code }) => code.startsWith("overlap")).map(({ code }) => code);
        assert.deepEqual(overlap, []);
      } finally {
        await folder.remove();
      }
    });
  }
});
