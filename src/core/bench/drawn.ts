import { PlumbError } from "../errors";
import { resampleF1 } from "../report/classification-bootstrap";
import { resample, type Units } from "../report/resample";
import { countClasses, macroF1 } from "../report/scores";
import { percentileInterval } from "../report/statistics";
import type { Report } from "../schema";

/** Name of a task's measure. */
export const measureOf = ({ task }: Pick<Report, "task">): string =>
  task.kind === "generation" ? "mean of ROUGE-L and chrF / 100" : "macro-F1";

const labelsOf = ({ task }: Report): readonly string[] => (task.kind === "generation" ? [] : task.labels);

/** Mean of the values that are defined; NaN where none is. */
export function meanOf(values: readonly number[]): number {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.length === 0 ? NaN : known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** The 95 % percentile interval of resampled values. */
export function endsOf(values: Float64Array): { low: number | null; high: number | null } {
  const { interval } = percentileInterval(values);
  return { low: interval?.low ?? null, high: interval?.high ?? null };
}

/** @throws PlumbError where the reports are not all of one test part. */
export function checkOneTestPart(reports: readonly Report[]): void {
  const tested = reports.map(({ rows }) => JSON.stringify(rows.map(({ id, truth }) => [id, truth])));
  if (tested.every((each) => each === tested[0])) return;
  throw new PlumbError("test-parts", "The runs have different test parts. Run them anew in an empty folder.");
}

function judgedOf(report: Report) {
  const labels = labelsOf(report);
  return report.rows.map(({ truth, predicted }) => ({
    truth: truth.map((label) => labels.indexOf(label)),
    predicted: predicted.map((label) => labels.indexOf(label)),
  }));
}

const matchOf = (report: Report) =>
  report.rows.map(({ rougeL, chrf }) => ((rougeL ?? 0) + (chrf ?? 0) / 100) / 2);

/** Quality of a run on its test part, then each class's F1; NaN where not defined. */
export function observedOf(report: Report): number[] {
  const labels = labelsOf(report);
  if (labels.length === 0) return [meanOf(matchOf(report))];
  const macro = macroF1(countClasses(judgedOf(report), labels.length));
  const classes = labels.map(
    (label) => report.classification!.classes.find((each) => each.label === label)?.f1.value ?? NaN,
  );
  return [macro ?? NaN, ...classes];
}

/** The same on drawn test texts, a list for each figure of `observedOf`. The draws are the same for all runs. */
export function drawnOf(reports: readonly Report[], resamples: number): (readonly Float64Array[])[] {
  const count = reports[0]!.rows.length;
  const labels = labelsOf(reports[0]!);
  const options = { seed: 0, resamples };
  if (labels.length === 0) {
    const scores = reports.map(matchOf);
    const found = reports.map(() => new Float64Array(resamples));
    resample(count, options, (texts, r) => {
      for (const [i, own] of scores.entries()) {
        found[i]![r] = texts.reduce((sum, text) => sum + own[text]!, 0) / count;
      }
    });
    return found.map((values) => [values]);
  }
  const units: Units = { kind: "example", members: Array.from({ length: count }, (_, i) => [i]) };
  return reports.map((report) => {
    const [own] = resampleF1([judgedOf(report)], labels.length, units, options);
    return [own!.macro, ...own!.perClass];
  });
}
