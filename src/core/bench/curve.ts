import { PlumbError } from "../errors";
import { seededRandom } from "../random";
import type { Estimate, Report } from "../schema";
import { checkOneTestPart, drawnOf, endsOf, meanOf, measureOf, observedOf } from "./drawn";

const RESAMPLES = 500;
/** Labels of which it is asked whether they would pay. */
export const MORE_LABELS = 50;
/** A gain below this is not worth the labelling. */
const WORTH = 0.01;

/** Quality for a number of training examples: `top - drop * n ** -power`, which only rises. */
export interface PowerLaw {
  readonly top: number;
  readonly drop: number;
  readonly power: number;
}

export const valueAt = ({ top, drop, power }: PowerLaw, n: number): number => top - drop * n ** -power;

const POWERS = Array.from({ length: 39 }, (_, i) => 0.1 + 0.05 * i);

/**
 * Least squares; for each power the line in n ** -power is solved directly, with drop at least 0 and top at most 1.
 * @param points Number of examples and quality.
 */
export function fitPowerLaw(points: readonly (readonly [number, number])[]): PowerLaw {
  let best: PowerLaw = { top: 0, drop: 0, power: 1 };
  let least = Infinity;
  for (const power of POWERS) {
    const xs = points.map(([n]) => n ** -power);
    const ys = points.map(([, y]) => y);
    const meanX = xs.reduce((sum, x) => sum + x, 0) / xs.length;
    const meanY = ys.reduce((sum, y) => sum + y, 0) / ys.length;
    const xx = xs.reduce((sum, x) => sum + (x - meanX) ** 2, 0);
    const xy = xs.reduce((sum, x, i) => sum + (x - meanX) * (ys[i]! - meanY), 0);
    let drop = Math.max(0, xx === 0 ? 0 : -xy / xx);
    let top = meanY + drop * meanX;
    if (top > 1) {
      top = 1;
      const square = xs.reduce((sum, x) => sum + x * x, 0);
      drop = Math.max(0, xs.reduce((sum, x, i) => sum + x * (1 - ys[i]!), 0) / square);
    }
    const error = xs.reduce((sum, x, i) => sum + (top - drop * x - ys[i]!) ** 2, 0);
    if (error < least - 1e-15) [least, best] = [error, { top, drop, power }];
  }
  return best;
}

/** A run of the curve. */
export interface CurveRun {
  readonly examples: number;
  readonly seed: number;
  readonly report: Report;
}

export interface Curve {
  readonly version: 1;
  readonly task: string;
  readonly measure: string;
  readonly points: readonly (Estimate & { readonly examples: number; readonly runs: number })[];
  readonly fit: PowerLaw;
  /** The fitted curve with its band. */
  readonly line: readonly (Estimate & { readonly examples: number })[];
  readonly moreLabels: number;
  /** What so many more training labels would bring, by the fit. */
  readonly gain: Estimate;
  /** The same, all of one class: what it would add to the macro-F1. Most first; empty for generation. */
  readonly classes: readonly { readonly label: string; readonly trained: number; readonly gain: Estimate }[];
  readonly outcome: "pays" | "does-not-pay" | "cannot-tell";
  readonly sentence: string;
}

/**
 * The learning curve of runs that share a test part. Intervals are of a bootstrap in which test texts (the same for all runs)
 * and, at each size, seeds are drawn; each draw is fitted anew.
 * @throws PlumbError where there are fewer than three sizes, or the runs have different test parts.
 */
export function learningCurve(runs: readonly CurveRun[]): Curve {
  const sizes = [...new Set(runs.map(({ examples }) => examples))].sort((a, b) => a - b);
  if (sizes.length < 3) {
    throw new PlumbError(
      "curve",
      `A curve needs runs of at least 3 sizes that ended well; there are ${sizes.length}. Give more --sizes, or label more texts.`,
    );
  }
  const reports = runs.map(({ report }) => report);
  checkOneTestPart(reports);
  const { task } = reports[0]!;
  const labels = task.kind === "generation" ? [] : task.labels;
  const observed = reports.map(observedOf);
  const drawn = drawnOf(reports, RESAMPLES);
  const bySize = sizes.map((size) => runs.flatMap(({ examples }, i) => (examples === size ? [i] : [])));
  const random = seededRandom(1);
  /** For each resample, at each size the runs that stand for it. */
  const chosen = Array.from({ length: RESAMPLES }, () =>
    bySize.map((own) => own.map(() => own[Math.floor(random() * own.length)]!)),
  );

  const series = (place: number, at: readonly number[]) => {
    const means = bySize.map((own) => meanOf(own.map((i) => observed[i]![place]!)));
    const points = at.flatMap((n, s) => (Number.isNaN(means[s]!) ? [] : [[n, means[s]!] as const]));
    if (points.length < 3) return null;
    const resampledMeans = chosen.map((choice, r) =>
      choice.map((own) => meanOf(own.map((i) => drawn[i]![place]![r]!))),
    );
    const fits = resampledMeans.map((values) => {
      const known = at.flatMap((n, s) => (Number.isNaN(values[s]!) ? [] : [[n, values[s]!] as const]));
      return known.length < 3 ? null : fitPowerLaw(known);
    });
    const fit = fitPowerLaw(points);
    const estimate = (of: (law: PowerLaw) => number): Estimate => ({
      value: of(fit),
      ...endsOf(Float64Array.from(fits, (law) => (law === null ? NaN : of(law)))),
    });
    return { means, resampledMeans, fit, estimate };
  };

  const whole = series(0, sizes)!;
  const last = sizes.at(-1)!;
  const gain = whole.estimate((law) => valueAt(law, last + MORE_LABELS) - valueAt(law, last));
  const classes = labels
    .flatMap((label, place) => {
      const trained = bySize.map((own) =>
        meanOf(
          own.map(
            (i) => runs[i]!.report.classification!.classes.find((each) => each.label === label)!.trainSupport,
          ),
        ),
      );
      const found = trained.some((n) => n === 0) ? null : series(place + 1, trained);
      if (found === null) return [];
      const most = trained.at(-1)!;
      return [
        {
          label,
          trained: Math.round(most),
          gain: found.estimate(
            (law) => (valueAt(law, most + MORE_LABELS) - valueAt(law, most)) / labels.length,
          ),
        },
      ];
    })
    .sort((a, b) => b.gain.value! - a.gain.value!);
  const outcome = outcomeOf(gain);
  const top = (last + MORE_LABELS) * 1.1;
  return {
    version: 1,
    task: task.name,
    measure: measureOf({ task }),
    points: sizes.map((examples, s) => ({
      examples,
      runs: bySize[s]!.length,
      value: whole.means[s]!,
      ...endsOf(Float64Array.from(whole.resampledMeans, (values) => values[s]!)),
    })),
    fit: whole.fit,
    line: Array.from({ length: 30 }, (_, i) => {
      const examples = sizes[0]! + ((top - sizes[0]!) * i) / 29;
      return { examples, ...whole.estimate((law) => valueAt(law, examples)) };
    }),
    moreLabels: MORE_LABELS,
    gain,
    classes,
    outcome,
    sentence: sentenceOf(outcome, gain, classes),
  };
}

function outcomeOf({ low, high }: Estimate): Curve["outcome"] {
  if (low !== null && low >= WORTH) return "pays";
  if (high !== null && high < WORTH) return "does-not-pay";
  return "cannot-tell";
}

function sentenceOf(outcome: Curve["outcome"], gain: Estimate, classes: Curve["classes"]): string {
  const text = (value: number | null) => (value ?? 0).toFixed(3);
  const by = `an expected gain of ${text(gain.value)}, between ${text(gain.low)} and ${text(gain.high)}`;
  const [first, second] = classes;
  const clear = first !== undefined && (first.gain.low ?? 0) > (second?.gain.value ?? 0);
  const which =
    first === undefined
      ? ""
      : clear
        ? `, best of class "${first.label}"`
        : `; no class stands out clearly, "${first.label}" comes first`;
  if (outcome === "pays") return `${MORE_LABELS} more training labels are likely to pay: ${by}${which}.`;
  if (outcome === "does-not-pay") return `${MORE_LABELS} more training labels are unlikely to pay: ${by}.`;
  return `Whether ${MORE_LABELS} more training labels pay cannot be told: ${by}${which}.`;
}

/** Sizes that double from 50 on up to all; a quarter, half and all where there are few. */
export function defaultSizes(all: number): number[] {
  const sizes: number[] = [];
  for (let size = 50; size <= all / 1.4; size *= 2) sizes.push(size);
  if (sizes.length < 2) return [...new Set([0.25, 0.5, 1].map((share) => Math.ceil(share * all)))];
  return [...sizes, all];
}
