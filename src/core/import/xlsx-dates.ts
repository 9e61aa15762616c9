import { importError } from "./problems";
import { parse, partOf, type Book } from "./workbook";
import { say } from "../say";

/** Excel writes at most 64,000 formats of cells. */
const mostStyles = 1_000_000;
/** The formats that every spreadsheet program knows by number (ECMA-376, part 1, 18.8.30), those of East Asia among them. */
const dateFormats = new Set([14, 15, 16, 17, 18, 19, 20, 21, 22, ...range(27, 36), ...range(50, 58)]);
/** 9999-12-31, the last day of spreadsheets. */
const lastDay = 2_958_465;
const day = 86_400_000;

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

/** Numbers of the formats of cells (a cell's attribute `s`) that show a number as a date or a time of the day. */
export async function dateStyles(file: string, book: Book): Promise<ReadonlySet<number>> {
  const found = new Set<number>();
  const name = [...book.entries.keys()].find((key) => /^xl\/styles\.xml$/i.test(key));
  if (name === undefined) return found;
  const own = new Map<number, boolean>();
  let ofCells = false;
  let count = 0;
  await parse(file, book, partOf(file, book, name), {
    open: (tag, attributes) => {
      if (tag === "cellXfs") ofCells = true;
      else if (tag === "numFmt") {
        const { numFmtId, formatCode = "" } = attributes();
        own.set(Number(numFmtId), showsDate(formatCode));
      } else if (tag === "xf" && ofCells) {
        const format = Number(attributes().numFmtId ?? 0);
        if (own.get(format) ?? dateFormats.has(format)) found.add(count);
        count++;
      } else return;
      if (count > mostStyles || own.size > mostStyles)
        throw importError(
          file,
          "damaged",
          say`the spreadsheet is damaged: it has more than ${mostStyles} formats of cells.`,
        );
    },
    close: (tag) => {
      if (tag === "cellXfs") ofCells = false;
    },
  });
  return found;
}

/**
 * Whether a format's code, e.g. `dd.mm.yyyy;@`, shows a date or a time. Quoted text, colours and currencies say nothing; lengths of time
 * (`[h]:mm`, `mm:ss`) are numbers.
 */
export function showsDate(code: string): boolean {
  const [first = ""] = code.replace(/"[^"]*"?|\\.|[_*]./g, "").split(";");
  if (/\[(h+|m+|s+)\]/i.test(first)) return false;
  const letters = first.replace(/\[[^\]]*\]?/g, "").replace(/general/i, "");
  return (
    /[yd]/i.test(letters) || (/h/i.test(letters) && /m/i.test(letters)) || /^[^0#?]*m{3,}/i.test(letters)
  );
}

/**
 * The date, the time of the day or both that a spreadsheet's number stands for, as ISO 8601 writes them; null where it is none.
 * Days are counted from 1900-01-01 = 1 as if 1900 had a leap day, or from 1904-01-01 = 0.
 */
export function dateOf(value: string, from1904: boolean): string | null {
  const number = Number(value);
  if (value.trim() === "" || !(number >= 0 && number < lastDay + 1)) return null;
  const milliseconds = Math.round((number * day) / 1000) * 1000;
  if (milliseconds < day) return new Date(milliseconds).toISOString().slice(11, 19);
  const days = Math.floor(milliseconds / day);
  if (days === 60 && !from1904) return null; // the leap day that never was
  const start = from1904 ? Date.UTC(1904, 0, 1) : Date.UTC(1899, 11, days < 60 ? 31 : 30);
  return new Date(start + milliseconds).toISOString().replace(/(T00:00:00)?\.000Z$/, "");
}
