import { percent } from "../../percent";
import type { BootstrapEstimate, Estimate, Report } from "../schema";
import { bytes, counted, decimals, duration, interval, shareWithInterval } from "./format";
import { mainFigure, strongestFirst } from "./verdict";

/** Names of the judges as they stand in pictures and tables. */
export const JUDGE_NAMES = {
  run: "this run",
  majority: "most frequent",
  "every-label": "every label",
  "word-counts": "word counts",
  untuned: "untuned",
  "copy-input": "copied input",
} as const;

/** Classes, worst F1 first; those without an F1 last. */
export function worstFirst<T extends { f1: Estimate; support: number }>(classes: readonly T[]): T[] {
  return classes.toSorted((a, b) => (a.f1.value ?? 2) - (b.f1.value ?? 2) || b.support - a.support);
}

/**
 * What a person wants to know first, as lines for a terminal: headline, verdict, rivals, figures per class, what next.
 * @param width columns of the terminal; from 40 on everything fits, below that it is as if there were 40
 */
export function renderReportText(report: Report, width: number): string {
  const columns = Math.max(40, width);
  const { classification, generation, data, run, task } = report;
  const blocks: string[] = [];
  const what = `${task.name}: ${counted(data.train, "training text")}, ${counted(data.test, "test text")}; ${run.method} on ${run.baseModel}`;
  blocks.push(wrap(what, columns));
  if (classification !== null) {
    const { macroF1, accuracy } = classification;
    blocks.push(
      wrap(
        `Macro F1 ${glued(decimals(macroF1.value), interval(macroF1))}, accuracy ${glued(shareWithInterval(accuracy))}`,
        columns,
      ),
    );
  }
  if (generation !== null) {
    const { rougeL, chrf, exactMatch } = generation;
    blocks.push(
      wrap(
        `ROUGE-L ${glued(decimals(rougeL.value), interval(rougeL))}, chrF ${chrf.value === null ? "–" : Math.round(chrf.value)}, exact match ${glued(shareWithInterval(exactMatch))}`,
        columns,
      ),
    );
  }
  blocks.push(wrap(report.verdict.sentence, columns));
  blocks.push(rivalStrip(report, columns));
  if (classification !== null) blocks.push(classTable(report, columns));
  if (report.next.length > 0) {
    blocks.push(["What next", ...report.next.map((step) => wrap(step, columns, "  "))].join("\n"));
  }
  if (report.notes.length > 0) {
    blocks.push(["Keep in mind", ...report.notes.map((note) => wrap(note, columns, "  "))].join("\n"));
  }
  blocks.push(
    wrap(
      `${duration(run.seconds)}, ${bytes(run.peakBytes)} at most, ${run.trainedParameters.toLocaleString("en-GB")} of ${run.totalParameters.toLocaleString("en-GB")} parameters trained.`,
      columns,
    ),
  );
  return `${blocks.join("\n\n")}\n`.replaceAll("\u00a0", " ");
}

/** The judges' main figures as dots with intervals on one scale from 0 to 1. */
function rivalStrip(report: Report, columns: number): string {
  const own = report.classification?.macroF1 ?? report.generation?.rougeL;
  if (own === undefined) return "";
  const judges: [string, BootstrapEstimate][] = [
    [JUDGE_NAMES.run, own],
    ...strongestFirst(report.rivals).map((rival): [string, BootstrapEstimate] => [
      JUDGE_NAMES[rival.name],
      rival.main,
    ]),
  ];
  const names = Math.max(...judges.map(([name]) => name.length), mainFigure(report.task.kind).length);
  const cells = Math.min(41, columns - names - 4 - "0.73 [0.61, 0.82]".length);
  const title = mainFigure(report.task.kind);
  if (cells < 11) {
    const rows = judges.map(([name, estimate]) => [name, decimals(estimate.value), interval(estimate)]);
    return table([[title.charAt(0).toUpperCase() + title.slice(1), "", ""], ...rows], columns, "lll");
  }
  const axis = `0${" ".repeat(cells - 2)}1`;
  const lines = judges.map(([name, estimate]) =>
    `${name.padEnd(names)}  ${strip(estimate, cells)}  ${decimals(estimate.value)} ${interval(estimate)}`.trimEnd(),
  );
  return [`${(title.charAt(0).toUpperCase() + title.slice(1)).padEnd(names)}  ${axis}`, ...lines].join("\n");
}

function strip({ value, low, high }: Estimate, cells: number): string {
  const at = (position: number) => Math.round(Math.min(1, Math.max(0, position)) * (cells - 1));
  return Array.from({ length: cells }, (_, cell) => {
    if (value !== null && cell === at(value)) return "●";
    if (low !== null && high !== null && cell >= at(low) && cell <= at(high)) return "━";
    return "·";
  }).join("");
}

function classTable(report: Report, columns: number): string {
  const classes = worstFirst(report.classification!.classes);
  const narrow = columns < 64;
  const rows = classes.map(({ label, f1, precision, recall, support, few }) => [
    label,
    decimals(f1.value),
    interval(f1),
    ...(narrow ? [] : [percent(precision.value), percent(recall.value)]),
    `${support}${few ? "*" : " "}`,
  ]);
  const head = ["Class, worst first", "F1", "", ...(narrow ? [] : ["precision", "recall"]), "texts "];
  const lines = table([head, ...rows], columns, narrow ? "lrlr" : "lrlrrr");
  return classes.some(({ few }) => few)
    ? `${lines}\n${wrap("* too few test texts to say much", columns)}`
    : lines;
}

/** Columns as wide as their widest cell; the first one gives way where the terminal is narrow. */
function table(rows: readonly (readonly string[])[], columns: number, align: string): string {
  const widths = Array.from(align, (_, column) => Math.max(...rows.map((row) => displayWidth(row[column]!))));
  const rest = widths.slice(1).reduce((sum, width) => sum + width + 2, 0);
  widths[0] = Math.min(widths[0]!, Math.max(8, columns - rest));
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const shown = column === 0 ? shortened(cell, widths[0]!) : cell;
          const space = " ".repeat(Math.max(0, widths[column]! - displayWidth(shown)));
          return align[column] === "l" ? shown + space : space + shown;
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Keeps a figure and its interval on one line. */
const glued = (...parts: string[]): string =>
  parts
    .filter((part) => part !== "")
    .join(" ")
    .replaceAll(" ", "\u00a0");

/** Breaks a text at spaces into lines of at most so many columns. */
function wrap(text: string, columns: number, indent = ""): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && displayWidth(indent) + displayWidth(longer) > columns) {
      lines.push(indent + line);
      line = word;
    } else line = longer;
  }
  return [...lines, indent + line].join("\n");
}

function shortened(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let kept = "";
  for (const character of text) {
    if (displayWidth(kept + character) > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Columns that a text takes in a terminal: two for East Asian characters and emoji, none for marks. */
function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/^[\p{Mn}\p{Me}\p{Cf}]$/u.test(character)) continue;
    width +=
      /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uff01-\uff60]$/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return width;
}
