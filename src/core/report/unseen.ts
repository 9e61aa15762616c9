import { answerOf } from "../data";
import type { Example, Prediction, Report, ReportRow } from "../schema";
import { isRight } from "./scores";
import { decide } from "./thresholds";

/** How a label would fare at each threshold, on texts that the model was not fitted to. */
export interface ThresholdCurve {
  label: string;
  /** From which probability on the run gives the label. */
  chosen: number;
  texts: number;
  /** Texts that have the label. */
  positives: number;
  /** At thresholds 0, 0.01 … 1: texts that would be given the label, and those of them that have it. */
  given: number[];
  hits: number[];
}

/** Labelled texts outside the test part, as judged by a model that was not fitted to them. */
export interface Unseen {
  part: "out-of-fold" | "held-out";
  /** In the order of the examples. */
  rows: ReportRow[];
  /** One for each label of a multi-label task; null for others. */
  curves: ThresholdCurve[] | null;
  /** Of each row, P(label | text) in the order of the labels. */
  scores: number[][];
}

/** Thresholds that a curve tells of. */
export const CURVE_STEPS = 100;

/**
 * What a run says of texts that its model was not fitted to: out of fold where there are folds, else of the held-out part.
 * The answers are those of the examples as they are now; an example that has none any more, or one outside the label set
 * of the run, is left out. Null for generation, and where there is no such prediction.
 */
export function unseenTexts(
  report: Report,
  predictions: readonly Prediction[],
  examples: readonly Example[],
): Unseen | null {
  const { classification, task } = report;
  if (classification === null) return null;
  const part = predictions.some((one) => one.part === "out-of-fold") ? "out-of-fold" : "held-out";
  const byId = new Map(examples.map((example) => [example.id, example]));
  const thresholds = thresholdsOf(report);
  const rows: ReportRow[] = [];
  const scores: number[][] = [];
  for (const prediction of predictions) {
    const example = byId.get(prediction.id);
    if (prediction.part !== part || example === undefined || example.status === "skipped") continue;
    if (prediction.scores?.length !== task.labels.length) continue;
    const truth = placesOf(task, example);
    if (truth === null) continue;
    rows.push(judgedRow(prediction.id, truth, prediction.scores, task.labels, thresholds));
    scores.push(prediction.scores);
  }
  if (rows.length === 0) return null;
  const curves =
    thresholds === null
      ? null
      : task.labels.map((label, at) =>
          thresholdCurve(
            label,
            thresholds[at]!.value,
            scores.map((row) => row[at]!),
            rows.map(({ truth }) => truth.includes(label)),
          ),
        );
  return { part, rows, curves, scores };
}

/** From which probability on each label is given; null where the likeliest one is. */
export function thresholdsOf(report: Report): { value: number }[] | null {
  if (report.task.kind !== "multi" || report.classification === null) return null;
  return report.classification.classes.map(({ threshold }) => ({ value: threshold?.value ?? 0.5 }));
}

/** @param has whether each text has the label */
export function thresholdCurve(
  label: string,
  chosen: number,
  probabilities: readonly number[],
  has: readonly boolean[],
): ThresholdCurve {
  const given = new Array<number>(CURVE_STEPS + 1).fill(0);
  const hits = new Array<number>(CURVE_STEPS + 1).fill(0);
  for (const [text, probability] of probabilities.entries()) {
    for (let step = 0; step <= CURVE_STEPS && probability >= step / CURVE_STEPS; step++) {
      given[step]!++;
      if (has[text]) hits[step]!++;
    }
  }
  return {
    ...{ label, chosen, given, hits },
    texts: probabilities.length,
    positives: has.filter(Boolean).length,
  };
}

/** Places of an example's labels in the label set; null where it has no answer, or one outside the set. */
function placesOf(task: Report["task"], example: Example): number[] | null {
  const answer = answerOf(task, example);
  if (answer === null) return null;
  const places = [...new Set([answer].flat())].map((name) => task.labels.indexOf(name));
  return places.includes(-1) ? null : places;
}

function judgedRow(
  id: string,
  truth: readonly number[],
  scores: readonly number[],
  labels: readonly string[],
  thresholds: readonly { value: number }[] | null,
): ReportRow {
  const predicted = decide(scores, thresholds);
  const named = (places: readonly number[]) => places.map((place) => labels[place]!);
  const sureness = (place: number) => (predicted.includes(place) ? scores[place]! : 1 - scores[place]!);
  const wrong = labels.flatMap((_, place) =>
    predicted.includes(place) === truth.includes(place) ? [] : [sureness(place)],
  );
  // Of a multi-label text that is wrong, the surest wrong decision; of one that is right, the least sure one.
  const confidence =
    thresholds === null
      ? scores[predicted[0]!]!
      : wrong.length > 0
        ? Math.max(...wrong)
        : Math.min(...labels.map((_, place) => sureness(place)));
  return {
    id,
    truth: named(truth),
    predicted: named(predicted),
    right: isRight({ truth, predicted }),
    confidence,
    probabilities: labels.map((label, place) => ({ label, probability: scores[place]! })),
    rougeL: null,
    chrf: null,
  };
}
