import { open, stat } from "node:fs/promises";
import path from "node:path";
import { shownPath } from "../data";
import { cannotRead } from "../data/read";
import { PlumbError } from "../errors";
import { packerOf } from "../packed";
import { DelimitedReader, type Dialect } from "./csv";
import { chunksOf, detectEncoding, textOf } from "./encoding";
import { roleOf } from "./names";
import { importError } from "./problems";
import { sheetsOf } from "./xlsx";
import type { Encoding, Format, ReadChoices, Tick } from "./types";
import { say } from "../say";

/** How a file is read: what was chosen, and for the rest what the file speaks for. */
export interface Plan {
  format: Format;
  /** Null where the format has its own. */
  encoding: Encoding | null;
  /** Of a `csv`. */
  dialect: Dialect | null;
  sheet: string | null;
  sheets: string[];
  /** In bytes, or files of a folder. */
  size: number;
}

/** This much text tells how a file is laid out. */
const headSize = 256 * 1024;
const delimiters = [",", ";", "\t", "|", "^"];

/** @throws {PlumbError} where the file is not there or is of a kind that is not read. */
export async function planOf(file: string, choices: ReadChoices, tick: Tick): Promise<Plan> {
  const { isFolder, size, start } = await look(file);
  const format = choices.format;
  const plan: Plan = {
    format: format ?? "text",
    encoding: null,
    dialect: null,
    sheet: null,
    sheets: [],
    size,
  };
  if (isFolder) return { ...plan, format: "folder", encoding: choices.encoding ?? null };
  if (format === "folder") throw importError(file, "not-a-folder", say`this is a file, not a folder.`);
  const packed = packedFormat(file, start);
  if (format === "parquet" || packed === "parquet") return { ...plan, format: "parquet" };
  if (format === "xlsx" || packed === "xlsx") {
    const sheets = await sheetsOf(file);
    return { ...plan, format: "xlsx", sheets, sheet: choices.sheet ?? sheets[0] ?? null };
  }
  if (size === 0) throw importError(file, "empty-file", say`the file is empty.`);
  if (format === undefined) expectWhatItsNameSays(file);
  const encoding = choices.encoding ?? (await detectEncoding(chunksOf(file, tick)));
  const head = await headOf(file, encoding);
  if (head.text.trim() === "")
    throw importError(file, "empty-file", say`the file holds nothing but white space.`);
  if (format === undefined && choices.encoding === undefined) expectText(file, head);
  plan.encoding = encoding;
  plan.format = format ?? textFormat(file, head);
  if (plan.format === "csv") {
    plan.dialect = sniff(head, choices.delimiter).dialect;
  }
  return plan;
}

async function look(file: string): Promise<{ isFolder: boolean; size: number; start: Buffer }> {
  try {
    const found = await stat(file);
    if (found.isDirectory()) return { isFolder: true, size: 0, start: Buffer.alloc(0) };
    if (!found.isFile()) throw importError(file, "not-a-file", say`this is not a regular file.`);
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(16), 0, 16, 0);
      return { isFolder: false, size: found.size, start: buffer.subarray(0, bytesRead) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      throw new PlumbError("no-such-file", say`There is no file ${shownPath(file)}. Check the path.`);
    throw cannotRead(file, error);
  }
}

/** The format of a file that is no text; refuses those that are not read, each with the way out. */
function packedFormat(file: string, start: Buffer): "xlsx" | "parquet" | null {
  const begins = (hex: string) => start.subarray(0, hex.length / 2).toString("hex") === hex;
  if (begins("504b0304")) return "xlsx";
  if (begins("50415231")) return "parquet";
  const refuse = (what: string, way: string) => {
    throw importError(file, "unknown-format", say`this is ${what}, which is not read. ${way}`);
  };
  if (begins("d0cf11e0"))
    refuse(
      say`an Excel file of the old kind (.xls) or one with a password`,
      say`Save it as .xlsx without a password.`,
    );
  const packer = packerOf(start);
  if (packer !== null) refuse(say`a packed file (${packer})`, say`Unpack it first.`);
  if (begins("25504446")) refuse(say`a PDF`, say`Save its texts as .txt or .csv.`);
  if (begins("53514c69746520")) refuse(say`a SQLite database`, say`Export the table as .csv.`);
  if (begins("4152524f5731")) refuse(say`an Arrow file`, say`Write it as Parquet or .csv.`);
  if (begins("7b5c727466")) refuse(say`a Rich Text file`, say`Save it as plain text.`);
  return null;
}

/** Names of files whose content is known by its first bytes, and these were others. */
const packedNames = (): Partial<Record<string, string>> => ({
  ".xlsx": say`an Excel workbook`,
  ".xlsm": say`an Excel workbook`,
  ".xls": say`an Excel workbook`,
  ".ods": say`an OpenDocument table`,
  ".parquet": say`a Parquet file`,
});

function expectWhatItsNameSays(file: string): void {
  const ending = path.extname(file).toLowerCase();
  const what = packedNames()[ending];
  if (what === undefined) return;
  throw importError(
    file,
    "damaged",
    say`its name ends in ${ending}, but it is not ${what}: it is damaged or has been given a wrong name. Save or download the table again, or save it as .csv. If it holds plain text, name its format.`,
  );
}

/** More of it than this share are characters that no text has. */
const strangeShare = 0.02;

/** Refuses a picture, a program or the like, whatever its name. */
function expectText(file: string, { text }: Head): void {
  // eslint-disable-next-line no-control-regex -- what is looked for
  const strange = text.match(/[\0-\x08\x0e-\x1f]/g)?.length ?? 0;
  if (strange <= strangeShare * text.length) return;
  throw importError(
    file,
    "unknown-format",
    say`this is no text: it is full of characters that no text has. It is of another kind than its name says, or damaged. If it does hold text, name its format.`,
  );
}

interface Head {
  text: string;
  /** Whether that is all. */
  whole: boolean;
}

async function headOf(file: string, encoding: Encoding): Promise<Head> {
  let text = "";
  for await (const piece of textOf(
    chunksOf(file, () => undefined),
    encoding,
  )) {
    text += piece;
    if (text.length > headSize) return { text: text.slice(0, headSize), whole: false };
  }
  return { text, whole: true };
}

function textFormat(file: string, head: Head): Format {
  const ending = path.extname(file).toLowerCase();
  if ([".jsonl", ".ndjson", ".jsonlines"].includes(ending)) return "jsonl";
  if ([".csv", ".tsv", ".tab"].includes(ending)) return "csv";
  const start = head.text.trimStart();
  if (/^[[{]/.test(start)) {
    const lines = start.split(/\r?\n/).filter((line) => line.trim() !== "");
    const [first, second] = lines;
    const alone = first !== undefined && (lines.length > 1 || head.whole) && isJson(first);
    if (alone && second !== undefined && /^\s*[[{]/.test(second)) return "jsonl";
    // One object on one line: an example by itself, unless it holds a list of objects or columns by number (pandas).
    const holds = /:\s*\[\s*[[{]/.test(start) || /^\{\s*"[^"]*"\s*:\s*\{\s*"0"\s*:/.test(start);
    if (alone && second === undefined && start.startsWith("{") && !holds) return "jsonl";
    if (ending === ".json" || /^(\[\s*(\{|\[|"|\])|\{\s*("|\}))/.test(start))
      return first !== undefined && !alone && lines.length > 1 && /^\{.*\}\s*$/.test(first)
        ? "jsonl"
        : "json";
  }
  if (ending === ".json") return "json";
  const { dialect, share, named } = sniff(head);
  if (share < 0.9) return "text";
  return named || dialect.delimiter === "\t" ? "csv" : "text";
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The delimiter by which most rows have the same number of values, two or more. `share` is how many. */
function sniff(head: Head, given?: string): { dialect: Dialect; share: number; named: boolean } {
  const backslash = /[^\\]\\"/.test(head.text) && !/[^,;\t|^"\n]""[^,;\t|^"\r\n]/.test(head.text);
  const excel = /^sep=(.)\r?\n/i.exec(head.text)?.[1];
  const fixed = given ?? excel;
  let best = { dialect: { delimiter: fixed ?? "", backslash }, share: 0, named: false };
  if (fixed !== undefined) return best;
  let bestScore = 0;
  let unused: string | null = null;
  for (const delimiter of delimiters) {
    const dialect = { delimiter, backslash };
    const rows = new DelimitedReader(dialect).push(head.text, head.whole);
    const tables = rows.flatMap(({ value }) => (Array.isArray(value) ? [value] : []));
    const widths = new Map<number, number>();
    for (const { length } of tables) widths.set(length, (widths.get(length) ?? 0) + 1);
    if (![...widths.keys()].some((width) => width > 1)) unused ??= delimiter;
    const faulty = rows.filter(({ faults }) => faults !== undefined).length / Math.max(1, rows.length);
    for (const [width, count] of widths) {
      if (width < 2) continue;
      const share = count / tables.length;
      const score = share * share * (1 + 0.1 * Math.log2(width)) - faulty / 2;
      if (score <= bestScore || share < 0.4) continue;
      bestScore = score;
      const first = tables.find(({ length }) => length === width) ?? [];
      const named = first.some((cell) => typeof cell === "string" && roleOf(cell).some(({ full }) => full));
      best = { dialect, share, named };
    }
  }
  if (best.share === 0) best.dialect.delimiter = unused ?? "\t";
  return best;
}
