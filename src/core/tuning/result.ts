import path from "node:path";
import { answerOf, type LoadedExample } from "../data";
import { writeFileAtomic } from "../files";
import { buildReport, chooseThreshold, renderReport, type Report, type ReportInput } from "../report";
import type { Prediction, Task } from "../schema";
import type { Parts } from "./prepare";
import { RUN_FILES, writing } from "./run-folder";

/** What a report is made from. Predictions stand in the order of their examples. */
export interface RunFacts {
  readonly task: Task;
  readonly parts: Parts;
  readonly predictions: Prediction[];
  readonly untuned: Prediction[] | null;
  readonly heldOut: Prediction[];
  /** Of fit and held-out part together; null where no folds were tuned. */
  readonly outOfFold: readonly Prediction[] | null;
  readonly testLooks: number;
  readonly run: ReportInput["run"];
}

/**
 * From which probability on a label applies, chosen on out-of-fold predictions where there are any, else on the held-out
 * part; never on the test part. Null for other kinds than `multi`.
 */
export function chooseThresholds(
  task: Task,
  examples: readonly LoadedExample[],
  predictions: readonly Prediction[],
): number[] | null {
  if (task.kind !== "multi") return null;
  return (task.labels ?? []).map(({ name }, label) => {
    const has = examples.map((example) => answerOf(task, example)?.includes(name) ?? false);
    return chooseThreshold(
      predictions.map(({ scores }) => scores?.[label] ?? 0),
      has,
    ).value;
  });
}

/** Makes the report; writes report.json and report.html where a folder is given. */
export async function reportRun(
  folder: string | null,
  facts: RunFacts,
): Promise<{ report: Report; thresholds: number[] | null }> {
  const { task, parts, outOfFold } = facts;
  const train = [...parts.fit, ...parts.heldOut];
  const byId = new Map(train.map((example) => [example.id, example]));
  const folded =
    outOfFold === null
      ? null
      : {
          examples: outOfFold.map(({ id }) => byId.get(id) as LoadedExample),
          predictions: [...outOfFold],
        };
  const heldOut = { examples: [...parts.heldOut], predictions: facts.heldOut };
  const report = buildReport({
    task,
    train,
    test: [...parts.test],
    predictions: facts.predictions,
    untuned: facts.untuned,
    heldOut,
    outOfFold: folded,
    run: facts.run,
    testLooks: facts.testLooks,
  });
  if (folder !== null) {
    const json = path.join(folder, RUN_FILES.report);
    await writing(json, () => writeFileAtomic(json, `${JSON.stringify(report, null, 2)}\n`));
    const page = path.join(folder, RUN_FILES.page);
    const texts = new Map(parts.test.map(({ id, text }) => [id, text]));
    const html = renderReport(report, { texts });
    await writing(page, () => writeFileAtomic(page, html));
  }
  const basis = folded ?? heldOut;
  return { report, thresholds: chooseThresholds(task, basis.examples, basis.predictions) };
}
