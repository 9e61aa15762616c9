import { decimals, duration, interval, percent, shareWithInterval, bytes } from "../core/report/format";
import type { Report } from "../core/schema";

/** What a person wants to know first, as lines for a terminal. */
export function summary(report: Report): string {
  const { classification, generation, data, run } = report;
  const lines: string[] = [];
  if (classification !== null) {
    const { macroF1, accuracy, classes } = classification;
    lines.push(
      `Macro F1 ${decimals(macroF1.value)} ${interval(macroF1)}, accuracy ${shareWithInterval(accuracy)}, on ${data.test} test texts.`,
    );
    lines.push(report.verdict.sentence, "");
    const sorted = [...classes].sort((a, b) => (a.f1.value ?? -1) - (b.f1.value ?? -1));
    const rows = sorted.map(({ label, f1, precision, recall, support, few }) => [
      label,
      `${decimals(f1.value)} ${interval(f1)}`,
      percent(precision.value),
      percent(recall.value),
      `${support}${few ? " (few)" : ""}`,
    ]);
    lines.push(...table([["class, worst first", "F1", "precision", "recall", "test texts"], ...rows]));
  }
  if (generation !== null) {
    const { rougeL, chrf, exactMatch } = generation;
    lines.push(
      `ROUGE-L ${decimals(rougeL.value)} ${interval(rougeL)}, chrF ${decimals(chrf.value)} ${interval(chrf)}, ` +
        `exact match ${shareWithInterval(exactMatch)}, on ${data.test} test texts.`,
      report.verdict.sentence,
    );
  }
  if (report.next.length > 0) lines.push("", ...report.next);
  lines.push(
    "",
    `${duration(run.seconds)}, ${bytes(run.peakBytes)} at most, ${run.trainedParameters.toLocaleString("en-US")} of ` +
      `${run.totalParameters.toLocaleString("en-US")} parameters trained; the test part has been looked at ` +
      `${data.testLooks === 1 ? "once" : `${data.testLooks} times`}.`,
  );
  return lines.join("\n");
}

/** Columns as wide as their widest cell; the first to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
}
