import type { Session } from "../engine";
import { evaluate } from "./evaluate";
import type { Item, Layout } from "./layout";
import { DataOrder, exampleWeights } from "./order";
import { stepOptions, type TuningSettings } from "./settings";
import { turnsOfStep, type Budget } from "./trainer";

/** Factors tried on the default rates: those were measured on a small model, and larger ones mostly want less. */
export const FACTORS = [0.1, 0.3, 1, 3];
/** Seconds that all factors together should take. */
const PROBE_SECONDS = 100;
const MOST_STEPS = 24;
const FEWEST_STEPS = 6;

/** Models of this many parameters have rates that were measured; others are probed. */
export function hasMeasuredRates(parameterCount: number): boolean {
  return parameterCount >= 100e6 && parameterCount <= 200e6;
}

export interface ProbeResult {
  readonly factor: number;
  readonly steps: number;
  /** Loss behind the steps of each factor tried; null where it was no number. */
  readonly losses: readonly { readonly factor: number; readonly loss: number | null }[];
}

/** Steps of each factor, from the measured time of one. */
export function probeSteps(secondsPerStep: number): number {
  const affordable = Math.floor(PROBE_SECONDS / FACTORS.length / Math.max(1e-3, secondsPerStep));
  return Math.min(MOST_STEPS, Math.max(FEWEST_STEPS, affordable));
}

/**
 * Tunes a few steps with each factor on the rates and takes the one whose loss ends lowest: on the held-out part where
 * there is one, else on the last steps themselves. Equal losses: the smaller factor.
 * @param input.open A session with the run's starting point; closed here.
 * @param beforeBatch May throw, to stop.
 * @param tried Called behind each factor.
 */
export async function probeRates(
  input: {
    readonly open: () => Promise<Session>;
    readonly layout: Layout;
    readonly fit: readonly Item[];
    readonly heldOut: readonly Item[];
    readonly settings: TuningSettings;
    readonly budget: Budget;
    readonly steps: number;
  },
  beforeBatch: () => void,
  tried: () => void,
): Promise<ProbeResult> {
  const { layout, fit, heldOut, settings, budget, steps } = input;
  const order = new DataOrder(fit, settings.batch, settings.seed, settings.balance);
  const weightsOf = exampleWeights(fit, layout.labels.length, settings.balance);
  const losses: { factor: number; loss: number | null }[] = [];
  for (const factor of FACTORS) {
    const rates = { ...settings, ...scaledRates(settings, factor), steps: 10 * steps, warmup: 0.02 };
    const session = await input.open();
    const own: number[] = [];
    try {
      for (let step = 0; step < steps && own.every(Number.isFinite); step++) {
        let loss = 0;
        for (const together of turnsOfStep(layout, order.at(step), weightsOf, budget)) {
          beforeBatch();
          loss += (await session.accumulate(...together)).loss;
        }
        const { gradientNorm } = await session.step(stepOptions(rates, step));
        own.push(Number.isFinite(gradientNorm) ? loss : Number.NaN);
      }
      let loss = own.slice(-Math.ceil(steps / 3)).reduce((sum, value, _, all) => sum + value / all.length, 0);
      if (heldOut.length > 0 && Number.isFinite(loss)) {
        loss = (await evaluate(session, layout, heldOut, budget.score, steps)).loss;
      }
      losses.push({ factor, loss: Number.isFinite(loss) ? loss : null });
    } finally {
      session.close();
    }
    tried();
  }
  const best = losses.reduce((winner, one) =>
    (one.loss ?? Infinity) < (winner.loss ?? Infinity) ? one : winner,
  );
  return { factor: best.factor, steps, losses };
}

export function scaledRates(
  settings: TuningSettings,
  factor: number,
): Pick<TuningSettings, "promptRate" | "biasRate" | "lora" | "fullRate"> {
  const { promptRate, biasRate, lora, fullRate } = settings;
  return {
    promptRate: promptRate * factor,
    biasRate: biasRate * factor,
    ...(lora === undefined ? {} : { lora: { ...lora, rate: lora.rate * factor } }),
    ...(fullRate === undefined ? {} : { fullRate: fullRate * factor }),
  };
}
