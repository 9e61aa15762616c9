import { foldExamples, holdOut } from "../data";
import { PlumbError } from "../errors";
import type { Example } from "../schema";
import type { LogisticOptions } from "./logistic";
import { countClasses, macroF1 } from "./scores";
import { decide, type Threshold, thresholdsFor } from "./thresholds";
import { readWordCounts, type WordCountTexts } from "./word-counts";

/** A word count as a rival of the run, fitted on the whole training part. */
export interface WordCountRival {
  /** What it is and how it was chosen, in a few words. */
  description: string;
  /** `null` where there were too few training texts to choose anything on. */
  chosen: LogisticOptions | null;
  /** Macro F1 of the chosen setting in cross-validation, where it is a little too good; `null` where none was chosen. */
  crossValidated: number | null;
  /** How many training texts the choice was made on. */
  chosenOn: number;
  /** Label indices of each text. */
  decide(texts: readonly string[]): number[][];
}

const CHOICES: readonly LogisticOptions[] = [false, true].flatMap((balanced) =>
  [1, 10, 100].map((inversePenalty) => ({ inversePenalty, balanced })),
);
const UNCHOSEN: LogisticOptions = { inversePenalty: 10, balanced: true };
const FOLDS = 3;
/** The choice is made on so many training texts at most: six fits in each fold must not take longer than the last one. */
export const TEXTS_TO_CHOOSE_ON = 800;
/** The same for all runs: runs on the same training part meet the same rival. */
const SEED = 1;

/**
 * The word count that a careful analyst would set against a run: penalty and class weights with the best macro F1 in
 * cross-validation within the training part; of equally good ones the first: without class weights, held back most.
 * Thresholds of a multi-label task are chosen as the run's are, on texts that the model was not fitted to. The same
 * training part gives the same rival.
 * @param truth label indices of each training text
 */
export function wordCountRival(
  train: readonly Example[],
  truth: readonly (readonly number[])[],
  labelCount: number,
  kind: "single" | "multi",
): WordCountRival {
  const all = train.map((example, index): Labelled => ({ ...example, truth: truth[index]! }));
  const few =
    all.length > TEXTS_TO_CHOOSE_ON ? holdOut(all, 1 - TEXTS_TO_CHOOSE_ON / all.length, SEED).fit : all;
  const folds = readFolds(few, labelCount, kind);
  let best: number | null = null;
  let chosen: LogisticOptions | null = null;
  let thresholds: Threshold[] | null = kind === "multi" ? thresholdsFor([], [], labelCount) : null;
  if (folds !== null) {
    for (const options of CHOICES) {
      const { examples, scores } = outOfFold(folds, options);
      const own = kind === "multi" ? thresholdsOf(examples, scores, labelCount) : null;
      const judged = examples.map((example, index) => ({
        truth: example.truth,
        predicted: decide(scores[index]!, own),
      }));
      const figure = macroF1(countClasses(judged, labelCount)) ?? 0;
      if (best === null || figure > best) [best, chosen, thresholds] = [figure, options, own];
    }
    const allFolds = kind === "multi" && few !== all ? readFolds(all, labelCount, kind) : null;
    if (allFolds !== null) {
      const { examples, scores } = outOfFold(allFolds, chosen!);
      thresholds = thresholdsOf(examples, scores, labelCount);
    }
  }
  const options = chosen ?? UNCHOSEN;
  const model = read(all, labelCount, kind).fit(options);
  const settings = `C = ${options.inversePenalty}${options.balanced ? ", balanced" : ""}`;
  const how = chosen === null ? "" : ", chosen on the training part";
  return {
    description: `words and pairs of words: TF-IDF, logistic regression, ${settings}${how}`,
    chosen,
    crossValidated: best,
    chosenOn: folds === null ? 0 : few.length,
    decide: (texts) => model.score(texts).map((row) => decide(row, thresholds)),
  };
}

type Labelled = Example & { truth: readonly number[] };

/** Texts that were left out of a fit, and the others, ready to be fitted. */
interface Fold {
  inside: Labelled[];
  outside: WordCountTexts;
}

const read = (examples: readonly Labelled[], labelCount: number, kind: "single" | "multi"): WordCountTexts =>
  readWordCounts(
    examples.map(({ text }) => text),
    examples.map((example) => example.truth),
    labelCount,
    kind,
  );

/** Folds alike in classes, groups and near duplicates kept together; `null` where the texts are too few for that. */
function readFolds(
  examples: readonly Labelled[],
  labelCount: number,
  kind: "single" | "multi",
): Fold[] | null {
  let foldOf: number[];
  try {
    foldOf = foldExamples(examples, FOLDS, SEED);
  } catch (error) {
    if (error instanceof PlumbError && error.code === "wrong-folds") return null;
    throw error;
  }
  return Array.from({ length: FOLDS }, (_, fold) => ({
    inside: examples.filter((_, index) => foldOf[index] === fold),
    outside: read(
      examples.filter((_, index) => foldOf[index] !== fold),
      labelCount,
      kind,
    ),
  }));
}

/** Every text of the folds with its probabilities under a model that was not fitted to it. */
function outOfFold(
  folds: readonly Fold[],
  options: LogisticOptions,
): { examples: Labelled[]; scores: Float64Array[] } {
  return {
    examples: folds.flatMap(({ inside }) => inside),
    scores: folds.flatMap(({ inside, outside }) =>
      outside.fit(options).score(inside.map(({ text }) => text)),
    ),
  };
}

const thresholdsOf = (
  examples: readonly Labelled[],
  scores: readonly Float64Array[],
  labelCount: number,
): Threshold[] =>
  thresholdsFor(
    scores,
    examples.map((example) => example.truth),
    labelCount,
  );
