import type { Prediction, Report, ReportRow, RivalName } from "../schema";
import { cautions, nextSteps } from "./advice";
import { coverage, expectedCalibrationError, reliability } from "./calibration";
import { resampleF1 } from "./classification-bootstrap";
import { FEW_TEST_TEXTS } from "./few";
import { generationPart } from "./generation-part";
import { labelsOf, predictionsFor, type QualityPart, type ReportInput, scoresOf } from "./input";
import { RESAMPLES, type Units, unitsOf } from "./resample";
import { bootstrapEstimate, compare, type Judge, shareOf, shareRight } from "./rivals";
import { confusionMatrix, countClasses, isRight, type Judged, macroF1, microF1, scoreClass } from "./scores";
import { decide, type Threshold, thresholdsFor } from "./thresholds";
import { verdict } from "./verdict";
import { colorsOf } from "./colors";
import { wordCountRival } from "./word-count-rival";

/** A training text is suspected only when a model that never saw it is at least this sure of another answer. */
const SUSPECT_CONFIDENCE = 0.9;
const MOST_SUSPECTS = 100;

/**
 * Measures a run on its test part, beside the rivals on the same texts. The same input gives the same report.
 * Throws PlumbError where predictions, answers and label set do not fit together.
 */
export function buildReport(input: ReportInput): Report {
  const { task, test } = input;
  const units = unitsOf(test);
  const options = { seed: input.run.seed, resamples: RESAMPLES };
  const part =
    task.kind === "generation" ? generationPart(input, units, options) : labelPart(input, units, options);
  const facts = {
    version: 1 as const,
    task: {
      ...{ name: task.name, kind: task.kind, labels: (task.labels ?? []).map(({ name }) => name) },
      ...colorsOf(task.labels ?? []),
    },
    // A step whose loss overflowed has no place on a curve, and none in JSON.
    run: { ...input.run, history: input.run.history.filter(({ loss }) => Number.isFinite(loss)) },
    data: { train: input.train.length, test: test.length, testLooks: input.testLooks },
    resampling: { unit: units.kind, units: units.members.length, ...options },
    verdict: verdict(task.kind, part.rivals, test.length),
    ...part,
  };
  return { ...facts, next: nextSteps(facts), notes: cautions(facts) };
}

/**
 * From which probability on each label of a multi-label task is given: the best F1 on out-of-fold predictions, or on
 * held-out ones where there are none; never on the test part.
 */
export function chooseThresholds(input: Pick<ReportInput, "task" | "heldOut" | "outOfFold">): Threshold[] {
  const { examples, predictions } = input.outOfFold ?? input.heldOut;
  const labelCount = input.task.labels?.length ?? 0;
  const scores = predictionsFor(examples, predictions).map((prediction) => scoresOf(prediction, labelCount));
  const truth = examples.map((example) => labelsOf(input.task, example));
  return thresholdsFor(scores, truth, labelCount);
}

function labelPart(
  input: ReportInput,
  units: Units,
  options: { seed: number; resamples: number },
): QualityPart {
  const { task, train, test } = input;
  const names = (task.labels ?? []).map(({ name }) => name);
  const truth = test.map((example) => labelsOf(task, example));
  const trainTruth = train.map((example) => labelsOf(task, example));
  const thresholds = task.kind === "multi" ? chooseThresholds(input) : null;
  const scores = predictionsFor(test, input.predictions).map((prediction) =>
    scoresOf(prediction, names.length),
  );
  const judged = (predicted: readonly (readonly number[])[]): Judged[] =>
    truth.map((labels, index) => ({ truth: labels, predicted: predicted[index]! }));

  const own = judged(scores.map((row) => decide(row, thresholds)));
  const candidates = [
    { name: "run" as const, description: "this run", judged: own },
    ...rivalDecisions(input, trainTruth).map(({ predicted, ...rest }) => ({
      ...rest,
      judged: judged(predicted),
    })),
  ];
  const resampled = resampleF1(
    candidates.map((candidate) => candidate.judged),
    names.length,
    units,
    options,
  );
  const judges = candidates.map(({ name, description, judged: decisions }, index): Judge => ({
    name,
    description,
    right: decisions.map(isRight),
    value: macroF1(countClasses(decisions, names.length)),
    resampled: resampled[index]!.macro,
    incomplete: resampled[index]!.incomplete,
  }));
  const [run, ...rivals] = judges as [Judge, ...(Judge & { name: RivalName })[]];

  const counts = countClasses(own, names.length);
  const trainCounts = names.map((_, label) => trainTruth.filter((labels) => labels.includes(label)).length);
  const confidence = scores.map((row, index) =>
    confidenceOf(row, own[index]!.predicted, thresholds !== null),
  );
  const decisions = thresholds === null ? null : scores.flatMap((row) => row);
  const bins =
    decisions === null
      ? reliability(confidence, run.right)
      : reliability(
          decisions,
          truth.flatMap((labels) => names.map((_, label) => labels.includes(label))),
        );
  return {
    classification: {
      macroF1: bootstrapEstimate(run.value, run.resampled, run.incomplete),
      microF1: bootstrapEstimate(microF1(counts), resampled[0]!.micro),
      accuracy: shareRight(run.right),
      classes: names.map((label, index) => {
        const { tp, fp, fn } = counts[index]!;
        return {
          label,
          support: tp + fn,
          predicted: tp + fp,
          trainSupport: trainCounts[index]!,
          tp,
          fp,
          fn,
          precision: shareOf(tp, tp + fp),
          recall: shareOf(tp, tp + fn),
          f1: bootstrapEstimate(scoreClass({ tp, fp, fn }).f1, resampled[0]!.perClass[index]!),
          few: tp + fn < FEW_TEST_TEXTS,
          threshold: thresholds?.[index] ?? null,
        };
      }),
      confusion: task.kind === "single" ? confusionMatrix(own, names.length) : null,
      confused: confusedPairs(own, names),
      calibration: {
        of: decisions === null ? "texts" : "decisions",
        bins,
        expectedCalibrationError: expectedCalibrationError(bins),
        brier: brierScore(scores, truth, thresholds !== null),
      },
      coverage: coverage(confidence, run.right),
    },
    generation: null,
    rivals: rivals.map((rival) => compare(run, rival, units.members.length)),
    rows: test.map((example, index): ReportRow => ({
      id: example.id,
      truth: own[index]!.truth.map((label) => names[label]!),
      predicted: own[index]!.predicted.map((label) => names[label]!),
      right: run.right[index]!,
      confidence: confidence[index]!,
      probabilities: shownProbabilities(scores[index]!, own[index]!, names),
      rougeL: null,
      chrf: null,
    })),
    suspects: suspects(input, thresholds, names),
  };
}

/** Decisions of the rivals on the test part. */
function rivalDecisions(
  input: ReportInput,
  trainTruth: readonly number[][],
): { name: RivalName; description: string; predicted: number[][] }[] {
  const { task, train, test } = input;
  const names = (task.labels ?? []).map(({ name }) => name);
  const multi = task.kind === "multi";
  const constant = mostFrequent(trainTruth);
  const title = constant.length === 0 ? "no label" : constant.map((label) => `“${names[label]!}”`).join(", ");
  const rivals: { name: RivalName; description: string; predicted: number[][] }[] = [
    { name: "majority", description: `always ${title}`, predicted: test.map(() => constant) },
  ];
  if (multi) {
    const every = names.map((_, label) => label);
    rivals.push({
      name: "every-label",
      description: "every label on every text",
      predicted: test.map(() => every),
    });
  }
  const words = wordCountRival(train, trainTruth, names.length, multi ? "multi" : "single");
  rivals.push({
    name: "word-counts",
    description: words.description,
    predicted: words.decide(test.map(({ text }) => text)),
  });
  if (input.untuned !== null) {
    const half = multi ? names.map(() => ({ value: 0.5 })) : null;
    rivals.push({
      name: "untuned",
      description: multi ? "the base model untuned, labels from 0.5 on" : "the base model untuned",
      predicted: predictionsFor(test, input.untuned).map((prediction) =>
        decide(scoresOf(prediction, names.length), half),
      ),
    });
  }
  return rivals;
}

/** The most frequent answer; of equally frequent ones the first met. */
function mostFrequent(answers: readonly number[][]): number[] {
  const counts = new Map<string, { answer: number[]; count: number }>();
  for (const answer of answers) {
    const key = [...answer].sort((a, b) => a - b).join();
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { answer, count: 1 });
    else known.count++;
  }
  return [...counts.values()].reduce((best, entry) => (entry.count > best.count ? entry : best), {
    answer: [0],
    count: 0,
  }).answer;
}

/** Probability of the given label; for multi-label tasks that of the least sure of all yes/no decisions. */
function confidenceOf(scores: readonly number[], predicted: readonly number[], multi: boolean): number {
  if (!multi) return scores[predicted[0]!]!;
  return Math.min(...scores.map((score, label) => (predicted.includes(label) ? score : 1 - score)));
}

/** Pairs (true, given) of different labels, most frequent first; for multi-label tasks (missed, wrongly given). */
function confusedPairs(
  judged: readonly Judged[],
  names: readonly string[],
): { truth: string; predicted: string; count: number }[] {
  const counts = new Map<number, number>();
  for (const { truth, predicted } of judged) {
    for (const missed of truth.filter((label) => !predicted.includes(label))) {
      for (const wrong of predicted.filter((label) => !truth.includes(label))) {
        const key = missed * names.length + wrong;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
  }
  return [...counts]
    .sort(([a, one], [b, other]) => other - one || a - b)
    .map(([key, count]) => ({
      truth: names[Math.floor(key / names.length)]!,
      predicted: names[key % names.length]!,
      count,
    }));
}

/** Mean squared error of the probabilities: summed over the labels of a text, for multi-label tasks averaged over them. */
function brierScore(scores: readonly number[][], truth: readonly number[][], multi: boolean): number | null {
  if (scores.length === 0) return null;
  let sum = 0;
  for (const [index, row] of scores.entries()) {
    for (const [label, score] of row.entries()) sum += (score - (truth[index]!.includes(label) ? 1 : 0)) ** 2;
  }
  return sum / scores.length / (multi ? scores[0]!.length : 1);
}

function shownProbabilities(
  scores: readonly number[],
  { truth, predicted }: Judged,
  names: readonly string[],
): { label: string; probability: number }[] {
  const order = scores.map((_, label) => label).sort((a, b) => scores[b]! - scores[a]!);
  const needed = new Set([...truth, ...predicted]);
  const next = order.find((label) => !needed.has(label));
  if (next !== undefined) needed.add(next);
  return order.flatMap((label) =>
    needed.has(label) ? [{ label: names[label]!, probability: scores[label]! }] : [],
  );
}

/** Training texts whose label an out-of-fold model surely contradicts, surest first. */
function suspects(
  input: ReportInput,
  thresholds: readonly Threshold[] | null,
  names: readonly string[],
): Report["suspects"] {
  if (input.outOfFold === null) return [];
  const { examples } = input.outOfFold;
  return predictionsFor(examples, input.outOfFold.predictions)
    .flatMap((prediction: Prediction, index) => {
      const scores = scoresOf(prediction, names.length);
      const truth = labelsOf(input.task, examples[index]!);
      const predicted = decide(scores, thresholds);
      if (isRight({ truth, predicted })) return [];
      // For multi-label tasks: how sure the surest decision is that contradicts the label.
      const against = scores.flatMap((score, label) =>
        predicted.includes(label) === truth.includes(label)
          ? []
          : [predicted.includes(label) ? score : 1 - score],
      );
      const confidence = thresholds === null ? scores[predicted[0]!]! : Math.max(...against);
      if (confidence < SUSPECT_CONFIDENCE) return [];
      const named = (labels: readonly number[]) => labels.map((label) => names[label]!);
      return [{ id: prediction.id, truth: named(truth), predicted: named(predicted), confidence }];
    })
    .sort((a, b) => b.confidence - a.confidence)
    .slice(0, MOST_SUSPECTS);
}
