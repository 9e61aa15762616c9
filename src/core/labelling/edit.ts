import { answerField, spliceFields, type FieldChanges } from "../data";
import type { TaskKind } from "../schema";

/** Characters `start` to `end` of a line become `text`. Offsets count UTF-16 code units. */
export interface LineEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** What a person can do to an example. */
export type LabelAction =
  /** null takes the answer away. */
  | { readonly type: "answer"; readonly answer: string | readonly string[] | null }
  | { readonly type: "skip"; readonly skipped: boolean }
  | { readonly type: "note"; readonly note: string }
  /** It is of the test part from now on. */
  | { readonly type: "test" };

/**
 * The smallest edit of an example's line that carries an action out, or null where nothing is to be changed. An answer
 * takes an example back that was set aside.
 * @throws {PlumbError} code "not-json" where the line holds no object.
 */
export function editLine(line: string, action: LabelAction, kind: TaskKind): LineEdit | null {
  return difference(line, spliceFields(line, fieldsOf(action, kind)));
}

/** Where a line lies with its end, so that the others keep every byte: from its first character to `end` in line `to`. */
export function wholeLine(
  line: number,
  lines: { readonly lineCount: number; lineAt(line: number): string },
): { readonly to: number; readonly end: number } {
  return line + 1 < lines.lineCount ? { to: line + 1, end: 0 } : { to: line, end: lines.lineAt(line).length };
}

function fieldsOf(action: LabelAction, kind: TaskKind): FieldChanges {
  switch (action.type) {
    case "answer": {
      const { answer } = action;
      const value = answer === null ? undefined : typeof answer === "string" ? answer : [...answer];
      return { [answerField[kind]]: value, ...(answer === null ? {} : { status: undefined }) };
    }
    case "skip":
      return { status: action.skipped ? "skipped" : undefined };
    case "note":
      return { note: action.note === "" ? undefined : action.note };
    case "test":
      return { split: "test" };
  }
}

/** From the first to the last character that differ; a pair of surrogates is never cut apart. */
function difference(before: string, after: string): LineEdit | null {
  if (before === after) return null;
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start++;
  if (isHigh(before, start - 1)) start--;
  let tail = 0;
  while (tail < shorter - start && before[before.length - 1 - tail] === after[after.length - 1 - tail])
    tail++;
  if (isLow(before, before.length - tail)) tail--;
  return { start, end: before.length - tail, text: after.slice(start, after.length - tail) };
}

const isHigh = (text: string, at: number) => at >= 0 && (text.charCodeAt(at) & 0xfc00) === 0xd800;
const isLow = (text: string, at: number) => at < text.length && (text.charCodeAt(at) & 0xfc00) === 0xdc00;
