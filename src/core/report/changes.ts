import type { Estimate, Report, ReportRow } from "../schema";
import { resampleF1 } from "./classification-bootstrap";
import { RESAMPLES, type Units } from "./resample";
import { countClasses, scoreClass, type ClassScores, type Judged } from "./scores";
import { percentileInterval } from "./statistics";

/** A class in two runs, on the test texts that both have. */
export interface ClassDifference {
  label: string;
  /** Of these texts. */
  support: number;
  first: ClassScores;
  second: ClassScores;
  /** F1 of the first minus F1 of the second, with the interval of a paired bootstrap. */
  difference: Estimate;
}

/** A test text that two runs decide differently. */
export interface ChangedText {
  first: ReportRow;
  second: ReportRow;
  /** Which of the two is right. */
  right: "first" | "second" | "neither";
}

/** Test texts that both reports have with the same answer. */
export function pairedRows(first: Report, second: Report): [ReportRow, ReportRow][] {
  const others = new Map(second.rows.map((row) => [row.id, row]));
  return first.rows.flatMap((row): [ReportRow, ReportRow][] => {
    const other = others.get(row.id);
    return other !== undefined && sameLabels(row.truth, other.truth) ? [[row, other]] : [];
  });
}

/** Differences of each class. The two reports have the same label set; none for generation. */
export function classDifferences(first: Report, second: Report): ClassDifference[] {
  const { labels, kind } = first.task;
  const pairs = pairedRows(first, second);
  if (kind === "generation" || pairs.length === 0) return [];
  const place = new Map(labels.map((label, index) => [label, index]));
  const numbered = (names: readonly string[]) => names.map((name) => place.get(name)!);
  const judged = ([0, 1] as const).map((side) =>
    pairs.map((pair): Judged => ({
      truth: numbered(pair[side].truth),
      predicted: numbered(pair[side].predicted),
    })),
  ) as [Judged[], Judged[]];
  const units: Units = { kind: "example", members: pairs.map((_, index) => [index]) };
  // The same seed draws the same texts for both: that pairs them.
  const resampled = judged.map(
    (side) =>
      resampleF1([side], labels.length, units, { seed: first.resampling.seed, resamples: RESAMPLES })[0]!,
  );
  const counts = judged.map((side) => countClasses(side, labels.length));
  return labels.map((label, at) => {
    const [mine, theirs] = counts.map((side) => scoreClass(side[at]!)) as [ClassScores, ClassScores];
    const differences = resampled[0]!.perClass[at]!.map(
      (value, index) => value - resampled[1]!.perClass[at]![index]!,
    );
    const value = mine.f1 === null || theirs.f1 === null ? null : mine.f1 - theirs.f1;
    const interval = value === null ? null : percentileInterval(differences).interval;
    const { tp, fn } = counts[0]![at]!;
    return {
      ...{ label, support: tp + fn, first: mine, second: theirs },
      difference: { value, low: interval?.low ?? null, high: interval?.high ?? null },
    };
  });
}

/** Test texts whose decision differs: those that only one gets right before those that neither does; the surest first. */
export function changedTexts(first: Report, second: Report): ChangedText[] {
  const order = { first: 0, second: 1, neither: 2 };
  const sureness = ({ first: a, second: b }: ChangedText) =>
    Math.max(a.confidence ?? a.rougeL ?? 0, b.confidence ?? b.rougeL ?? 0);
  return pairedRows(first, second)
    .filter(([mine, theirs]) => !sameLabels(mine.predicted, theirs.predicted))
    .map(([mine, theirs]): ChangedText => ({
      ...{ first: mine, second: theirs },
      right: mine.right === theirs.right ? "neither" : mine.right ? "first" : "second",
    }))
    .sort((a, b) => order[a.right] - order[b.right] || sureness(b) - sureness(a));
}

const sameLabels = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && [...a].sort().join("\n") === [...b].sort().join("\n");
