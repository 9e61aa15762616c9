/** From which probability on a label of a multi-label task is given. */
export interface Threshold {
  value: number;
  /** Positives among the texts it was chosen on. */
  positives: number;
  /** "default": too few positives to choose on, 0.5 kept. */
  source: "chosen" | "default";
}

/** With fewer positives than this, a chosen threshold would follow chance. */
export const POSITIVES_FOR_THRESHOLD = 10;

/**
 * The threshold with the best F1 on texts that the model was not fitted to: half-way between two neighbouring
 * probabilities; of equally good ones the nearest to 0.5.
 * @param probabilities P(label) of each text
 * @param has whether the text has the label
 */
export function chooseThreshold(probabilities: readonly number[], has: readonly boolean[]): Threshold {
  const positives = has.filter(Boolean).length;
  if (positives < POSITIVES_FOR_THRESHOLD) return { value: 0.5, positives, source: "default" };
  const order = probabilities.map((_, index) => index).sort((a, b) => probabilities[b]! - probabilities[a]!);
  let best = { f1: -1, value: 0.5 };
  let tp = 0;
  for (const [position, index] of order.entries()) {
    if (has[index]) tp++;
    const here = probabilities[index]!;
    const next = position + 1 < order.length ? probabilities[order[position + 1]!]! : 0;
    if (position + 1 < order.length && next === here) continue;
    const f1 = (2 * tp) / (position + 1 + positives);
    // Between the two neighbours any value decides alike: 0.5 itself where it lies there, else the middle.
    const middle = (here + next) / 2;
    const value = next < 0.5 && here >= 0.5 ? 0.5 : middle > next ? middle : here;
    if (f1 > best.f1 || (f1 === best.f1 && Math.abs(value - 0.5) < Math.abs(best.value - 0.5)))
      best = { f1, value };
  }
  return { value: best.value, positives, source: "chosen" };
}

/** The threshold of each label, from the probabilities and true labels of texts that the model was not fitted to. */
export function thresholdsFor(
  scores: readonly ArrayLike<number>[],
  truth: readonly (readonly number[])[],
  labelCount: number,
): Threshold[] {
  return Array.from({ length: labelCount }, (_, label) =>
    chooseThreshold(
      scores.map((row) => row[label]!),
      truth.map((labels) => labels.includes(label)),
    ),
  );
}

/** The labels that probabilities amount to: the most likely one, or all at or above their thresholds. */
export function decide(
  scores: ArrayLike<number>,
  thresholds: readonly Pick<Threshold, "value">[] | null,
): number[] {
  const all = Array.from(scores);
  if (thresholds === null) return [all.indexOf(Math.max(...all))];
  return all.flatMap((score, label) => (score >= thresholds[label]!.value ? [label] : []));
}
