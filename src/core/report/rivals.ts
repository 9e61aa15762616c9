import type { BootstrapEstimate, Outcome, RivalName, RivalReport, Share } from "../schema";
import { bootstrapP, mcnemarExact, percentileInterval, wilson } from "./statistics";

/** One judge of the test part: the run itself or a rival. */
export interface Judge {
  name: RivalName | "run";
  description: string;
  /** Whether each test text was got right. */
  right: boolean[];
  /** Main figure (macro F1, or ROUGE-L) on the test part; `null` where not defined. */
  value: number | null;
  /** The same in every resample; NaN where not defined. */
  resampled: Float64Array;
  /** Resamples in which the figure left something out. */
  incomplete: number;
}

/**
 * A rival as good as the run within this much of the main figure is called "as well": smaller gains are not worth a model.
 */
export const AS_WELL_MARGIN = 0.03;
const SIGNIFICANT = 0.05;
/** With fewer texts (or groups) than this a bootstrap is itself unsure: its interval alone decides nothing. */
export const FEW_UNITS = 30;

export function bootstrapEstimate(
  value: number | null,
  resampled: Float64Array,
  incomplete = 0,
): BootstrapEstimate {
  const { interval, undefinedResamples } = percentileInterval(resampled);
  return {
    value,
    low: value === null ? null : (interval?.low ?? null),
    high: value === null ? null : (interval?.high ?? null),
    undefinedResamples: Math.max(undefinedResamples, incomplete),
  };
}

export function shareOf(hits: number, of: number): Share {
  const interval = wilson(hits, of);
  return {
    value: of === 0 ? null : hits / of,
    low: interval?.low ?? null,
    high: interval?.high ?? null,
    hits,
    of,
  };
}

export const shareRight = (right: readonly boolean[]): Share =>
  shareOf(right.filter(Boolean).length, right.length);

/**
 * The run against one rival, on the same texts and the same resamples.
 * @param units what the resamples were drawn from: number of texts, or of groups
 */
export function compare(run: Judge, rival: Judge & { name: RivalName }, units: number): RivalReport {
  const differences = run.resampled.map((value, index) => value - rival.resampled[index]!);
  const { interval } = percentileInterval(differences);
  const difference = {
    value: run.value === null || rival.value === null ? null : run.value - rival.value,
    low: interval?.low ?? null,
    high: interval?.high ?? null,
    p: interval === null ? null : bootstrapP(differences),
  };
  const onlyRun = run.right.filter((right, index) => right && !rival.right[index]).length;
  const onlyRival = rival.right.filter((right, index) => right && !run.right[index]).length;
  const mcnemar = { onlyRun, onlyRival, p: mcnemarExact(onlyRun, onlyRival) };
  return {
    name: rival.name,
    description: rival.description,
    main: bootstrapEstimate(rival.value, rival.resampled, rival.incomplete),
    right: shareRight(rival.right),
    difference,
    mcnemar,
    outcome: outcomeOf(difference, mcnemar, units),
  };
}

/**
 * What the two paired tests say together. The interval of the main figure's difference decides; where the exact test on
 * texts got right clearly says the opposite, the outcome is "mixed". On a very small test part that exact test must agree,
 * since a bootstrap of five texts would call anything certain.
 */
export function outcomeOf(
  difference: { low: number | null; high: number | null },
  mcnemar: { onlyRun: number; onlyRival: number; p: number },
  units: number,
): Outcome {
  const { low, high } = difference;
  if (low === null || high === null) return "cannot-tell";
  const clear = mcnemar.p < SIGNIFICANT ? Math.sign(mcnemar.onlyRun - mcnemar.onlyRival) : 0;
  const side = low > 0 ? 1 : high < 0 ? -1 : 0;
  if (side !== 0) {
    if (clear === -side) return "mixed";
    if (units < FEW_UNITS && clear !== side) return "cannot-tell";
    return side > 0 ? "better" : "worse";
  }
  return high < AS_WELL_MARGIN && units >= FEW_UNITS ? "as-well" : "cannot-tell";
}
