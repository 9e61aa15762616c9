/** The 97.5 % point of the standard normal distribution. */
const Z = 1.959963984540054;

/** Ends of a 95 % interval. */
export interface Interval {
  low: number;
  high: number;
}

/** Wilson's score interval of a share (Wilson 1927), 95 %. `null` where there is nothing to take a share of. */
export function wilson(hits: number, trials: number): Interval | null {
  if (trials === 0) return null;
  const share = hits / trials;
  const scale = 1 + (Z * Z) / trials;
  const centre = (share + (Z * Z) / (2 * trials)) / scale;
  const half = (Z / scale) * Math.sqrt((share * (1 - share)) / trials + (Z * Z) / (4 * trials * trials));
  // At the ends the exact bounds are 0 and 1; rounding would leave 1e-17 there.
  return { low: hits === 0 ? 0 : centre - half, high: hits === trials ? 1 : centre + half };
}

/**
 * Two-sided exact McNemar test: p of seeing a split at least this uneven if both judges were right equally often.
 * @param onlyFirst texts that only the first judge got right
 * @param onlySecond texts that only the second judge got right
 */
export function mcnemarExact(onlyFirst: number, onlySecond: number): number {
  const trials = onlyFirst + onlySecond;
  const smaller = Math.min(onlyFirst, onlySecond);
  // log of choose(trials, k) / 2^trials, stepped from k = 0: no factorial overflows.
  let logTerm = -trials * Math.LN2;
  let tail = Math.exp(logTerm);
  for (let k = 1; k <= smaller; k++) {
    logTerm += Math.log((trials - k + 1) / k);
    tail += Math.exp(logTerm);
  }
  return Math.min(1, 2 * tail);
}

/** Quantile of ascending values, linear between neighbours (as numpy's default). */
export function quantile(ascending: ArrayLike<number>, q: number): number {
  const position = q * (ascending.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, ascending.length - 1);
  return ascending[below]! + (position - below) * (ascending[above]! - ascending[below]!);
}

/** Percentile interval of resampled values; NaN stands for a resample in which the value is not defined. */
export function percentileInterval(values: Float64Array): {
  interval: Interval | null;
  undefinedResamples: number;
} {
  const defined = values.filter((value) => !Number.isNaN(value)).sort();
  return {
    interval: defined.length === 0 ? null : { low: quantile(defined, 0.025), high: quantile(defined, 0.975) },
    undefinedResamples: values.length - defined.length,
  };
}

/**
 * Two-sided p of a paired bootstrap: twice the smaller share of resamples on either side of no difference, the observed
 * sample counted among them so that it is never 0. Resamples without a defined difference (NaN) are left out.
 */
export function bootstrapP(differences: Float64Array): number {
  let atMost = 1;
  let atLeast = 1;
  let defined = 1;
  for (const difference of differences) {
    if (Number.isNaN(difference)) continue;
    defined++;
    if (difference <= 0) atMost++;
    if (difference >= 0) atLeast++;
  }
  return Math.min(1, (2 * Math.min(atMost, atLeast)) / defined);
}
