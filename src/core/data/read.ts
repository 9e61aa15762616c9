import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { PlumbError } from "../errors";
import { packerOf } from "../packed";
import { Example } from "../schema";
import { isFault, scanObject } from "./json-scan";
import { describeIssue } from "./issue";
import { brokenCharacter, quoted, shownPath, type Problem } from "./problem";
import { counted, say } from "../say";
import { systemReason } from "../system-error";

/** An example and where it stands. `line` counts from 1. */
export interface LoadedExample extends Example {
  file: string;
  line: number;
}

export interface ReadResult {
  /** Those lines that are examples, in the order of the file. */
  examples: LoadedExample[];
  problems: Problem[];
  /** Lines that hold something, readable or not. */
  lines: number;
}

/** A line longer than this is reported and left out: it is not a text but another kind of file. */
const longestLine = 64 * 1024 * 1024;

/** Fields that may be missing: `null` in them means the same as leaving them out. */
const optionalFields = Object.entries(Example.shape)
  .filter(([, type]) => type.safeParse(undefined).success)
  .map(([name]) => name);

/**
 * Reads a JSON Lines file of examples. A line that is not an example becomes a problem with file, line, what was found
 * and what was expected; all others load. UTF-8 with or without byte-order mark, lines end in \n or \r\n, blank lines
 * are passed over, the last line need not end.
 * @throws {PlumbError} where there is no such file, or it cannot be read as one.
 */
export async function readExamples(file: string): Promise<ReadResult> {
  await expectFile(file, "examples file");
  const result: ReadResult = { examples: [], problems: [], lines: 0 };
  let spread = false;
  try {
    await eachLine(createReadStream(file, { highWaterMark: 1 << 20 }), (bytes, line) => {
      const problem = (code: string, message: string, field?: string) => {
        const severity = code === "field-twice" ? "warning" : "error";
        result.problems.push({
          file,
          line,
          severity,
          code,
          message,
          ...(field === undefined ? {} : { field }),
        });
      };
      if (bytes === null) {
        result.lines++;
        problem(
          "line-too-long",
          say`the line is longer than ${longestLine >> 20} MiB; one line holds one text.`,
        );
        return;
      }
      const text = decodeLine(bytes, line === 1, problem);
      if (text === null) {
        result.lines++;
        return;
      }
      if (text.trim() === "") return;
      result.lines++;
      if (result.lines === 1) spread = goesOn(text);
      const example = parseExample(text, problem);
      if (example !== null) result.examples.push({ ...example, file, line });
    });
  } catch (error) {
    throw cannotRead(file, error);
  }
  explainWrongFormat(file, result, spread);
  return result;
}

type Report = (code: string, message: string, field?: string) => void;

/** Text of a line without its end and without a byte-order mark; null where the bytes are no text. */
function decodeLine(bytes: Buffer, first: boolean, report: Report): string | null {
  if (bytes.length > 0 && bytes[bytes.length - 1] === 0x0d) bytes = bytes.subarray(0, -1);
  if (first && bytes.length > 1) {
    const encoding = wideEncoding(bytes);
    if (encoding !== null) {
      report("wrong-encoding", say`the file is in ${encoding}. Save it as UTF-8.`);
      return null;
    }
    const begins = (hex: string) => bytes.subarray(0, hex.length / 2).toString("hex") === hex;
    const table = ["504b", "50415231", "d0cf11e0"].some(begins); // a ZIP archive (.xlsx), Parquet, an old .xls
    if (table || packerOf(bytes) !== null) {
      report(
        "not-jsonl",
        say`this is a packed file (a spreadsheet or an archive), not JSON Lines. Make a new task of it (New Task, or plumb import).`,
      );
      return null;
    }
  }
  const zero = bytes.indexOf(0);
  if (zero >= 0) {
    report(
      "nul-byte",
      say`a NUL byte at byte ${zero + 1}. The file is damaged, or was not saved as UTF-8. Save it as UTF-8 or remove the byte.`,
    );
    return null;
  }
  if (!isUtf8(bytes)) {
    const at = firstInvalidByte(bytes);
    const byte = (bytes[at] ?? 0).toString(16).toUpperCase().padStart(2, "0");
    report("not-utf8", say`byte ${at + 1} (0x${byte}) is not UTF-8. Save the file as UTF-8.`);
    return null;
  }
  const text = bytes.toString("utf8");
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** An encoding of two or four bytes to a character, by a file's first line; null where it speaks for none. */
function wideEncoding(bytes: Buffer): string | null {
  const mark = bytes.subarray(0, 4).toString("hex");
  const zeros = [...bytes.subarray(0, 4)].map((byte) => byte === 0);
  if (mark === "fffe0000" || mark === "0000feff" || zeros.filter(Boolean).length === 3) return "UTF-32";
  return mark.startsWith("fffe") || mark.startsWith("feff") || zeros[0] !== zeros[1] ? "UTF-16" : null;
}

/**
 * The example that a line holds; null, with a report, where it holds none. What is wrong with one field only
 * is told by field.
 */
export function parseExample(text: string, report: Report): Example | null {
  const scanned = scanObject(text);
  if (isFault(scanned)) {
    if (/\}\r+[ \t]*\{/.test(text.slice(0, scanned.at + 1))) {
      report(
        "line-ends",
        say`lines end in a carriage return (\\r) alone. Save the file with line ends \\n or \\r\\n.`,
      );
      return null;
    }
    const column = Array.from(text.slice(0, scanned.at)).length + 1;
    report(
      "not-json",
      say`not JSON at column ${column}: found ${scanned.found}, expected ${scanned.expected}.`,
    );
    return null;
  }
  const value = JSON.parse(text.slice(scanned.start, scanned.end + 1)) as Record<string, unknown>;
  const seen = new Set<string>();
  for (const { key } of scanned.members) {
    if (seen.has(key))
      report("field-twice", say`field ${quoted(key)} stands twice; the last one counts. Remove one.`, key);
    seen.add(key);
  }
  return exampleOf(value, report);
}

/**
 * As `parseExample`, in about half the time where the line is an example, but silent about a field that stands twice: for
 * whoever reads a whole file while a person waits.
 */
export function parseExampleSoon(text: string, report: Report): Example | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return parseExample(text, report); // which says why
  }
  // Of brackets in brackets it takes fewer than JSON.parse.
  const flat = isObject(value) && Object.values(value).every((field) => !isNested(field));
  return flat ? exampleOf(value as Record<string, unknown>, report) : parseExample(text, report);
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isNested = (field: unknown) =>
  isObject(field) || (Array.isArray(field) && field.some((item) => typeof item === "object"));

function exampleOf(value: Record<string, unknown>, report: Report): Example | null {
  if (typeof value.id === "number" && Number.isSafeInteger(value.id)) value.id = String(value.id);
  for (const field of optionalFields) if (value[field] === null) Reflect.deleteProperty(value, field);
  const parsed = Example.safeParse(value);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const { field, message } = describeIssue(issue, value);
      report("wrong-field", message, field);
    }
    return null;
  }
  const example = parsed.data;
  if (example.text.trim() === "") {
    report("wrong-field", say`field "text" holds nothing but white space.`, "text");
    return null;
  }
  for (const field of ["id", "text", "target"] as const) {
    const broken = brokenCharacter(field, example[field] ?? "");
    if (broken === null) continue;
    report(broken.code, broken.message, field);
    return null;
  }
  return example;
}

/** Whether a line is the beginning of a list, or of an object that does not end on it. */
function goesOn(line: string): boolean {
  const scanned = scanObject(line);
  return isFault(scanned) && (line[scanned.at] === "[" || scanned.at >= line.trimEnd().length);
}

/**
 * Where no line at all is an example, one sentence about the file helps more than one for each line.
 * @param spread The first line is the beginning of something longer.
 */
function explainWrongFormat(file: string, result: ReadResult, spread: boolean): void {
  const first = result.problems[0];
  if (result.examples.length > 0 || result.lines < 2 || first === undefined) return;
  // Told by the file's first bytes: all lines are wrong for the same reason.
  if (first.code === "wrong-encoding" || first.code === "not-jsonl") result.problems = [first];
  if (result.problems.some((problem) => problem.code !== "not-json")) return;
  const line = first.line ?? 1;
  result.problems = [
    {
      file,
      line,
      severity: "error",
      code: "not-jsonl",
      message: spread
        ? say`not JSON Lines: the file looks like one JSON document spread over ${counted(result.lines, "line", "lines")}. Write one object on each line, without a list around them and without commas between them.`
        : say`not JSON Lines: none of ${counted(result.lines, "line", "lines")} is a JSON object. Expected lines such as {"id": "1", "text": "…"}. First fault: ${first.message}`,
    },
  ];
}

/** Calls back for every line, without its \n; null for a line that is too long to be one. */
async function eachLine(
  chunks: AsyncIterable<Buffer>,
  call: (bytes: Buffer | null, line: number) => void,
): Promise<void> {
  let rest: Buffer[] = [];
  let restLength = 0;
  let line = 1;
  let tooLong = false;
  const finish = (last: Buffer) => {
    if (tooLong) call(null, line);
    else call(rest.length === 0 ? last : Buffer.concat([...rest, last]), line);
    rest = [];
    restLength = 0;
    tooLong = false;
    line++;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      finish(chunk.subarray(from, end));
      from = end + 1;
    }
    if (from < chunk.length && !tooLong) {
      rest.push(chunk.subarray(from));
      restLength += chunk.length - from;
      if (restLength > longestLine) {
        tooLong = true;
        rest = [];
      }
    }
  }
  if (tooLong || restLength > 0) finish(Buffer.alloc(0));
}

/** Offset where the first character that is not well-formed UTF-8 begins. */
function firstInvalidByte(bytes: Buffer): number {
  let low = 0;
  let high = bytes.length;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  // Decoding a prefix as a stream fails exactly where it holds an invalid byte: an unfinished character may still end.
  const valid = (end: number) => {
    try {
      decoder.decode(bytes.subarray(0, end), { stream: true });
      return true;
    } catch {
      return false;
    } finally {
      try {
        decoder.decode();
      } catch {
        // Resets the decoder: an unfinished character is no fault of the prefix.
      }
    }
  };
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (valid(middle)) low = middle;
    else high = middle - 1;
  }
  // A character that begins well and goes on wrongly is at fault from its beginning.
  while (low > 0 && !isUtf8(bytes.subarray(0, low))) low--;
  return Math.min(low, bytes.length - 1);
}

/** Throws, in a sentence, unless `file` is a file that can be read. `what` names its part in the task. */
export async function expectFile(file: string, what: "task file" | "examples file"): Promise<void> {
  const part = () => (what === "task file" ? say`task file` : say`examples file`);
  try {
    const found = await stat(file);
    if (found.isDirectory()) {
      throw new PlumbError(
        "is-folder",
        say`${shownPath(file)} is a folder, not a file. Name the ${part()} in it.${await offer(file, what)}`,
      );
    }
    if (!found.isFile())
      throw new PlumbError("not-a-file", say`${shownPath(file)} is not a regular file. Name the ${part()}.`);
  } catch (error) {
    if (error instanceof PlumbError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      throw new PlumbError(
        "no-such-file",
        say`There is no ${part()} ${shownPath(file)}. Check the path.${await offer(path.dirname(file), what)}`,
      );
    }
    throw cannotRead(file, error);
  }
}

/** What a folder has of the files wanted, as the end of an error message. */
async function offer(folder: string, what: "task file" | "examples file"): Promise<string> {
  const [ending, title] =
    what === "task file" ? [".plumb.json", say`Task files there`] : [".jsonl", say`JSON Lines there`];
  const names = await filesIn(folder, ending);
  if (names.length === 0) return "";
  return ` ${title}: ${names.slice(0, mostOffered).join(", ")}${names.length > mostOffered ? ", …" : ""}.`;
}

/** Files that are named where another one is missing. */
export const mostOffered = 3;

/** Names of a folder's files with an ending; none where it cannot be read. */
export const filesIn = async (folder: string, ending: string): Promise<string[]> =>
  (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(ending)).sort();

/** Errors of the file system as clauses. */
const unreadable = (): Readonly<Record<string, string>> => ({
  EACCES: say`no permission to read it. Change the file's permissions`,
  EPERM: say`no permission to read it. Change the file's permissions`,
  ENOTDIR: say`a part of its path is a file and not a folder. Check the path`,
  EISDIR: say`it is a folder, not a file. Name a file`,
  EMFILE: say`too many files are open. Close some programs`,
  ELOOP: say`its symbolic links go in a circle. Correct them`,
  ENAMETOOLONG: say`its name is longer than a name can be. Check the path`,
});

/** What the file system says about reading a file, as a sentence. */
export function cannotRead(file: string, error: unknown): PlumbError {
  if (error instanceof PlumbError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  // Not from the file system: a fault of the program must not pass for one of the file.
  if (code === undefined) throw error;
  const reason = unreadable()[code] ?? systemReason(error);
  return new PlumbError("cannot-read", say`Cannot read ${shownPath(file)}: ${reason}.`, { cause: error });
}
