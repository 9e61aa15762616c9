import { isUtf8 } from "node:buffer";
import { open, readFile, realpath, stat } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { PlumbError } from "../errors";
import { writeFileAtomic } from "../files";
import { isFault, scanObject, type Member } from "./json-scan";
import { quoted, shownPath } from "./problem";
import { cannotRead, expectFile } from "./read";
import { say } from "../say";
import { systemReason } from "../system-error";

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** New values of fields; undefined removes the field. */
export type FieldChanges = Readonly<Record<string, JsonValue | undefined>>;

/** What to change in one line of an examples file. */
export interface LineChange {
  /** From 1. */
  line: number;
  /** Id of the example that is expected there: a line that holds another one is never touched. */
  id: string;
  set: FieldChanges;
}

/**
 * Changes fields of the JSON object that a line holds. Only the values asked for change: every other character, unknown
 * fields, their order and the white space stay as they are. A field that already has the value is left alone; of a field
 * that stands twice the last one counts, as JSON.parse has it, and removing removes both.
 * @throws {PlumbError} code "not-json" where the line holds no object.
 */
export function spliceFields(line: string, changes: FieldChanges): string {
  let text = line;
  for (const [key, value] of Object.entries(changes)) text = spliceField(text, key, value);
  return text;
}

function spliceField(text: string, key: string, value: JsonValue | undefined): string {
  const scanned = scanObject(text);
  if (isFault(scanned)) {
    throw new PlumbError("not-json", say`not JSON: found ${scanned.found}, expected ${scanned.expected}.`);
  }
  const { members, start } = scanned;
  if (value === undefined) return cutMembers(text, members, (member) => member.key === key);
  const counting = members.findLast((member) => member.key === key);
  const written = JSON.stringify(value);
  if (counting !== undefined) {
    const old: unknown = JSON.parse(text.slice(counting.valueStart, counting.valueEnd));
    if (isDeepStrictEqual(old, value)) return text;
    return text.slice(0, counting.valueStart) + written + text.slice(counting.valueEnd);
  }
  // A new field comes last and is spaced like the one before it.
  const last = members[members.length - 1];
  if (last === undefined)
    return `${text.slice(0, start + 1)}${JSON.stringify(key)}: ${written}${text.slice(start + 1)}`;
  const before = members[members.length - 2];
  const colon = text.slice(last.keyEnd, last.valueStart);
  const comma =
    before === undefined ? (colon === ":" ? "," : ", ") : text.slice(before.valueEnd, last.keyStart);
  return (
    text.slice(0, last.valueEnd) + comma + JSON.stringify(key) + colon + written + text.slice(last.valueEnd)
  );
}

/**
 * Cuts members out, each with one comma: from the end of the member that stays before them, or where none does, up to
 * the start of the one that stays behind them.
 */
function cutMembers(text: string, members: readonly Member[], unwanted: (member: Member) => boolean): string {
  let result = "";
  let from = 0;
  for (let first = 0; first < members.length; first++) {
    if (!unwanted(members[first]!)) continue;
    let last = first;
    while (last + 1 < members.length && unwanted(members[last + 1]!)) last++;
    const before = members[first - 1];
    result += text.slice(from, before?.valueEnd ?? members[first]!.keyStart);
    from =
      before === undefined
        ? (members[last + 1]?.keyStart ?? members[last]!.valueEnd)
        : members[last]!.valueEnd;
    first = last;
  }
  return result + text.slice(from);
}

/**
 * Changes fields in lines of an examples file. All other bytes of the file stay: other lines, line ends, a byte-order
 * mark, a missing last line end. Either all changes are written or none; where nothing changes, the file is not touched.
 * @returns how many lines have changed.
 * @throws {PlumbError} where a line holds another example than expected (the file was changed by someone else) or the
 *   file cannot be read or written.
 */
export async function rewriteExamples(file: string, changes: readonly LineChange[]): Promise<number> {
  await expectFile(file, "examples file");
  let bytes: Buffer;
  let before;
  let target: string;
  try {
    // A link is followed: renaming onto it would put a file in its place.
    target = await realpath(file);
    before = await stat(target);
    bytes = await readFile(target);
  } catch (error) {
    throw cannotRead(file, error);
  }

  const byLine = new Map<number, LineChange[]>();
  for (const change of changes) byLine.set(change.line, [...(byLine.get(change.line) ?? []), change]);
  const parts: Buffer[] = [];
  let changed = 0;
  let line = 1;
  for (let from = 0; from < bytes.length; line++) {
    const found = bytes.indexOf(10, from);
    const next = found < 0 ? bytes.length : found + 1;
    const raw = bytes.subarray(from, next);
    from = next;
    const wanted = byLine.get(line);
    if (wanted === undefined) {
      parts.push(raw);
      continue;
    }
    byLine.delete(line);
    const fail = (found: string) => {
      throw new PlumbError(
        "line-moved",
        say`${shownPath(file)}, line ${line}: expected example ${quoted(wanted[0]?.id ?? "")}, found ${found}. The file was changed meanwhile; load it again. Nothing was written.`,
      );
    };
    if (!isUtf8(raw)) fail(say`a line that is not UTF-8`);
    const text = raw.toString("utf8");
    let id: string | null;
    try {
      id = idOf(text);
    } catch {
      return fail(say`a line that is not JSON`);
    }
    for (const change of wanted)
      if (change.id !== id) fail(id === null ? say`one without id` : say`example ${quoted(id)}`);
    const spliced = wanted.reduce((rest, change) => spliceFields(rest, change.set), text);
    if (spliced === text) {
      parts.push(raw);
    } else {
      parts.push(Buffer.from(spliced, "utf8"));
      changed++;
    }
  }
  const missing = [...byLine.values()][0]?.[0];
  if (missing !== undefined) {
    throw new PlumbError(
      "line-moved",
      say`${shownPath(file)}: there is no line ${missing.line} (expected example ${quoted(missing.id)}). The file was changed meanwhile; load it again. Nothing was written.`,
    );
  }
  if (changed === 0) return 0;

  try {
    // Renaming would also replace a file that may not be written.
    await (await open(target, "r+")).close();
    const now = await stat(target);
    if (now.mtimeMs !== before.mtimeMs || now.size !== before.size) {
      throw new PlumbError(
        "file-changed",
        say`${shownPath(file)} was changed by another program meanwhile. Load it again. Nothing was written.`,
      );
    }
    await writeFileAtomic(target, Buffer.concat(parts), before.mode & 0o7777);
  } catch (error) {
    throw cannotWrite(file, error);
  }
  return changed;
}

/** Id of the example in a line, as the reader would name it; null where it has none. */
function idOf(line: string): string | null {
  const value = JSON.parse(line.replace(/^\ufeff+/, "")) as { id?: unknown } | null;
  const id = value?.id;
  return typeof id === "string" ? id : typeof id === "number" ? String(id) : null;
}

function cannotWrite(file: string, error: unknown): PlumbError {
  if (error instanceof PlumbError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === undefined) throw error;
  const reason =
    code === "EACCES" || code === "EPERM"
      ? say`no permission to write it or its folder`
      : systemReason(error);
  return new PlumbError(
    "cannot-write",
    say`Cannot write ${shownPath(file)}: ${reason}. The file is unchanged.`,
    { cause: error },
  );
}
