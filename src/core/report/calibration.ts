import { wilson, type Interval } from "./statistics";

/** Texts (or, for multi-label tasks, decisions) whose stated probability falls into one bin. */
export interface ReliabilityBin {
  /** The bin holds probabilities p with from <= p < to; the last one also p = 1. */
  from: number;
  to: number;
  count: number;
  /** Mean stated probability; `null` in an empty bin. */
  stated: number | null;
  /** Share that was so; `null` in an empty bin. */
  observed: number | null;
  interval: Interval | null;
}

const BINS = 10;

/**
 * Reliability bins of equal width.
 * @param probabilities stated probability of each event
 * @param happened whether the event was so
 */
export function reliability(
  probabilities: readonly number[],
  happened: readonly boolean[],
): ReliabilityBin[] {
  const sums = Array.from({ length: BINS }, () => ({ count: 0, stated: 0, hits: 0 }));
  for (const [index, probability] of probabilities.entries()) {
    const bin = sums[Math.max(0, Math.min(BINS - 1, Math.floor(probability * BINS)))]!;
    bin.count++;
    bin.stated += probability;
    if (happened[index]) bin.hits++;
  }
  return sums.map(({ count, stated, hits }, bin) => ({
    from: bin / BINS,
    to: (bin + 1) / BINS,
    count,
    stated: count === 0 ? null : stated / count,
    observed: count === 0 ? null : hits / count,
    interval: wilson(hits, count),
  }));
}

/** Expected calibration error: mean distance between stated and observed, weighted by bin counts. `null` without data. */
export function expectedCalibrationError(bins: readonly ReliabilityBin[]): number | null {
  const total = bins.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return null;
  return bins.reduce(
    (sum, { count, stated, observed }) => sum + (count / total) * Math.abs((stated ?? 0) - (observed ?? 0)),
    0,
  );
}

/** What is answered, and how well, when the model abstains below a probability. */
export interface CoveragePoint {
  /** The model answers where its confidence is at least this. */
  abstainBelow: number;
  answered: number;
  right: number;
}

/**
 * The abstention curve, from answering little to answering everything: about `steps` points, each a threshold that a user
 * could set; texts of equal confidence are answered together.
 */
export function coverage(
  confidence: readonly number[],
  right: readonly boolean[],
  steps = 20,
): CoveragePoint[] {
  const order = confidence.map((_, index) => index).sort((a, b) => confidence[b]! - confidence[a]!);
  const points: CoveragePoint[] = [];
  let hits = 0;
  let due = 1;
  for (const [position, index] of order.entries()) {
    if (right[index]) hits++;
    const answered = position + 1;
    const next = order[answered];
    if (next !== undefined && confidence[next] === confidence[index]) continue;
    if (answered * steps < due * order.length) continue;
    points.push({ abstainBelow: confidence[index]!, answered, right: hits });
    due = Math.floor((answered * steps) / order.length) + 1;
  }
  return points;
}
