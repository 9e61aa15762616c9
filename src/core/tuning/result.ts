import path from "node:path";
import type { Session } from "../engine";
import { writeFileAtomic } from "../files";
import { buildReport, chooseThresholds, renderReport, type Report, type ReportInput } from "../report";
import type { Prediction, Task, TuningSettings } from "../schema";
import type { Parts } from "./prepare";
import { RUN_FILES, writing } from "./run-folder";

/** Parameters of the tuned model: those that train besides the base model's, or among them. */
export function totalParameters(base: number, trained: number, { method }: TuningSettings): number {
  return method === "full" ? base : base + trained;
}

/** Parameters that a session trains. */
export function parameterCount({ parameters }: Session): number {
  return parameters.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
}

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
 * Makes the report; writes report.json and report.html where a folder is given.
 * @returns With the thresholds of a multi-label task, null for other kinds.
 */
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
          examples: outOfFold.map(({ id }) => byId.get(id)!),
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
    // The page shows test texts, and training texts whose label it doubts.
    const texts = new Map([...train, ...parts.test].map(({ id, text }) => [id, text]));
    const html = renderReport(report, { texts });
    await writing(page, () => writeFileAtomic(page, html));
  }
  const thresholds =
    task.kind === "multi"
      ? chooseThresholds({ task, heldOut, outOfFold: folded }).map(({ value }) => value)
      : null;
  return { report, thresholds };
}
