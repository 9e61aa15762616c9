import { answerOf } from "../data";
import { PlumbError } from "../errors";
import type { Example, Prediction, Report, Task } from "../schema";

/** What a report is made of. */
export interface ReportInput {
  task: Task;
  /** The whole training part, held-out texts included; every example with its answer. */
  train: Example[];
  test: Example[];
  /** Of the run, one for each test example. */
  predictions: Prediction[];
  /** Of the base model untuned, on the same test examples. */
  untuned: Prediction[] | null;
  /** Training texts that the model was not fitted to. */
  heldOut: { examples: Example[]; predictions: Prediction[] };
  /** Of cross-validation: each training text judged by a model that was not fitted to it. */
  outOfFold: { examples: Example[]; predictions: Prediction[] } | null;
  run: Report["run"];
  /** How often the test part has been looked at, this run included. */
  testLooks: number;
}

/** What the two kinds of quality (labels, generated text) each put into a report. */
export type QualityPart = Pick<Report, "classification" | "generation" | "rivals" | "rows" | "suspects">;

/** The label indices that an example's answer names. Throws where it has none or names a label outside the set. */
export function labelsOf(task: Task, example: Example): number[] {
  const answer = answerOf(task, example);
  if (answer === null) {
    throw new PlumbError(
      "report-answer",
      `Cannot make a report: example "${example.id}" has no answer. Leave it out.`,
    );
  }
  const names = [...new Set([answer].flat())];
  return names.map((name) => {
    const index = (task.labels ?? []).findIndex((label) => label.name === name);
    if (index >= 0) return index;
    const known = (task.labels ?? []).map((label) => label.name).join(", ");
    throw new PlumbError(
      "report-label",
      `Cannot make a report: example "${example.id}" has the label "${name}", which is not in the task's label set (${known}).`,
    );
  });
}

/** Acceptable outputs of a generation example: its target, then its further references. */
export function referencesOf(example: Example): string[] {
  const all = [...(example.target === undefined ? [] : [example.target]), ...(example.references ?? [])];
  if (all.length === 0) {
    throw new PlumbError(
      "report-answer",
      `Cannot make a report: example "${example.id}" has no target. Leave it out.`,
    );
  }
  return [...new Set(all)];
}

/** One prediction for each example, in the examples' order. Throws, naming the first example, where one is missing. */
export function predictionsFor(
  examples: readonly Example[],
  predictions: readonly Prediction[],
): Prediction[] {
  const byId = new Map(predictions.map((prediction) => [prediction.id, prediction]));
  const missing = examples.filter(({ id }) => !byId.has(id));
  if (missing[0] !== undefined) {
    throw new PlumbError(
      "report-predictions",
      `Cannot make a report: ${missing.length} of ${examples.length} examples have no prediction, the first is "${missing[0].id}". The predictions may be of another task or an older split.`,
    );
  }
  return examples.map(({ id }) => byId.get(id)!);
}

/** Probabilities of one prediction, clamped to 0 to 1. Throws where they do not fit the label set. */
export function scoresOf(prediction: Prediction, labelCount: number): number[] {
  const { id, scores } = prediction;
  if (scores?.length !== labelCount || !scores.every(Number.isFinite)) {
    const found =
      scores === undefined
        ? "none"
        : scores.every(Number.isFinite)
          ? scores.length
          : "one that is not a number";
    throw new PlumbError(
      "report-scores",
      `Cannot make a report: the prediction of "${id}" should have ${labelCount} scores, one for each label; found ${found}.`,
    );
  }
  return scores.map((score) => Math.min(1, Math.max(0, score)));
}
