import { decide } from "../report";
import type { TaskKind } from "../schema";

/** What an adapter answers with. */
export interface AnswersWith {
  readonly kind: TaskKind;
  readonly labels: readonly string[];
  /** Multi-label tasks: from which probability on each label applies; else null. */
  readonly thresholds: readonly number[] | null;
}

/** What it says of one text. */
export interface PredictedRow {
  readonly scores?: readonly number[] | undefined;
  readonly output?: string | undefined;
  /** The text was too long and lost its middle. */
  readonly cut: boolean;
}

/** With more labels a column for each would hide the answer. */
const MOST_COLUMNS = 40;
const SEPARATOR = "; ";
/** Probabilities are told to so many decimals. */
const DECIMALS = 4;

/** Names of the columns that predictions fill, none of them among those that a file has already. */
export function headOf({ kind, labels }: AnswersWith, taken: readonly string[]): string[] {
  const names =
    kind === "generation"
      ? ["predicted", "cut"]
      : [
          "predicted",
          ...(kind === "single" ? ["probability"] : []),
          ...(labels.length <= MOST_COLUMNS ? labels.map((label) => `p(${label})`) : []),
          "cut",
        ];
  const used = new Set(taken);
  return names.map((name) => {
    let unique = name;
    for (let number = 2; used.has(unique); number++) unique = `${name} ${number}`;
    used.add(unique);
    return unique;
  });
}

/** What stands in those columns for one text; all empty for a row without a text (null). */
export function predictedCells(row: PredictedRow | null, answers: AnswersWith): string[] {
  const { kind, labels, thresholds } = answers;
  const count = headOf(answers, []).length;
  if (row === null) return new Array<string>(count).fill("");
  const cut = row.cut ? "yes" : "";
  if (kind === "generation") return [row.output ?? "", cut];
  const scores = row.scores ?? [];
  const figure = (probability: number) => String(Number(probability.toFixed(DECIMALS)));
  const chosen = decide(
    scores,
    thresholds?.map((value) => ({ value })) ?? (kind === "multi" ? half(labels) : null),
  );
  return [
    chosen.map((at) => labels[at] ?? "").join(SEPARATOR),
    ...(kind === "single" ? [figure(scores[chosen[0] ?? 0] ?? 0)] : []),
    ...(labels.length <= MOST_COLUMNS ? labels.map((_, at) => figure(scores[at] ?? 0)) : []),
    cut,
  ];
}

const half = (labels: readonly string[]) => labels.map(() => ({ value: 0.5 }));
