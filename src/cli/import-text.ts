import { styleText } from "node:util";
import { formatProblem, shownPath, type Problem } from "../core/data";
import type { Inspection, LabelCount, NewTask, PreparedTask, TaskChoices } from "../core/import";
import { PlumbError } from "../core/errors";
import { grouped } from "./progress";
import { shellWord } from "../core/shell";

const problemsShown = 10;
const labelsShown = 12;

export interface RenderOptions {
  /** Paths are shown relative to this folder. */
  from: string;
  all: boolean;
  color: boolean;
}

const formatNames = {
  csv: "table in text",
  json: "JSON",
  jsonl: "JSON Lines",
  xlsx: "Excel workbook",
  parquet: "Parquet",
  text: "a text a line",
  folder: "a text a file",
} as const;
const toolNames = {
  prodigy: "Prodigy",
  "label-studio": "Label Studio",
  doccano: "doccano",
  argilla: "Argilla",
} as const;

/** What a file holds and what would be made of it, for people. */
export function renderPreview(
  found: Inspection,
  wanted: NewTask,
  prepared: PreparedTask | PlumbError,
  options: RenderOptions,
): string {
  const bold = painter("bold", options);
  const lines = [...describeFile(found, options), "", bold("Columns")];
  const widest = Math.min(30, Math.max(...found.columns.map(({ name }) => name.length)));
  for (const column of found.columns) {
    const role = roleIn(wanted.choices, column.name);
    const sample = column.samples[0]?.slice(0, 60) ?? "";
    const values = column.values === null || column.unique ? "" : `${grouped(column.values.length)} values, `;
    lines.push(
      `  ${column.name.padEnd(widest)}  ${role === null ? "" : `[${role}] `}${column.filled === 0 ? "empty" : `${values}${sample}`}`.trimEnd(),
    );
  }
  if (prepared instanceof PlumbError)
    lines.push("", ...describeProblems(found.problems, found.problemCount, options), prepared.message);
  else {
    lines.push(
      ...describeTask(wanted, prepared),
      "",
      ...describeProblems(prepared.problems, prepared.problemCount, options),
    );
    lines.push(
      `Would write ${shownPath(prepared.examplesFile, options.from)} and ${shownPath(prepared.taskFile, options.from)}. Nothing was written.`,
    );
  }
  return `${lines.join("\n")}\n`;
}

/** What was written, for people. */
export function renderWritten(
  found: Inspection,
  wanted: NewTask,
  written: PreparedTask,
  options: RenderOptions,
): string {
  const task = shownPath(written.taskFile, options.from);
  const lines = [
    ...describeFile(found, options),
    ...describeTask(wanted, written),
    "",
    ...describeProblems(written.problems, written.problemCount, options),
    `Wrote ${shownPath(written.examplesFile, options.from)} and ${task}.`,
    ...(written.task.instruction === undefined
      ? ['Say in the task file, in "instruction", what is asked of a text: the model starts from it.']
      : []),
    `Next: plumb check ${shellWord(task)}`,
  ];
  return `${lines.join("\n")}\n`;
}

function describeFile(found: Inspection, options: RenderOptions): string[] {
  const parts: string[] = [
    found.tool === null
      ? formatNames[found.format]
      : `${formatNames[found.format]} from ${toolNames[found.tool]}`,
  ];
  if (found.delimiter !== null)
    parts.push(`delimiter ${found.delimiter === "\t" ? "tab" : JSON.stringify(found.delimiter)}`);
  if (found.encoding !== null) parts.push(found.encoding);
  if (found.sheet !== null)
    parts.push(
      `page ${JSON.stringify(found.sheet)}${found.sheets.length > 1 ? ` of ${found.sheets.length}` : ""}`,
    );
  if (found.header !== null) parts.push(found.header ? "with a header" : "without a header");
  const rows = `${grouped(found.rows)} ${found.rows === 1 ? "row" : "rows"}`;
  return [`${painter("bold", options)(shownPath(found.file, options.from))}: ${parts.join(", ")}; ${rows}`];
}

function describeTask(
  { choices, renamed = new Map() }: NewTask,
  { task, counts, labels, split }: PreparedTask,
): string[] {
  const from =
    choices.labels.length === 0
      ? "no labels yet"
      : `${choices.kind === "generation" ? "answer" : choices.labels.length === 1 ? "label" : "labels"} from ${choices.labels.map((name) => JSON.stringify(name)).join(", ")}`;
  const lines = [
    "",
    `Task "${task.name}" (${task.kind}): text from ${JSON.stringify(choices.text)}, ${from}`,
    `  ${grouped(counts.examples)} texts, ${grouped(counts.answered)} with an answer`,
  ];
  if (split !== null)
    lines.push(
      `  ${grouped(counts.train)} to learn from, ${grouped(counts.test)} for the test (${split === "drawn" ? "drawn now" : `as column ${JSON.stringify(choices.split)} says`})`,
    );
  if (choices.group !== null)
    lines.push(`  texts with the same ${JSON.stringify(choices.group)} stay together`);
  if (task.kind !== "generation") lines.push(`  labels: ${describeLabels(labels)}`);
  if (renamed.size > 0) lines.push(`  ${describeJoined(renamed)}`);
  return lines;
}

function describeLabels(labels: readonly LabelCount[]): string {
  const shown = labels.slice(0, labelsShown).map(({ label, count }) => `${label} ${grouped(count)}`);
  return [...shown, ...(labels.length > labelsShown ? [`and ${labels.length - labelsShown} more`] : [])].join(
    ", ",
  );
}

/** Which answers became another label than their own. */
function describeJoined(renamed: ReadonlyMap<string, string>): string {
  const all = [...renamed].map(([label, name]) => `${JSON.stringify(label)} as ${JSON.stringify(name)}`);
  const more = all.length > labelsShown ? [`and ${all.length - labelsShown} more`] : [];
  return `read ${[...all.slice(0, labelsShown), ...more].join(", ")}: the same but for case, blanks or dashes (--no-join leaves them apart)`;
}

function describeProblems(problems: readonly Problem[], count: number, options: RenderOptions): string[] {
  if (count === 0) return [];
  const rank = { error: 0, warning: 1, info: 2 } as const;
  const marks = { error: "x", warning: "!", info: "-" } as const;
  const sorted = [...problems].sort((a, b) => rank[a.severity] - rank[b.severity]);
  const shown = options.all ? sorted : sorted.slice(0, problemsShown);
  const lines = shown.map((problem) => `${marks[problem.severity]} ${formatProblem(problem, options.from)}`);
  if (count > shown.length)
    lines.push(`  and ${grouped(count - shown.length)} more${options.all ? "" : " (--all lists them)"}`);
  return [
    painter("bold", options)(count === 1 ? "Worth a look" : `Worth a look (${grouped(count)})`),
    ...lines,
    "",
  ];
}

function roleIn(choices: TaskChoices, name: string): string | null {
  if (name === choices.text) return "text";
  if (choices.labels.includes(name)) return choices.kind === "generation" ? "answer" : "label";
  if (name === choices.id) return "id";
  if (name === choices.group) return "group";
  return name === choices.split ? "split" : null;
}

const painter =
  (style: Parameters<typeof styleText>[0], { color }: RenderOptions) =>
  (text: string) =>
    color ? styleText(style, text, { validateStream: false }) : text;
