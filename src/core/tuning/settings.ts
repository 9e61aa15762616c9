import type { z } from "zod";
import type { LinearMap, MethodSpec, StepOptions } from "../engine";
import { TuningSettings, type Balance, type TaskKind } from "../schema";
import { PlumbError } from "../errors";

const ALL_MAPS: readonly LinearMap[] = ["q", "k", "v", "o", "gate", "up", "down"];

export { TuningSettings, type Balance };

/** What a person may set; the rest is decided from the data. */
export const TuningOptions = TuningSettings.partial();
export type TuningOptions = z.infer<typeof TuningOptions>;

/**
 * Steps for a number of examples: 160 at 300, growing with the square root (4 passes over 300 examples, 1 over 5,000),
 * and never fewer than 80, which is 13 passes over 50. Early stopping takes back what is too much.
 */
export function defaultSteps(examples: number): number {
  return Math.max(80, Math.round(160 * Math.sqrt(examples / 300)));
}

/**
 * Steps between two looks at the held-out part: an eighth of the run, or more where the looks would take over a fifth of the
 * time (reading a text takes a third of what learning from it does).
 */
function defaultEvaluateEvery(steps: number, batch: number, heldOut: number): number {
  return Math.max(1, Math.ceil(steps / 8), Math.ceil(heldOut / 3 / (0.2 * batch)));
}

/**
 * Share held out: 15 %, but no more than 400 examples. The thresholds of a multi-label task are chosen on this part too,
 * and none on fewer than ten texts with the label: there it is 100 examples, but no more than a third.
 */
function defaultHeldOutShare(kind: TaskKind, examples: number): number {
  const share = Math.min(0.15, 400 / Math.max(1, examples));
  return kind === "multi" ? Math.max(share, Math.min(1 / 3, 100 / Math.max(1, examples))) : share;
}

/** What the defaults follow from. */
export interface TuningFacts {
  readonly kind: TaskKind;
  /** Examples to learn from, the held-out part included. */
  readonly examples: number;
  /** Of the base model, in tokens. */
  readonly contextLength: number;
}

/** @throws PlumbError where the options do not go together. */
export function resolveSettings(
  options: TuningOptions,
  { kind, examples, contextLength }: TuningFacts,
): TuningSettings {
  const steps = options.steps ?? defaultSteps(examples);
  const method = options.method ?? "ptuning-bias";
  const promptLength = options.promptLength ?? 20;
  const batch = options.batch ?? 8;
  const heldOutShare = options.heldOutShare ?? defaultHeldOutShare(kind, examples);
  if (promptLength === 0 && method === "prompt") {
    throw new PlumbError(
      "settings",
      "Method prompt trains the prompt vectors: its prompt length cannot be 0.",
    );
  }
  return {
    method,
    seed: options.seed ?? 0,
    promptLength,
    promptRate: options.promptRate ?? 5e-3,
    biasRate: options.biasRate ?? 2e-3,
    steps,
    batch,
    warmup: options.warmup ?? 0.06,
    maxNorm: options.maxNorm ?? 1,
    weightDecay: options.weightDecay ?? 0,
    balance: options.balance ?? "none",
    heldOutShare,
    evaluateEvery: options.evaluateEvery ?? defaultEvaluateEvery(steps, batch, heldOutShare * examples),
    patience: options.patience ?? 4,
    maxTokens: Math.min(options.maxTokens ?? contextLength, contextLength),
  };
}

/** What trains. With `bias` alone the prompt's tokens stand at the left as they are, and do not move. */
export function methodSpec(settings: TuningSettings): MethodSpec {
  return {
    promptLength: settings.method === "bias" ? 0 : settings.promptLength,
    biases: settings.method === "prompt" ? [] : ALL_MAPS,
  };
}

/** Factor of the rates at a step counted from 0: grows linearly over the warm-up, then falls linearly to 0 behind the last step. */
export function rateFactor(step: number, steps: number, warmup: number): number {
  const rising = Math.ceil(warmup * steps);
  if (step < rising) return (step + 1) / rising;
  return Math.max(0, (steps - step) / Math.max(1, steps - rising));
}

/** AdamW's numbers at a step counted from 0. */
export function stepOptions(settings: TuningSettings, step: number): StepOptions {
  const factor = rateFactor(step, settings.steps, settings.warmup);
  return {
    rates: {
      ...(settings.method === "bias" ? {} : { prompt: settings.promptRate * factor }),
      ...(settings.method === "prompt" ? {} : { bias: settings.biasRate * factor }),
    },
    maxNorm: settings.maxNorm,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: settings.weightDecay,
  };
}
