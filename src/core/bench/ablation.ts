import type { LinearMap } from "../engine";
import { PlumbError } from "../errors";
import { seededRandom } from "../random";
import { AS_WELL_MARGIN } from "../report/rivals";
import type { Estimate, MethodName, Report } from "../schema";
import { MAPS_OF } from "../tuning/methods";
import { checkOneTestPart, drawnOf, endsOf, meanOf, measureOf, observedOf } from "./drawn";
import type { Movement } from "./movement";

const RESAMPLES = 2000;

/** What is tuned by itself, to see what it carries. */
export interface Part {
  readonly name: string;
  readonly method: MethodName;
  readonly biases?: readonly LinearMap[];
}

/** The whole method, of which all others are parts. */
export const WHOLE = "vectors and all biases";
export const PARTS: readonly Part[] = [
  { name: WHOLE, method: "ptuning-bias" },
  { name: "vectors alone", method: "prompt" },
  { name: "biases alone", method: "bias" },
  { name: "vectors, biases of attention", method: "ptuning-bias", biases: MAPS_OF.attention },
  { name: "vectors, biases of the MLP", method: "ptuning-bias", biases: MAPS_OF.mlp },
];

/** A run of a part that ended well. */
export interface PartRun {
  readonly part: string;
  readonly seed: number;
  readonly report: Report;
}

/** How a part stands against the whole, on the same texts and seeds. */
export type Standing = "better" | "as-well" | "worse" | "cannot-tell";

export interface PartResult {
  readonly part: string;
  readonly runs: number;
  readonly trainedParameters: number;
  /** Mean of a run, by device: that of another one is no part of the same mean. */
  readonly times: readonly { readonly device: string; readonly seconds: number }[];
  readonly quality: Estimate;
  /** Minus the base model untuned. */
  readonly gain: number | null;
  /** Minus the whole, on the seeds that both have; null for the whole itself. */
  readonly difference: (Estimate & { readonly standing: Standing }) | null;
}

export interface Ablation {
  readonly version: 1;
  readonly task: string;
  readonly measure: string;
  readonly train: number;
  readonly test: number;
  readonly seeds: readonly number[];
  /** The base model asked in words, nothing tuned. */
  readonly untuned: Estimate;
  /** Whether each run of the whole is better than that beyond its interval. */
  readonly gains: boolean;
  readonly parts: readonly PartResult[];
  readonly movement: Movement | null;
  readonly failed: readonly { readonly cell: string; readonly reason: string }[];
  readonly sentence: string;
}

const timesOf = (runs: readonly Report["run"][]) =>
  [...new Set(runs.map(({ device }) => device))].map((device) => ({
    device,
    seconds: meanOf(runs.filter((run) => run.device === device).map(({ seconds }) => seconds)),
  }));

/**
 * What each part brings by itself. Intervals are of a bootstrap in which test texts (the same for all runs) and seeds (the
 * same for both sides of a difference) are drawn.
 * @throws PlumbError where the whole or all of its parts are missing, or the runs have different test parts.
 */
export function ablationOf(
  runs: readonly PartRun[],
  { movement, failed }: Pick<Ablation, "movement" | "failed">,
): Ablation {
  const of = (part: string) => runs.filter((run) => run.part === part);
  if (of(WHOLE).length === 0 || runs.every(({ part }) => part === WHOLE)) {
    throw new PlumbError(
      "ablation",
      `There is nothing to compare: a run of "${WHOLE}" and one of a part have to end well. ` +
        [
          "Correct what the failed ones say, and repeat the command with --retry.",
          ...failed.map(({ cell, reason }) => `  ${cell}: ${reason}`),
        ].join("\n"),
    );
  }
  const reports = runs.map(({ report }) => report);
  checkOneTestPart(reports);
  const observed = reports.map((report) => observedOf(report)[0]!);
  const drawn = drawnOf(reports, RESAMPLES).map(([quality]) => quality!);
  /** Mean over the runs; in each resample over as many of them, drawn. The same draws for lists of one length. */
  const mean = (value: (run: number) => number, at: (run: number, r: number) => number, own: number[]) => {
    const random = seededRandom(1);
    const resampled = Float64Array.from({ length: RESAMPLES }, (_, r) =>
      meanOf(own.map(() => at(own[Math.floor(random() * own.length)]!, r))),
    );
    const found = meanOf(own.map(value));
    return { value: Number.isNaN(found) ? null : found, ...endsOf(resampled) };
  };
  const placesOf = (part: string) => runs.flatMap((run, i) => (run.part === part ? [i] : []));
  const whole = placesOf(WHOLE);
  const parts = PARTS.flatMap(({ name }): Omit<PartResult, "gain">[] => {
    const own = placesOf(name);
    if (own.length === 0) return [];
    const other = new Map(own.map((i) => [i, whole.find((w) => runs[w]!.seed === runs[i]!.seed)]));
    const paired = own.filter((i) => other.get(i) !== undefined);
    const difference =
      name === WHOLE || paired.length === 0
        ? null
        : mean(
            (i) => observed[i]! - observed[other.get(i)!]!,
            (i, r) => drawn[i]![r]! - drawn[other.get(i)!]![r]!,
            paired,
          );
    return [
      {
        part: name,
        runs: own.length,
        trainedParameters: reports[own[0]!]!.run.trainedParameters,
        times: timesOf(own.map((i) => reports[i]!.run)),
        quality: mean(
          (i) => observed[i]!,
          (i, r) => drawn[i]![r]!,
          own,
        ),
        difference: difference === null ? null : { ...difference, standing: standingOf(difference) },
      },
    ];
  });
  const [{ report }] = of(WHOLE) as [PartRun];
  const untuned = untunedOf(report);
  const gains = of(WHOLE).every(({ report: each }) => (untunedRival(each)?.difference.low ?? 0) > 0);
  const results = parts.map((part) => ({
    ...part,
    gain: part.quality.value === null || untuned.value === null ? null : part.quality.value - untuned.value,
  }));
  return {
    version: 1,
    task: report.task.name,
    measure: measureOf(report),
    train: report.data.train,
    test: report.rows.length,
    seeds: [...new Set(runs.map(({ seed }) => seed))].sort((a, b) => a - b),
    untuned,
    gains,
    parts: results,
    movement,
    failed,
    sentence: sentenceOf(results, gains),
  };
}

const untunedRival = ({ rivals }: Report) => rivals.find(({ name }) => name === "untuned");

function untunedOf(report: Report): Estimate {
  const rival = untunedRival(report);
  if (rival === undefined) return { value: null, low: null, high: null };
  if (report.generation === null) return rival.main;
  // Only ROUGE-L was resampled for rivals: the mean with chrF has no interval.
  const { value } = rival.main;
  const both = value === null || rival.chrf === undefined ? null : (value + rival.chrf / 100) / 2;
  return { value: both, low: null, high: null };
}

/** As well: at most so much worse as is not worth a model of its own. */
function standingOf({ low, high }: Estimate): Standing {
  if (low === null || high === null) return "cannot-tell";
  if (low > 0) return "better";
  if (high < 0) return "worse";
  return low > -AS_WELL_MARGIN ? "as-well" : "cannot-tell";
}

function sentenceOf(parts: readonly PartResult[], gains: boolean): string {
  const text = (value: number | null) => (value ?? 0).toFixed(2).replace("-", "\u2212");
  const whole = parts.find(({ part }) => part === WHOLE)!;
  if (!gains) {
    return `Whether tuning brings anything over the base model untuned cannot be told (${text(whole.gain)}), so neither can what carries it.`;
  }
  const named = (standing: Standing) =>
    parts.flatMap(({ part, difference }) => (difference?.standing === standing ? [part] : []));
  const list = (names: readonly string[]) => names.map((name) => `"${name}"`).join(", ");
  const found = [
    [named("worse"), "Clearly less than the whole:"],
    [named("as-well"), "As much as the whole, within 0.03:"],
    [named("better"), "Clearly more:"],
    [named("cannot-tell"), "Not told apart from the whole:"],
  ] as const;
  const alone = parts
    .filter(({ part }) => part === "vectors alone" || part === "biases alone")
    .map(({ part, gain }) => `${part} ${text(gain)}`);
  return [
    `Tuning brings ${text(whole.gain)} over the base model untuned${alone.length === 0 ? "" : `, ${alone.join(", ")}`}.`,
    ...found.filter(([names]) => names.length > 0).map(([names, what]) => `${what} ${list(names)}.`),
  ].join(" ");
}
