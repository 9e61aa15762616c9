import { quoted } from "../data/problem";
import { fold } from "../data/spelling";
import type { TaskKind } from "../schema";
import { isEmpty, shown, type Column } from "./columns";
import type { Cell, Row } from "./types";
import { counted, say } from "../say";

/** Where the answers stand and how they are written. */
export interface AnswerChoices {
  kind: TaskKind;
  /** Columns that hold the answer. */
  labels: readonly string[];
  /** Whether the columns are named after labels and say yes or no (1/0) for each. */
  flags: boolean;
  /** What stands between several labels in one value; null where a value is one label. Lists are read either way. */
  separator: string | null;
}

export type Answer =
  { label: string } | { labels: string[] } | { target: string; references?: string[] } | { fault: string };

/** The answer in a row as the task's kind has it; null where there is none. */
export function answerIn(row: Pick<Row, "cells">, choices: AnswerChoices): Answer | null {
  if (choices.kind === "generation") return targetIn(row, choices);
  const found = choices.flags ? flagged(row, choices.labels) : listed(row, choices);
  if (found === null || "fault" in found) return found;
  if (choices.kind === "multi") return found;
  const [label, ...more] = found.labels;
  if (label === undefined)
    return choices.flags ? { fault: say`no column says yes; expected one label` } : null;
  if (more.length > 0) {
    return {
      fault: say`${counted(found.labels.length, "label", "labels")} (${found.labels.map(quoted).join(", ")}) where one was expected`,
    };
  }
  return { label };
}

function targetIn({ cells }: Pick<Row, "cells">, { labels }: AnswerChoices): Answer | null {
  const texts = labels.flatMap((name) => {
    const cell = cells.get(name) ?? null;
    return (typeof cell === "string" ? [cell] : (cell ?? [])).filter((item) => item.trim() !== "");
  });
  const [target] = texts;
  if (target === undefined) return null;
  return texts.length > 1 ? { target, references: [...new Set(texts)] } : { target };
}

function flagged(
  { cells }: Pick<Row, "cells">,
  columns: readonly string[],
): { labels: string[] } | { fault: string } | null {
  const labels: string[] = [];
  let empty = 0;
  for (const name of columns) {
    const cell = cells.get(name) ?? null;
    const flag = flagOf(cell);
    if (flag === null)
      return { fault: say`${quoted(shown(cell))} in column ${quoted(name)}; expected 1 or 0` };
    if (isEmpty(cell)) empty++;
    if (flag) labels.push(name.trim());
  }
  return empty === columns.length ? null : { labels };
}

function listed(
  { cells }: Pick<Row, "cells">,
  { labels: columns, separator }: AnswerChoices,
): { labels: string[] } | null {
  let answered = false;
  const labels: string[] = [];
  for (const name of columns) {
    const list = labelsOf(cells.get(name) ?? null, separator);
    if (list === null) continue;
    answered = true;
    labels.push(...list);
  }
  return answered ? { labels: [...new Set(labels)] } : null;
}

/** The labels that a value names, each as it stands but for blanks around it; null where it holds nothing. */
export function labelsOf(cell: Cell, separator: string | null): string[] | null {
  if (cell === null || isEmpty(cell)) return null;
  const list =
    typeof cell === "string" ? (listIn(cell) ?? (separator === null ? [cell] : cell.split(separator))) : cell;
  return list.map((item) => item.trim()).filter((item) => item !== "");
}

/** The items of a list written as text: `["a", "b"]`, Python's `['a', 'b']`, or Label Studio's `{"choices": […]}`. */
export function listIn(text: string): string[] | null {
  const plain = text.trim();
  if (!/^(\[.*\]|\{"choices":.*\})$/s.test(plain)) return null;
  const read = (json: string): string[] | null => {
    try {
      const value = JSON.parse(json) as unknown;
      const list = Array.isArray(value) ? value : (value as { choices?: unknown }).choices;
      if (!Array.isArray(list)) return null;
      return list.every((item) => ["string", "number", "boolean"].includes(typeof item))
        ? list.map(String)
        : null;
    } catch {
      return null;
    }
  };
  return read(plain) ?? (plain.startsWith("[") ? read(fromPython(plain)) : null);
}

/** A list of texts as Python prints it, as JSON. */
const fromPython = (text: string) =>
  text.replace(/'((?:[^'\\]|\\.)*)'/g, (_, inner: string) => JSON.stringify(inner.replace(/\\(.)/g, "$1")));

const yes = new Set(["1", "1.0", "true", "yes", "y", "x", "+", "✓", "✔", "да", "истина", "t"]);
const no = new Set(["", "0", "0.0", "false", "no", "n", "-", "–", "нет", "ложь", "f"]);

/** What a yes-or-no value says; null where it says neither. */
export function flagOf(cell: Cell): boolean | null {
  if (cell !== null && typeof cell !== "string") return null;
  const text = (cell ?? "").trim().toLowerCase();
  return yes.has(text) ? true : no.has(text) ? false : null;
}

export interface LabelCount {
  label: string;
  count: number;
}

/**
 * The labels that the chosen columns hold, most frequent first, or by number where all are numbers.
 * Null for a generation task and where the values are too many to be labels.
 */
export function countLabels(columns: readonly Column[], choices: AnswerChoices): LabelCount[] | null {
  if (choices.kind === "generation") return null;
  const counts = new Map<string, number>();
  for (const name of choices.labels) {
    const column = columns.find((one) => one.name === name);
    if (column === undefined) continue;
    if (column.values === null) return null;
    if (choices.flags) counts.set(name.trim(), 0);
    for (const { cell, count } of column.values) {
      const labels = choices.flags
        ? flagOf(cell) === true
          ? [name.trim()]
          : []
        : (labelsOf(cell, choices.separator) ?? []);
      for (const label of new Set(labels))
        if (brokenCharacter(label) === null) counts.set(label, (counts.get(label) ?? 0) + count);
    }
  }
  return inOrder(counts);
}

/**
 * The label that each answer is taken for: one that is known, or a commoner answer, where it differs from that by case, blanks
 * or dashes alone and so is most likely meant to be it; else its own.
 */
export function joinSpellings(
  counted: readonly LabelCount[],
  known: readonly string[],
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const common = [...counted].sort((a, b) => b.count - a.count).map(({ label }) => label);
  for (const label of [...known, ...common]) if (!names.has(fold(label))) names.set(fold(label), label);
  return new Map(counted.map(({ label }) => [label, names.get(fold(label)) ?? label]));
}

/** What a text cannot hold, in words; null where it holds none of it. */
export function brokenCharacter(text: string): string | null {
  if (text.includes("\0")) return say`the character NUL`;
  return /\p{Surrogate}/u.test(text) ? say`half of a character` : null;
}

export function inOrder(counts: ReadonlyMap<string, number>): LabelCount[] {
  const list = [...counts].map(([label, count]) => ({ label, count }));
  const numbers = list.every(({ label }) => /^-?\d+(\.\d+)?$/.test(label));
  return list.sort((a, b) => (numbers ? Number(a.label) - Number(b.label) : b.count - a.count));
}
