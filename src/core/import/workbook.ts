import type { Readable } from "node:stream";
import { openPromise, type Entry, type ZipFile } from "yauzl";
import { PlumbError } from "../errors";
import { importError } from "./problems";
import { XmlReader, type XmlHandlers } from "./xml";
import { counted, say } from "../say";

/** A spreadsheet unpacks to at most this much a part: more is no table of texts but a trap. */
const largestPart = 1 << 30;
/** What unpacks to more than `smallPart` and so many times its size is one too; a table of equal cells reaches a hundred. */
const mostPacked = 300;
const smallPart = 16 << 20;
const mostEntries = 20_000;

/** An Excel workbook whose parts can be read. */
export interface Book {
  zip: ZipFile;
  entries: Map<string, Entry>;
  sheets: { name: string; part: string; hidden: boolean }[];
  /** Whether days are counted from 1904, as Excel for Macintosh did. */
  from1904: boolean;
}

/** Whoever opens it closes `zip`. */
export async function openBook(file: string): Promise<Book> {
  let zip: ZipFile;
  try {
    zip = await openPromise(file, { lazyEntries: true, autoClose: false });
  } catch (error) {
    throw explained(file, error);
  }
  try {
    if (zip.entryCount > mostEntries)
      throw importError(
        file,
        "too-large",
        say`${counted(zip.entryCount, "file in one spreadsheet is", "files in one spreadsheet are")} too many.`,
      );
    const entries = new Map<string, Entry>();
    for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry);
    const book: Book = { zip, entries, sheets: [], from1904: false };
    if (!entries.has("xl/workbook.xml")) {
      const what = entries.has("word/document.xml")
        ? say`a Word document`
        : entries.has("content.xml")
          ? say`an OpenDocument file`
          : say`an archive`;
      throw importError(
        file,
        "not-a-spreadsheet",
        say`this is ${what}, not an Excel workbook. Save its table as .xlsx or .csv.`,
      );
    }
    const targets = new Map<string, string>();
    if (entries.has("xl/_rels/workbook.xml.rels")) {
      await parse(file, book, partOf(file, book, "xl/_rels/workbook.xml.rels"), {
        open: (name, attributes) => {
          const { Id, Target } = attributes();
          if (name === "Relationship" && Id !== undefined && Target !== undefined) targets.set(Id, Target);
        },
      });
    }
    await parse(file, book, partOf(file, book, "xl/workbook.xml"), {
      open: (tag, attributes) => {
        if (tag === "workbookPr") book.from1904 = /^(1|true)$/i.test(attributes().date1904 ?? "");
        if (tag !== "sheet") return;
        const given = attributes();
        const { name, state } = given;
        if (name === undefined) return;
        const id = Object.entries(given).find(([key]) => key === "r:id" || key.endsWith(":id"))?.[1];
        const target = targets.get(id ?? "") ?? `worksheets/sheet${book.sheets.length + 1}.xml`;
        const part = target.startsWith("/") ? target.slice(1) : `xl/${target}`;
        // A page of a chart has no cells.
        if (!part.includes("worksheets")) return;
        book.sheets.push({
          name,
          part,
          hidden: (state ?? "visible") !== "visible",
        });
      },
    });
    return book;
  } catch (error) {
    zip.close();
    throw explained(file, error);
  }
}

/** A part by its name. @throws {PlumbError} where it is missing or too large to be one. */
export function partOf(file: string, book: Book, name: string): Entry {
  const entry = book.entries.get(name);
  if (entry === undefined)
    throw importError(file, "damaged", say`the spreadsheet is damaged: its part ${name} is missing.`);
  if (entry.uncompressedSize > largestPart)
    throw importError(
      file,
      "too-large",
      say`${name} unpacks to ${Math.round(entry.uncompressedSize / 1048576)} MiB; at most ${largestPart >> 20} are read. Save the table as .csv.`,
    );
  const times = entry.uncompressedSize / Math.max(1, entry.compressedSize);
  if (entry.uncompressedSize > smallPart && times > mostPacked)
    throw importError(
      file,
      "too-large",
      say`${name} unpacks to ${counted(Math.round(times), "time", "times")} its size, which no table of texts does. If you trust the file, save the table as .csv.`,
    );
  return entry;
}

/** Reads a part's XML as a stream; `onPiece` after each piece of it. */
export async function parse(
  file: string,
  book: Book,
  entry: Entry,
  handlers: XmlHandlers,
  onPiece?: () => void,
): Promise<void> {
  for await (const _ of pieces(file, book, entry, handlers)) onPiece?.();
}

/** The share of a part that has been read, after each piece of it. */
export async function* pieces(
  file: string,
  book: Book,
  entry: Entry,
  handlers: XmlHandlers,
): AsyncGenerator<number, void, void> {
  const reader = new XmlReader(handlers);
  const push = (piece: Buffer | null) => {
    const fault = reader.push(piece);
    if (fault === null) return;
    throw importError(file, "damaged", say`the spreadsheet is damaged: ${entry.fileName}: ${fault}.`);
  };
  let done = 0;
  const stream: Readable = await book.zip.openReadStreamPromise(entry);
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      push(chunk);
      done += chunk.length;
      yield done / Math.max(1, entry.uncompressedSize);
    }
    push(null);
    yield 1;
  } finally {
    stream.destroy();
  }
}

/** What a damaged archive makes the libraries say, as a sentence of ours. */
export function explained(file: string, error: unknown): unknown {
  if (error instanceof PlumbError) return error;
  const { message, code } = error as NodeJS.ErrnoException;
  if (code?.startsWith("E") === true && !code.startsWith("ERR_")) return error;
  return importError(
    file,
    "damaged",
    say`the spreadsheet is damaged and cannot be unpacked (${message.replace(/\.$/, "")}). Save it again, or save the table as .csv.`,
    error,
  );
}
