import { percent } from "../../percent";
import { PlumbError } from "../errors";
import type { Estimate, Outcome, Report, Share } from "../schema";
import { resampleF1 } from "./classification-bootstrap";
import { counted, decimals, interval, pValue, shareWithInterval, signed } from "./format";
import { RESAMPLES, resample, type Units } from "./resample";
import { compare, type Judge, shareRight } from "./rivals";
import { countClasses, type Judged, macroF1 } from "./scores";
import { mainFigure, turned } from "./verdict";

/** Two runs of one task, measured on the test texts that both have. */
export interface RunComparison {
  runs: [string, string];
  /** Test texts that both reports have with the same answer; `left` were in one only or had another answer. */
  texts: number;
  left: number;
  kind: Report["task"]["kind"];
  /** Macro F1 (ROUGE-L for generation) of both on these texts. */
  values: [number | null, number | null];
  accuracy: [Share, Share];
  /** First minus second. */
  difference: { value: number | null; low: number | null; high: number | null; p: number | null };
  mcnemar: { onlyFirst: number; onlySecond: number; p: number };
  outcome: Outcome;
  sentence: string;
}

/** Paired comparison of two reports. Throws where they are not of the same task. */
export function compareReports(first: Report, second: Report): RunComparison {
  if (
    first.task.kind !== second.task.kind ||
    first.task.labels.join("\n") !== second.task.labels.join("\n")
  ) {
    throw new PlumbError(
      "report-compare",
      `Cannot compare "${first.run.id}" with "${second.run.id}": they are not runs of the same task (kind or label set differ).`,
    );
  }
  const others = new Map(second.rows.map((row) => [row.id, row]));
  const pairs = first.rows.flatMap((row) => {
    const other = others.get(row.id);
    const same =
      other !== undefined && [...row.truth].sort().join("\n") === [...other.truth].sort().join("\n");
    return same ? [[row, other] as const] : [];
  });
  if (pairs.length === 0) {
    throw new PlumbError(
      "report-compare",
      `Cannot compare "${first.run.id}" with "${second.run.id}": no test text is in both. Tune with the same split, or give the examples a \`split\` field.`,
    );
  }
  const options = { seed: first.resampling.seed, resamples: RESAMPLES };
  const units: Units = { kind: "example", members: pairs.map((_, index) => [index]) };
  const sides = [pairs.map(([row]) => row), pairs.map(([, row]) => row)];
  let values: (number | null)[];
  let resampled: Float64Array[];
  if (first.task.kind === "generation") {
    const scores = sides.map((rows) => rows.map(({ rougeL }) => rougeL ?? 0));
    values = scores.map((row) => row.reduce((sum, value) => sum + value, 0) / row.length);
    resampled = scores.map(() => new Float64Array(RESAMPLES));
    resample(pairs.length, options, (drawn, index) => {
      for (const [side, row] of scores.entries()) {
        let sum = 0;
        for (const unit of drawn) sum += row[unit]!;
        resampled[side]![index] = sum / drawn.length;
      }
    });
  } else {
    const place = new Map(first.task.labels.map((label, index) => [label, index]));
    const numbered = (labels: readonly string[]) => labels.map((label) => place.get(label)!);
    const judged = sides.map((rows) =>
      rows.map((row): Judged => ({ truth: numbered(row.truth), predicted: numbered(row.predicted) })),
    );
    values = judged.map((side) => macroF1(countClasses(side, place.size)));
    resampled = resampleF1(judged, place.size, units, options).map(({ macro }) => macro);
  }
  const judge = (side: 0 | 1): Judge => ({
    name: "run",
    description: "",
    right: sides[side]!.map(({ right }) => right),
    value: values[side]!,
    resampled: resampled[side]!,
    incomplete: 0,
  });
  const { difference, mcnemar, outcome } = compare(judge(0), { ...judge(1), name: "untuned" }, pairs.length);
  const all = new Set([...first.rows, ...second.rows].map(({ id }) => id)).size;
  return {
    runs: [first.run.id, second.run.id],
    texts: pairs.length,
    left: all - pairs.length,
    kind: first.task.kind,
    values: [values[0]!, values[1]!],
    accuracy: [shareRight(judge(0).right), shareRight(judge(1).right)],
    difference,
    mcnemar: { onlyFirst: mcnemar.onlyRun, onlySecond: mcnemar.onlyRival, p: mcnemar.p },
    outcome: outcome === "as-well" ? "cannot-tell" : outcome,
    sentence: sentenceOf(first.task.kind, outcome, difference, pairs.length),
  };
}

function sentenceOf(
  kind: Report["task"]["kind"],
  outcome: Outcome,
  difference: RunComparison["difference"],
  texts: number,
): string {
  const gain = ({ value, low, high }: Estimate) =>
    `${mainFigure(kind)} ${signed(value)} ${interval({ low, high })}`.trim();
  const by = gain(difference);
  switch (outcome) {
    case "better":
      return `The first run is better: ${gain(difference)}.`;
    case "worse":
      return `The second run is better: ${gain(turned(difference))}.`;
    case "mixed":
      return `It depends on what counts: ${by} for the first run, but the number of texts got right says the opposite.`;
    default: {
      const told = (difference.low ?? 0) > 0 || (difference.high ?? 0) < 0;
      return told
        ? `Cannot tell the two apart: ${by}, but ${counted(texts, "test text")} are too few to trust that interval by itself.`
        : `Cannot tell the two apart: ${by} on ${counted(texts, "test text")}.`;
    }
  }
}

/** The comparison as lines for a terminal. */
export function renderComparisonText(comparison: RunComparison): string {
  const { runs, values, accuracy, mcnemar, difference, kind, texts, left } = comparison;
  const right = kind === "generation" ? "exact match" : "accuracy";
  const lines = runs.map(
    (id, side) =>
      `  ${id}  ${mainFigure(kind)} ${decimals(values[side]!)}, ${right} ${shareWithInterval(accuracy[side]!)}`,
  );
  return [
    comparison.sentence,
    "",
    ...lines,
    "",
    `  paired bootstrap on the difference: ${pValue(difference.p)}; right only in the first ${mcnemar.onlyFirst}, only in the second ${mcnemar.onlySecond} (exact McNemar test: ${pValue(mcnemar.p)})`,
    `  on ${counted(texts, "test text")} that both runs have${left === 0 ? "" : `; ${left} others (${percent(left / (left + texts))}) left out`}`,
    "  This tells these adapters apart, not their settings: tuned anew with another seed, either would score a little differently.",
    "",
  ]
    .join("\n")
    .replaceAll("\u00a0", " ");
}
