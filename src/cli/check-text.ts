import { styleText } from "node:util";
import { shownPath, type CheckResult, type Finding } from "../core/data";
import { shellWord } from "../core/shell";

/** Places shown of each finding, unless all are asked for. */
const placesShown = 3;

export interface RenderOptions {
  /** Paths are shown relative to this folder. */
  from: string;
  all: boolean;
  /** Lines are broken at this many characters; null for not at all. */
  width: number | null;
  color: boolean;
  /** Why texts were not measured; null where they were, or nobody asked. */
  unmeasured: string | null;
}

/** A check as text for people: what stops a run, warnings, counts, and what to do next. */
export function renderCheck(result: CheckResult, options: RenderOptions): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    options.color ? styleText(style, text, { validateStream: false }) : text;
  const kinds = {
    single: "one label each",
    multi: "any number of labels each",
    generation: "a text in answer",
  };
  const lines = [
    paint("bold", result.name) + ` (${result.kind}: ${kinds[result.kind]})`,
    ...result.files.map(
      ({ path: file, lines: n }) =>
        `${shownPath(file, options.from)}: ${number(n)} ${n === 1 ? "line" : "lines"}`,
    ),
  ];

  const sections = [
    { severity: "error", title: "Stops a run", mark: "x", style: "red" },
    { severity: "warning", title: "Worth a look", mark: "!", style: "yellow" },
    { severity: "info", title: "Good to know", mark: "-", style: "gray" },
  ] as const;
  for (const { severity, title, mark, style } of sections) {
    const findings = result.findings.filter((finding) => finding.severity === severity);
    if (findings.length === 0) continue;
    lines.push("", paint("bold", title));
    for (const finding of findings) {
      lines.push(
        ...wrap(finding.message, options.width, `${mark} `, "  ").map((line, at) =>
          at === 0 ? paint(style, mark) + line.slice(1) : line,
        ),
      );
      lines.push(...renderPlaces(finding, options));
    }
  }

  lines.push("", paint("bold", "Counts"), ...renderCounts(result));
  const notes: string[] = [];
  if (result.split?.made === "drawn") {
    notes.push(
      `The test part would be drawn class by class from seed ${result.split.seed ?? 0} (${Math.round(100 * (result.split.testShare ?? 0))} %).`,
    );
  } else if (result.split !== null) notes.push('The test part is given by the files or their field "split".');
  if (result.lengths !== null) {
    const { median, most, room, measured } = result.lengths;
    const all = result.counts.examples - result.counts.skipped;
    const sample = measured < all ? ` (measured on ${number(measured)} of them)` : "";
    notes.push(
      `Half of the texts have at most ${number(median)} tokens, 99 of 100 at most ${number(most)}${sample}; the model reads up to ${number(room)}.`,
    );
  }
  if (options.unmeasured !== null) notes.push(options.unmeasured);
  if (notes.length > 0) lines.push("", ...notes.flatMap((note) => wrap(note, options.width, "", "")));

  const errors = result.findings.filter((finding) => finding.severity === "error").length;
  const task = shownPath(result.task, options.from);
  const end = result.runnable
    ? `A run is possible: plumb tune ${shellWord(task)}`
    : `A run is refused until ${errors === 1 ? "this is" : `these ${errors} things are`} corrected.`;
  lines.push("", paint(result.runnable ? "green" : "red", end));
  return `${lines.join("\n")}\n`;
}

function renderPlaces({ places }: Finding, options: RenderOptions): string[] {
  const shown = options.all ? places : places.slice(0, placesShown);
  const lines = shown.flatMap(({ file, line, message }) => {
    const where =
      file === null ? "" : `${shownPath(file, options.from)}${line === null ? "" : `, line ${line}`}: `;
    return wrap(where + message, options.width, "    ", "      ");
  });
  const more = places.length - shown.length;
  if (more > 0) lines.push(`    and ${number(more)} more (--all lists them)`);
  return lines;
}

function renderCounts(result: CheckResult): string[] {
  const { counts, split, classes } = result;
  const rows = classes.map(({ label, all, train, test }) => ({
    name: label ?? "(no label)",
    numbers: [all, train, test],
  }));
  const total = {
    name: result.kind === "multi" ? "texts" : rows.length > 0 ? "together" : "examples",
    numbers: [counts.answered, split?.train ?? 0, split?.test ?? 0],
  };
  const columns = split === null ? ["all"] : ["all", "train", "test"];
  const widest = Math.max(...[...rows, total].map((row) => textWidth(row.name)));
  const line = (name: string, cells: string[]) =>
    `  ${name}${" ".repeat(widest - textWidth(name))}${cells.map((cell) => cell.padStart(8)).join("")}`;
  const cells = (numbers: number[]) => numbers.slice(0, columns.length).map(number);
  const lines = [
    line("", columns),
    ...rows.map((row) => line(row.name, cells(row.numbers))),
    line(total.name, cells(total.numbers)),
  ];
  const rest = [
    counts.unanswered > 0 ? `${number(counts.unanswered)} without an answer` : "",
    counts.skipped > 0 ? `${number(counts.skipped)} skipped` : "",
  ].filter((part) => part !== "");
  if (rest.length > 0) lines.push(`  besides: ${rest.join(", ")}`);
  return lines;
}

const number = (n: number) => n.toLocaleString("en-US");

/** Columns that a terminal gives a text, near enough: wide characters of East Asia count double, marks nothing. */
function textWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue;
    width +=
      /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}]/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return width;
}

/** Breaks a text between words. */
function wrap(text: string, width: number | null, first: string, next: string): string[] {
  if (width === null) return [first + text];
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of text.split(" ")) {
    if (!empty && textWidth(line) + 1 + textWidth(word) > width) {
      lines.push(line);
      line = next + word;
    } else {
      line += (empty ? "" : " ") + word;
    }
    empty = false;
  }
  return [...lines, line];
}
