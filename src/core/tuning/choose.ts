import type { Evaluation } from "./detectors";

/** From this many held-out examples on the best step is chosen by macro-F1, below by loss, which is less noisy. */
const EXAMPLES_FOR_SCORE = 200;

/**
 * The look at the held-out part whose parameters a run keeps; null before the first.
 *
 * By loss, it is the last look that cannot be told from the one with the lowest mean: whose losses, text by text, are higher by
 * no more than one standard error of the difference. The rates fall to nothing towards the end, so a later step is the
 * better guess, and a few dozen texts alone choose nearly at random. (One standard error, after Breiman and others,
 * Classification and Regression Trees, 1984; there for the simpler tree, here for the later step.)
 */
export function chooseLook(looks: readonly Evaluation[]): Evaluation | null {
  const [first] = looks;
  if (first === undefined) return null;
  if (first.score !== null && first.losses.length >= EXAMPLES_FOR_SCORE) {
    return looks.reduce((best, look) => (scoresHigher(look, best) ? look : best));
  }
  const best = looks.reduce((lowest, look) => (look.loss < lowest.loss ? look : lowest));
  return looks.findLast((look) => !isWorse(look, best)) ?? best;
}

function scoresHigher(look: Evaluation, best: Evaluation): boolean {
  const [score, highest] = [look.score ?? 0, best.score ?? 0];
  return score > highest || (score === highest && look.loss < best.loss);
}

/** Whether a look's losses are higher than the best one's by more than a standard error of the mean difference. */
function isWorse(look: Evaluation, best: Evaluation): boolean {
  const differences = look.losses.map((loss, i) => loss - (best.losses[i] ?? 0));
  const count = differences.length;
  const mean = differences.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) return mean > 0;
  const squares = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return mean > Math.sqrt(squares / (count - 1) / count);
}
