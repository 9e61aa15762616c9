import type { Entry } from "yauzl";
import { PlumbError } from "../errors";
import { importError } from "./problems";
import type { Cell, Fault, RawBatches, RawItem, Tick } from "./types";
import { explained, openBook, parse, partOf, pieces, type Book } from "./workbook";
import { dateOf, dateStyles } from "./xlsx-dates";
import type { XmlHandlers } from "./xml";
import { counted, inQuotes, say } from "../say";

/** Texts that cells share are held in memory. */
const largestShared = 256 << 20;
const mostShared = 5_000_000;
const mostColumns = 16_384;
const batchSize = 500;

/** Names of a spreadsheet's pages, in order, the hidden ones left out. */
export async function sheetsOf(file: string): Promise<string[]> {
  return withBook(file, (book) => Promise.resolve(visible(book).map(({ name }) => name)));
}

/** Rows of a page (the first one by default) as they stand; numbers as they are stored, dates as ISO 8601 writes them. `line` is the row's number. */
export async function* readSheet(file: string, sheet: string | undefined, tick: Tick): RawBatches {
  const book = await openBook(file);
  try {
    const pages = visible(book);
    const page = sheet === undefined ? pages[0] : book.sheets.find(({ name }) => name === sheet);
    if (page === undefined) {
      const there = pages.map(({ name }) => inQuotes(name)).join(", ");
      throw importError(
        file,
        "no-sheet",
        sheet === undefined
          ? say`the spreadsheet has no page to read.`
          : say`there is no page ${inQuotes(sheet)}. There are: ${there}.`,
      );
    }
    tick(0);
    const shared = await sharedTexts(file, book, tick);
    const entry = partOf(file, book, page.part);
    const dates = await dateStyles(file, book).catch((error: unknown) => {
      // A failing disk is one for the rows, too; texts and numbers stand there without any style.
      if (explained(file, error) instanceof PlumbError) return null;
      throw error;
    });
    if (dates === null) yield [{ line: 1, value: null, faults: [withoutStyles()] }];
    yield* rowsOf(file, book, entry, { shared, dates: dates ?? new Set() }, tick);
  } catch (error) {
    throw explained(file, error);
  } finally {
    book.zip.close();
  }
}

const withoutStyles = (): Fault => ({
  line: null,
  severity: "warning",
  code: "damaged",
  message: say`the styles of the spreadsheet cannot be read, so its dates stand as numbers. Open and save the file in a spreadsheet program.`,
});

const visible = ({ sheets }: Book) => {
  const shown = sheets.filter(({ hidden }) => !hidden);
  return shown.length > 0 ? shown : sheets;
};

async function withBook<T>(file: string, use: (book: Book) => Promise<T>): Promise<T> {
  const book = await openBook(file);
  try {
    return await use(book);
  } catch (error) {
    throw explained(file, error);
  } finally {
    book.zip.close();
  }
}

/** The texts that cells refer to by number. */
async function sharedTexts(file: string, book: Book, tick: Tick): Promise<string[]> {
  const name = [...book.entries.keys()].find((key) => /^xl\/sharedStrings\.xml$/i.test(key));
  if (name === undefined) return [];
  const size = book.entries.get(name)?.uncompressedSize ?? 0;
  if (size > largestShared)
    throw importError(
      file,
      "too-large",
      say`the texts of the spreadsheet unpack to ${Math.round(size / 1048576)} MiB; at most ${largestShared >> 20} are read. Save the table as .csv.`,
    );
  const entry = partOf(file, book, name);
  const texts: string[] = [];
  const reader = new TextParts();
  let current = "";
  await parse(
    file,
    book,
    entry,
    {
      open: (tag) => {
        if (tag === "si") current = "";
        reader.open(tag);
      },
      close: (tag) => {
        reader.close(tag);
        if (tag !== "si") return;
        if (texts.length >= mostShared)
          throw importError(
            file,
            "too-large",
            say`the spreadsheet has more than ${counted(mostShared, "text", "texts")}. Save the table as .csv.`,
          );
        texts.push(unescaped(current));
      },
      text: (text) => {
        if (reader.inText) current += text;
      },
    },
    () => tick(0),
  );
  return texts;
}

/** Which texts within a string item are its own: runs, not the reading aids above East Asian characters. */
class TextParts {
  private aids = 0;
  inText = false;

  open(tag: string): void {
    if (tag === "rPh") this.aids++;
    this.inText = tag === "t" && this.aids === 0;
  }

  close(tag: string): void {
    if (tag === "rPh") this.aids--;
    if (tag === "t") this.inText = false;
  }
}

/** What cells refer to by number. */
interface Referred {
  readonly shared: readonly string[];
  /** Formats that show a number as a date. */
  readonly dates: ReadonlySet<number>;
}

async function* rowsOf(
  file: string,
  book: Book,
  entry: Entry,
  { shared, dates }: Referred,
  tick: Tick,
): RawBatches {
  let batch: RawItem[] = [];
  const reader = new TextParts();
  let row = 0;
  let column = 0;
  let cells: Cell[] = [];
  let faults: Fault[] = [];
  let type = "n";
  let style = 0;
  let value = "";
  let inValue = false;
  let formula = false;
  const finishCell = () => {
    if (column > mostColumns)
      throw importError(
        file,
        "damaged",
        say`the spreadsheet is damaged: row ${row} has a cell in column ${column}.`,
      );
    while (cells.length < column - 1) cells.push(null);
    const date = type === "n" && dates.has(style) ? dateOf(value, book.from1904) : null;
    const { cell, fault } = date === null ? cellOf(type, value, formula, shared) : { cell: date };
    if (fault !== undefined)
      faults.push({
        line: row,
        ...fault,
        message: say`the cell ${columnName(column)}${row} ${fault.message}`,
      });
    cells[column - 1] = cell;
  };
  const handlers: XmlHandlers = {
    open: (tag, attributes) => {
      if (tag === "row") {
        const number = Number(attributes().r);
        row = Number.isSafeInteger(number) && number > row ? number : row + 1;
        cells = [];
        faults = [];
        column = 0;
      } else if (tag === "c") {
        const given = attributes();
        const at = columnNumber(given.r ?? "");
        column = at ?? column + 1;
        type = given.t ?? "n";
        style = Number(given.s ?? 0);
        value = "";
        formula = false;
      } else if (tag === "v") inValue = true;
      else if (tag === "f") formula = true;
      reader.open(tag);
    },
    close: (tag) => {
      reader.close(tag);
      if (tag === "v") inValue = false;
      else if (tag === "c") finishCell();
      else if (tag === "row" && (faults.length > 0 || cells.some((cell) => cell !== null && cell !== "")))
        batch.push({ line: row, value: cells, ...(faults.length === 0 ? {} : { faults }) });
    },
    text: (text) => {
      if (inValue || (reader.inText && type === "inlineStr")) value += text;
    },
  };
  for await (const share of pieces(file, book, entry, handlers)) {
    tick(share * book.zip.fileSize);
    if (batch.length < batchSize) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** What a cell of a type holds, and what is wrong with it. */
function cellOf(
  type: string,
  value: string,
  formula: boolean,
  shared: readonly string[],
): { cell: Cell; fault?: Omit<Fault, "line"> } {
  if (value === "") {
    if (!formula || type === "str") return { cell: null };
    const message = say`holds a formula whose result was not saved; it counts as empty. Open and save the file in a spreadsheet program.`;
    return { cell: null, fault: { severity: "warning", code: "no-result", message } };
  }
  switch (type) {
    case "s": {
      const cell = shared[Number(value)];
      if (cell !== undefined) return { cell };
      const message = say`refers to a text that is not there; it counts as empty.`;
      return { cell: null, fault: { severity: "error", code: "damaged", message } };
    }
    case "b":
      return { cell: value === "1" ? "true" : "false" };
    case "e": {
      const message = say`holds the error ${value}; it counts as empty.`;
      return { cell: null, fault: { severity: "warning", code: "formula-error", message } };
    }
    case "n":
      return { cell: plainNumber(value) };
    default:
      return { cell: unescaped(value) };
  }
}

/** `1.0` and `1E2` as people write them; what binary fractions add (0.1 + 0.2) is taken off again. */
function plainNumber(text: string): string {
  const number = Number(text);
  return Number.isFinite(number) && text.trim() !== "" ? String(Number(number.toPrecision(15))) : text;
}

/** Column of a cell such as `BC12`, from 1; null where it is not said. */
function columnNumber(reference: string): number | null {
  const letters = /^\$?([A-Za-z]{1,3})/.exec(reference)?.[1];
  if (letters === undefined) return null;
  return Array.from(letters.toUpperCase()).reduce(
    (number, letter) => number * 26 + letter.charCodeAt(0) - 64,
    0,
  );
}

function columnName(column: number): string {
  let name = "";
  for (let rest = column; rest > 0; rest = Math.floor((rest - 1) / 26))
    name = String.fromCharCode(65 + ((rest - 1) % 26)) + name;
  return name;
}

/** Characters that XML cannot hold are written `_x000D_` (ECMA-376, part 1, 22.9.2.19). */
const unescaped = (text: string) =>
  text.includes("_x")
    ? text
        .replace(/_x([0-9A-Fa-f]{4})_/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
        .replace(/\r\n/g, "\n")
    : text;
