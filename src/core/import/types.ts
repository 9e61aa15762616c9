import type { Problem } from "../data";

/** What stands in one field: a text (numbers and truth values as they are written), several texts, or nothing. */
export type Cell = string | readonly string[] | null;

/** One text with all that stands beside it. `line` counts from 1; in a spreadsheet it is the row, in a folder the file. */
export interface Row {
  line: number;
  cells: ReadonlyMap<string, Cell>;
}

export type ReadItem = { type: "row"; row: Row } | { type: "problem"; problem: Problem };

export const formats = ["csv", "json", "jsonl", "xlsx", "parquet", "text", "folder"] as const;
/** `csv` is any text with a delimiter, `text` a text a line, `folder` a file for each text. */
export type Format = (typeof formats)[number];

export const encodings = [
  "utf-8",
  "utf-16le",
  "utf-16be",
  "windows-1251",
  "windows-1252",
  "iso-8859-1",
] as const;
export type Encoding = (typeof encodings)[number];

/** The program that a file was exported from, where its shape tells. */
export type Tool = "prodigy" | "label-studio" | "doccano" | "argilla";

/** How a file is to be read. What is left out is found out from the file. */
export interface ReadChoices {
  format?: Format;
  encoding?: Encoding;
  /** Of a `csv`: one character. */
  delimiter?: string;
  /** Whether the first row (below any title lines) names the columns. */
  header?: boolean;
  /** Name of a spreadsheet's page. */
  sheet?: string;
  /** Null: as it stands, whatever program it looks like. */
  tool?: Tool | null;
}

/** What making a task is at: the file's rows, the draw of the test part, the new files. */
export type ImportPhase = "reading" | "drawing" | "writing";

export interface ImportProgress {
  phase: ImportPhase;
  /** In bytes, or in files of a folder, while reading; else a share of a total of 1. */
  done: number;
  total: number;
  /** Rows read so far. */
  rows: number;
}

export interface ReadHooks {
  signal?: AbortSignal;
  /** Called a few times a second at most. */
  onProgress?: (progress: ImportProgress) => void;
}

/** A row or record as it stands in the file, before columns have names. */
export interface RawItem {
  line: number;
  /** Cells of a table, or a record with named fields. */
  value: readonly Cell[] | Readonly<Record<string, unknown>> | null;
  /** What is wrong there; with a null value the row could not be read. */
  faults?: readonly Fault[];
}

export interface Fault {
  line: number | null;
  severity: Problem["severity"];
  code: string;
  message: string;
}

/** Rows are handed on in batches: one at a time costs more than reading them. */
export type RawBatches = AsyncGenerator<RawItem[], void, void>;

/** Called with what has been read so far; throws where reading has to stop. */
export type Tick = (done: number) => void;
