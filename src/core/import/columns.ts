import type { Cell, Row } from "./types";

/** Different values of a column that are counted; more are no labels. */
const mostValues = 2000;
/** A label is shorter. */
const longestValue = 200;
/** A label column may hold the odd long value that strayed into it. */
const longShare = 0.02;
const mostSamples = 5;
const mostColumns = 1000;

/** What a column holds, over all rows that were read. */
export interface Column {
  name: string;
  /** Rows in which it holds something. */
  filled: number;
  /** Mean length of what it holds, in characters. */
  meanLength: number;
  /** The first few different values, cut to a line. */
  samples: string[];
  /** How often each value stands there; null where they are too many or too long to be labels. */
  values: { cell: Cell; count: number }[] | null;
  /** Whether no value seen stands there twice. */
  unique: boolean;
}

/** Gathers what columns hold, in bounded memory. */
export class ColumnCounter {
  private readonly columns = new Map<string, Tally>();
  rows = 0;

  add(row: Row): void {
    this.rows++;
    for (const [name, cell] of row.cells) {
      let tally = this.columns.get(name);
      if (tally === undefined) {
        if (this.columns.size >= mostColumns) continue;
        tally = { filled: 0, length: 0, samples: [], values: new Map(), unique: true, long: 0 };
        this.columns.set(name, tally);
      }
      if (isEmpty(cell)) continue;
      count(tally, cell);
    }
  }

  summary(): Column[] {
    return [...this.columns].map(([name, tally]) => ({
      name,
      filled: tally.filled,
      meanLength: tally.filled === 0 ? 0 : tally.length / tally.filled,
      samples: tally.samples,
      values:
        tally.values === null || tally.long > longShare * tally.filled ? null : [...tally.values.values()],
      unique: tally.unique,
    }));
  }
}

interface Tally {
  filled: number;
  length: number;
  samples: string[];
  /** Null once they are too many. */
  values: Map<string, { cell: Cell; count: number }> | null;
  unique: boolean;
  /** Values that are too long for a label. */
  long: number;
}

function count(tally: Tally, cell: Cell): void {
  tally.filled++;
  const text = shown(cell);
  tally.length += text.length;
  const sample = text.slice(0, 120).replace(/\s+/g, " ").trim();
  if (tally.samples.length < mostSamples && !tally.samples.includes(sample)) tally.samples.push(sample);
  if (text.length > longestValue) tally.long++;
  if (tally.values === null) return;
  const key = typeof cell === "string" ? cell.trim() : JSON.stringify(cell);
  const known = tally.values.get(key.slice(0, 1000));
  if (known !== undefined) {
    known.count++;
    tally.unique = false;
  } else if (tally.values.size >= mostValues) tally.values = null;
  else tally.values.set(key.slice(0, 1000), { cell: text.length > longestValue ? sample : cell, count: 1 });
}

/** An empty list is a value: no label applies. */
export const isEmpty = (cell: Cell | undefined): boolean =>
  cell === null || cell === undefined || (typeof cell === "string" && cell.trim() === "");

export const shown = (cell: Cell): string =>
  cell === null ? "" : typeof cell === "string" ? cell : cell.join("; ");
