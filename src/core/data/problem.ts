import path from "node:path";
import { inQuotes, say } from "../say";

/**
 * Something wrong with a task's files, in words for the person who keeps them.
 * `error`: a run is refused. `warning`: a run is possible, its result deserves a second look. `info`: worth knowing.
 */
export interface Problem {
  file: string;
  /** From 1; null where the whole file is meant. */
  line: number | null;
  field?: string;
  severity: "error" | "warning" | "info";
  /** For programs, e.g. "not-json". */
  code: string;
  /** What was found, what was expected, what to do. Does not repeat file and line. */
  message: string;
  /** Changes that would mend it without anybody having to think, the likeliest first. */
  fixes?: Fix[];
}

/** A change in one example, or in the task file. */
export type Fix = ExampleFix | TaskFix;

export interface ExampleFix {
  /**
   * What it does: `label` corrects a label, `repeat` takes a repeated one away, `id` gives another id, `field` moves the
   * answer into the field of the task's kind, `aside` sets the text aside.
   */
  what: "label" | "repeat" | "id" | "field" | "aside";
  /** What stands there now; "" where there is nothing to name. */
  from: string;
  to: string;
  /** Id of the example: a line that holds another one is left alone. */
  id: string;
  /** New values of fields. */
  set: Record<string, string | string[]>;
  /** Fields that go. */
  remove: string[];
}

export interface TaskFix {
  /**
   * `add-label` adds a label to the task's set, `rename-field` corrects the name of a field, `examples` names another
   * examples file.
   */
  what: "add-label" | "rename-field" | "examples";
  /** Of a field: what it is called now, or which one gets another value (`examples.train`). */
  from: string;
  to: string;
}

/** `reviews.jsonl, line 17: …`, the path relative to `from` where the file lies inside it. */
export function formatProblem(problem: Problem, from = process.cwd()): string {
  const where = shownPath(problem.file, from);
  return `${where}${problem.line === null ? "" : say`, line ${problem.line}`}: ${problem.message}`;
}

/** A path as a person would type it: relative where the file lies inside `from`, else whole. */
export function shownPath(file: string, from = process.cwd()): string {
  const relative = path.relative(from, file);
  return relative === "" || relative.startsWith("..") || path.isAbsolute(relative) ? file : relative;
}

/** A value as a person would name it, cut to a line: `the number 3`, `text "abc…"`, `a list`. */
export function describeValue(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return say`nothing`;
  if (Array.isArray(value)) return value.length === 0 ? say`an empty list` : say`a list of ${value.length}`;
  switch (typeof value) {
    case "string":
      return value === "" ? say`an empty text` : say`the text ${quoted(value)}`;
    case "number":
      return say`the number ${String(value)}`;
    case "boolean":
      return String(value);
    default:
      return say`an object`;
  }
}

/** Text in quotes on one line, cut after 40 characters. Quotes inside stand as they are: it is read, not parsed. */
export function quoted(text: string): string {
  const characters = Array.from(text.slice(0, 200));
  const cut = characters.length > 40 ? `${characters.slice(0, 39).join("")}…` : text;
  const inside = JSON.stringify(cut)
    .slice(1, -1)
    .replace(/\\./g, (escape) => (escape === '\\"' ? '"' : escape));
  return say`"${inside}"`;
}

/** What nothing can be made of in the text of a field: the character NUL, or half of a character. */
export function brokenCharacter(field: string, text: string): Pick<Problem, "code" | "message"> | null {
  if (text.includes("\0"))
    return {
      code: "nul-byte",
      message: say`field ${inQuotes(field)} holds the character NUL (\\u0000). Remove it.`,
    };
  if (/\p{Surrogate}/u.test(text))
    return {
      code: "wrong-field",
      message: say`field ${inQuotes(field)} holds half of a character (an escape \\uD800 to \\uDFFF alone). Remove it.`,
    };
  return null;
}

/** Two texts that are nearly the same in quotes, from shortly before their first difference on. */
export function quotedPair(first: string, second: string): string {
  let same = 0;
  while (same < first.length && first[same] === second[same]) same++;
  const start = first.lastIndexOf(" ", Math.max(0, same - 12)) + 1;
  const from = same < 25 ? 0 : start;
  const cut = (text: string) => quoted((from > 0 ? "…" : "") + text.slice(from));
  return `${cut(first)} / ${cut(second)}`;
}
