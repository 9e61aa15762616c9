/** Which labels were given and which were meant: one test text under one judge. Indices into the label set. */
export interface Judged {
  truth: readonly number[];
  predicted: readonly number[];
}

export interface ClassCounts {
  /** Texts of the class that were given it. */
  tp: number;
  /** Texts given the class that are not of it. */
  fp: number;
  /** Texts of the class that were not given it. */
  fn: number;
}

/** Scores of one class, 0 to 1. A ratio without a denominator is `null`, never 0. */
export interface ClassScores {
  /** `null` where the class was never predicted. */
  precision: number | null;
  /** `null` where no test text has the class. */
  recall: number | null;
  /** `null` where the class neither occurs nor was predicted. */
  f1: number | null;
}

export const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

export function scoreClass({ tp, fp, fn }: ClassCounts): ClassScores {
  return { precision: ratio(tp, tp + fp), recall: ratio(tp, tp + fn), f1: ratio(2 * tp, 2 * tp + fp + fn) };
}

/** Counts per class, in the order of the label set. */
export function countClasses(judged: readonly Judged[], labelCount: number): ClassCounts[] {
  const counts = countEvents(judged.map(eventsOf), labelCount);
  return Array.from({ length: labelCount }, (_, label) => ({
    tp: counts[3 * label]!,
    fp: counts[3 * label + 1]!,
    fn: counts[3 * label + 2]!,
  }));
}

/** Mean F1 of the classes whose F1 is defined; `null` where none is. */
export function macroF1(counts: readonly ClassCounts[]): number | null {
  const defined = counts.map((count) => scoreClass(count).f1).filter((f1) => f1 !== null);
  return ratio(
    defined.reduce((sum, f1) => sum + f1, 0),
    defined.length,
  );
}

/** F1 of all decisions pooled; for a single-label task the same as accuracy. `null` where no label occurs at all. */
export function microF1(counts: readonly ClassCounts[]): number | null {
  return scoreClass({
    tp: counts.reduce((sum, { tp }) => sum + tp, 0),
    fp: counts.reduce((sum, { fp }) => sum + fp, 0),
    fn: counts.reduce((sum, { fn }) => sum + fn, 0),
  }).f1;
}

/** Whether the text was given exactly the labels it has. */
export function isRight({ truth, predicted }: Judged): boolean {
  return truth.length === predicted.length && truth.every((label) => predicted.includes(label));
}

/** `matrix[truth][predicted]`: number of texts. Single-label tasks only. */
export function confusionMatrix(judged: readonly Judged[], labelCount: number): number[][] {
  const matrix = Array.from({ length: labelCount }, () => new Array<number>(labelCount).fill(0));
  for (const { truth, predicted } of judged) matrix[truth[0]!]![predicted[0]!]!++;
  return matrix;
}

/**
 * What one text adds to the counts of all classes: 3·label where the label was rightly given, 3·label + 1 where wrongly
 * given, 3·label + 2 where missed. Summing these over any multiset of texts gives its counts.
 */
export function eventsOf({ truth, predicted }: Judged): number[] {
  const events: number[] = [];
  for (const label of predicted) events.push(3 * label + (truth.includes(label) ? 0 : 1));
  for (const label of truth) if (!predicted.includes(label)) events.push(3 * label + 2);
  return events;
}

/** Sums events into counts: tp, fp, fn of class 0, then of class 1, and so on. */
export function countEvents(events: readonly (readonly number[])[], labelCount: number): Int32Array {
  const counts = new Int32Array(3 * labelCount);
  for (const list of events) for (const event of list) counts[event]!++;
  return counts;
}
