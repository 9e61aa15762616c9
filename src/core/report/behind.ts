import type { ReportRow } from "../schema";

/** Texts behind a figure: a pair of labels by their places, or a label of a multi-label task and what became of it. */
export type Cell =
  | { readonly kind: "pair"; readonly truth: number; readonly given: number }
  | { readonly kind: "hit" | "missed" | "false"; readonly label: number };

/**
 * Rows behind a cell, the surest first. Of two different labels: texts that miss the first and were given the second. Of a
 * label and itself: texts that were rightly given it.
 */
export function rowsBehind(rows: readonly ReportRow[], labels: readonly string[], cell: Cell): ReportRow[] {
  const asked = cell.kind === "pair" ? [cell.truth, cell.given] : [cell.label, cell.label];
  const [truth, given] = [labels[asked[0]!], labels[asked[1]!]];
  if (truth === undefined || given === undefined) return [];
  const fits = (row: ReportRow): boolean => {
    const has = row.truth.includes(truth);
    const got = row.predicted.includes(given);
    switch (cell.kind) {
      case "missed":
        return has && !got;
      case "false":
        return got && !has;
      default:
        return truth === given
          ? has && got
          : has && got && !row.predicted.includes(truth) && !row.truth.includes(given);
    }
  };
  return rows.filter(fits).sort((a, b) => (b.confidence ?? 0) - (a.confidence ?? 0));
}
