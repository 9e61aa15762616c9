import type * as z from "zod";
import type { ParameterGroup, StepOptions } from "../engine";
import { LoraSettings, StartOptions, TuningSettings, type Balance, type TaskKind } from "../schema";
import { PlumbError } from "../errors";
import { biasesWanted, DEFAULT_METHOD, defaultPromptRate, FULL_RATE, LORA, methodOf } from "./methods";
import { say } from "../say";

export { TuningSettings, type Balance };

/** What a person may set; the rest is decided from the data. */
export const TuningOptions = TuningSettings.extend({
  lora: LoraSettings.partial(),
  ...StartOptions.shape,
}).partial();
export type TuningOptions = z.infer<typeof TuningOptions>;

/**
 * Steps for a number of examples: 140 at 300, growing with the square root (4 passes over 300 examples, 1 over 5,000),
 * and never fewer than 80, which is 13 passes over 50. Early stopping takes back what is too much.
 */
export function defaultSteps(examples: number): number {
  return Math.max(80, Math.round(140 * Math.sqrt(examples / 300)));
}

/**
 * Steps between two looks at the held-out part: a sixth of the run, or more where the looks would take over a fifth of the
 * time (reading a text takes a third of what learning from it does).
 */
function defaultEvaluateEvery(steps: number, batch: number, heldOut: number): number {
  return Math.max(1, Math.ceil(steps / 6), Math.ceil(heldOut / 3 / (0.2 * batch)));
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
  const method = options.method ?? DEFAULT_METHOD;
  const promptLength = options.promptLength ?? 20;
  const batch = options.batch ?? 8;
  const heldOutShare = options.heldOutShare ?? defaultHeldOutShare(kind, examples);
  if (promptLength === 0 && methodOf({ method }).groups.every((group) => group === "prompt")) {
    throw new PlumbError(
      "settings",
      say`Method ${method} trains the prompt vectors: its prompt length cannot be 0.`,
    );
  }
  const promptEncoder = options.promptEncoder ?? "none";
  if (promptEncoder !== "none" && method !== "ptuning") {
    throw new PlumbError("settings", say`Method ${method} has no prompt encoder; method ptuning has.`);
  }
  if (options.lora !== undefined && method !== "lora") {
    throw new PlumbError("settings", say`Method ${method} has no low-rank updates; method lora has.`);
  }
  const biases = biasesWanted(method, options.biases);
  return {
    method,
    seed: options.seed ?? 0,
    promptLength,
    promptRate: options.promptRate ?? defaultPromptRate(method, promptEncoder),
    biasRate: options.biasRate ?? methodOf({ method }).biasRate,
    ...(method === "ptuning" ? { promptEncoder } : {}),
    ...(method === "lora" ? { lora: loraOf(options.lora) } : {}),
    ...(biases === undefined ? {} : { biases }),
    ...(method === "full" ? { fullRate: options.fullRate ?? FULL_RATE } : {}),
    steps,
    batch,
    warmup: options.warmup ?? 0.06,
    maxNorm: options.maxNorm ?? 1,
    weightDecay: options.weightDecay ?? 0,
    balance: options.balance ?? "none",
    heldOutShare,
    evaluateEvery: options.evaluateEvery ?? defaultEvaluateEvery(steps, batch, heldOutShare * examples),
    patience: options.patience ?? 3,
    maxTokens: Math.min(options.maxTokens ?? contextLength, contextLength),
  };
}

function loraOf({ rank, alpha, dropout, rate }: TuningOptions["lora"] = {}): LoraSettings {
  return {
    rank: rank ?? LORA.rank,
    alpha: alpha ?? LORA.alpha,
    dropout: dropout ?? LORA.dropout,
    rate: rate ?? LORA.rate,
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
  const rates: Record<ParameterGroup, number> = {
    prompt: settings.promptRate,
    bias: settings.biasRate,
    lora: (settings.lora ?? LORA).rate,
    full: settings.fullRate ?? FULL_RATE,
  };
  return {
    rates: Object.fromEntries(methodOf(settings).groups.map((group) => [group, rates[group] * factor])),
    maxNorm: settings.maxNorm,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: settings.weightDecay,
  };
}
