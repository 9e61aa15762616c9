import { counted, decimals, say } from "../say";

/** One look at the held-out part. */
export interface Evaluation {
  /** Steps done before it. */
  readonly step: number;
  /** Mean of the losses. */
  readonly loss: number;
  /** Of each held-out example. */
  readonly losses: readonly number[];
  /** Macro-F1; null for generation. */
  readonly score: number | null;
  /** Distinct answers that the model gave; null for generation. */
  readonly answers: number | null;
}

/** Why a run should stop, in a sentence that says what is wrong and what to try. */
export interface Trouble {
  readonly code: "nan" | "no-movement" | "one-class";
  readonly message: string;
}

/** Loss or gradient that is no number. */
export function detectNan(step: number, loss: number, gradientNorm: number): Trouble | null {
  if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) return null;
  const what = Number.isFinite(loss) ? say`the gradient (norm ${gradientNorm})` : say`the loss (${loss})`;
  return {
    code: "nan",
    message: say`Step ${step + 1}: ${what} is not a finite number, so nothing more can be learned. Halve --prompt-rate and --bias-rate; if it happens again, try --precision float32.`,
  };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Where learning has made things worse by half: it is the rates, and larger ones would not help. `what` has happened. */
function tooFast(evaluations: readonly Evaluation[], what: string): string | null {
  const first = evaluations[0];
  const latest = evaluations.at(-1);
  if (first === undefined || latest === undefined || !(latest.loss > first.loss * 1.5)) return null;
  return say`${what} (held-out ${decimals(first.loss, 3)} at first, ${decimals(latest.loss, 3)} now). Its learning rates are too high: divide --prompt-rate and --bias-rate by ten.`;
}

/**
 * After a third of the run, and at least 40 steps: the held-out loss has never been half a percent below its beginning, and
 * the loss of the later half of the steps is about that of the earlier half (batches differ, so 5 % is no fall yet).
 */
export function detectNoMovement(
  steps: number,
  losses: readonly number[],
  evaluations: readonly Evaluation[],
): Trouble | null {
  const done = losses.length;
  const first = evaluations[0];
  if (done < Math.max(40, Math.ceil(steps / 3)) || first === undefined) return null;
  const best = Math.min(...evaluations.map((evaluation) => evaluation.loss));
  const half = Math.floor(done / 2);
  const fallen = mean(losses.slice(half)) < mean(losses.slice(0, half)) * 0.95;
  if (best < first.loss * 0.995 || fallen) return null;
  const risen = say`After ${counted(done, "step", "steps")} the loss has risen`;
  return {
    code: "no-movement",
    message:
      tooFast(evaluations, risen) ??
      say`After ${counted(done, "step", "steps")} the loss has not fallen (held-out ${decimals(first.loss, 3)} at first, ${decimals(best, 3)} at best). Try three times --prompt-rate and --bias-rate, or look whether the labels follow from the texts at all.`,
  };
}

/**
 * In the second half of the run, three looks in a row: one answer for every held-out text, and a loss no better than
 * what the shares of the classes alone would give.
 * @param guessLoss Loss on the held-out part of a model that knows only the shares of the classes.
 */
export function detectOneClass(
  steps: number,
  evaluations: readonly Evaluation[],
  guessLoss: number,
  answersHeldOut: number,
): Trouble | null {
  const last = evaluations.slice(-3);
  const latest = last[2];
  if (latest === undefined || answersHeldOut < 2 || last[0]!.step < steps / 2) return null;
  if (last.some((look) => look.answers !== 1 || look.loss < guessLoss * 0.98)) return null;
  const same = say`After ${counted(latest.step, "step", "steps")} the model gives the same answer to every held-out text, and its loss has risen`;
  return {
    code: "one-class",
    message:
      tooFast(evaluations, same) ??
      say`After ${counted(latest.step, "step", "steps")} the model gives the same answer to every held-out text, and does no better than guessing by how frequent each class is. Try --balance sampling, more --steps or a higher --bias-rate; with few examples of a class, label more of it.`,
  };
}

/** Held-out loss of a model that knows only the shares of the classes among the examples it learned from. */
export function guessLossSingle(
  fitted: readonly number[],
  heldOut: readonly number[],
  labels: number,
): number {
  const counts = new Array<number>(labels).fill(1);
  for (const label of fitted) counts[label] = counts[label]! + 1;
  const total = fitted.length + labels;
  return mean(heldOut.map((label) => -Math.log(counts[label]! / total)));
}

/** The same for a multi-label task, averaged over labels. */
export function guessLossMulti(
  fitted: readonly (readonly boolean[])[],
  heldOut: readonly (readonly boolean[])[],
): number {
  const labels = heldOut[0]?.length ?? 0;
  const shares = Array.from(
    { length: labels },
    (_, label) => (fitted.filter((applies) => applies[label]).length + 1) / (fitted.length + 2),
  );
  return mean(
    heldOut.map((applies) => mean(shares.map((p, label) => -Math.log(applies[label] ? p : 1 - p)))),
  );
}
