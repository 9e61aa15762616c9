import type { Rows } from "../../core/labelling";
import { FEW_TEST_TEXTS } from "../../core/report/few";
import type { ClassProgress, LabelProgress } from "../../protocol";

/**
 * How far the labelling of a file is. A class needs some test texts before its score means anything.
 * @param test Share of the answers that will be drawn for the test; null where the task has a file for each part. Where an
 *   example says itself that it is of the test, nothing is drawn.
 */
export function progressOf(
  rows: Rows,
  labels: readonly string[],
  test: { readonly share: number | null; readonly testFile: boolean },
): LabelProgress {
  let given = test.share === null;
  const total = { open: 0, answered: 0, skipped: 0, broken: 0, blank: 0 };
  const counts = new Map(labels.map((label) => [label, { count: 0, test: 0 }]));
  for (let line = 0; line < rows.length; line++) {
    const row = rows.at(line);
    total[row.state]++;
    if ("test" in row && row.test) given = true;
    if (row.state !== "answered") continue;
    for (const label of row.answer) {
      const own = counts.get(label);
      if (own === undefined) continue;
      own.count++;
      if (row.test || test.testFile) own.test++;
    }
  }
  const neededOf = (own: { count: number; test: number }): number => {
    if (!given && test.share !== null) return Math.ceil(FEW_TEST_TEXTS / test.share) - own.count;
    // What the test lacks stands in the test's own file, or in this one.
    return test.share === null && !test.testFile ? 0 : FEW_TEST_TEXTS - own.test;
  };
  const classes = labels.map((label): ClassProgress => {
    const own = counts.get(label)!;
    return { label, count: own.count, needed: Math.max(0, neededOf(own)), ofTest: given };
  });
  const { answered, skipped, open, broken } = total;
  return { answered, skipped, open, broken, classes };
}
