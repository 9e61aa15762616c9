import type { Fault, RawItem } from "./types";
import { say } from "../say";

/** A quoted field longer than this is one whose closing quote is missing: the text is read as if no quote opened it. */
const longestField = 1 << 20;

const QUOTE = 34;
const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;
const BACKSLASH = 92;

export interface Dialect {
  delimiter: string;
  /** Whether `\"` stands for a quote inside quotes, beside `""`. */
  backslash: boolean;
}

/**
 * Reads delimited text as it comes. Fields may be quoted and then hold delimiters, line breaks and doubled quotes. What
 * the rules leave open is read so that as little as possible is taken for something else, and told as a fault: a quote
 * that is never closed counts as a character, a quote within a quoted field too.
 */
export class DelimitedReader {
  private text = "";
  private at = 0;
  private line = 1;
  private readonly delimiter: number;

  constructor(private readonly dialect: Dialect) {
    this.delimiter = dialect.delimiter.charCodeAt(0);
  }

  /** Rows that are whole with this piece of text. `final` says that there is no more. */
  push(piece: string, final = false): RawItem[] {
    this.text = this.text.slice(this.at) + piece;
    this.at = 0;
    const rows: RawItem[] = [];
    while (this.at < this.text.length) {
      const row = this.row(final);
      if (row === null) break;
      if (row.value !== null) rows.push(row);
    }
    return rows;
  }

  /** The next row; null where its end is still to come. A blank line is a row without a value. */
  private row(final: boolean): RawItem | null {
    const { text, delimiter } = this;
    const cells: string[] = [];
    const faults: Fault[] = [];
    const first = this.line;
    let line = this.line;
    let at = this.at;
    for (;;) {
      let start = at;
      while (text.charCodeAt(start) === SPACE) start++;
      let quoted: Quoted | null | "more" = null;
      if (text.charCodeAt(start) === QUOTE) {
        quoted = this.quoted(start, final, line, faults);
        if (quoted === "more") return null;
      }
      if (quoted !== null) {
        cells.push(quoted.value);
        line += quoted.lines;
        at = quoted.end;
      } else {
        const from = at;
        let code = text.charCodeAt(at);
        while (at < text.length && code !== delimiter && code !== NEWLINE && code !== RETURN)
          code = text.charCodeAt(++at);
        cells.push(text.slice(from, at));
      }
      if (at >= text.length) {
        if (!final) return null;
        break;
      }
      const code = text.charCodeAt(at);
      at++;
      if (code === delimiter) continue;
      if (code === RETURN) {
        if (at >= text.length && !final) return null;
        if (text.charCodeAt(at) === NEWLINE) at++;
      }
      line++;
      break;
    }
    this.at = at;
    this.line = line;
    const blank = cells.length === 1 && cells[0]?.trim() === "";
    return { line: first, value: blank ? null : cells, ...(faults.length === 0 ? {} : { faults }) };
  }

  /**
   * The quoted field that begins at `open`; null where it is better read as text that happens to begin with a quote.
   */
  private quoted(open: number, final: boolean, line: number, faults: Fault[]): Quoted | null | "more" {
    const { text } = this;
    const unclosed = () => {
      const message = say`a quote opens here and is not closed as it should be; it was read as a character.`;
      faults.push({ line, severity: "warning", code: "open-quote", message });
      return null;
    };
    let stray = false;
    let escaped = this.dialect.backslash;
    for (let at = open + 1; ;) {
      const quote = text.indexOf('"', at);
      if (quote < 0 || quote - open > longestField)
        return final || text.length - open > longestField ? unclosed() : "more";
      if (this.dialect.backslash && this.backslashes(quote, open) % 2 === 1) {
        at = quote + 1;
        continue;
      }
      if (text.charCodeAt(quote + 1) === QUOTE) {
        escaped = true;
        at = quote + 2;
        continue;
      }
      let end = quote + 1;
      while (text.charCodeAt(end) === SPACE) end++;
      if (end >= text.length && !final) return "more";
      if (this.endsField(end)) {
        let value = text.slice(open + 1, quote);
        if (escaped) value = this.unescaped(value);
        if (stray) {
          const message = say`a quote inside a quoted value is not doubled; it was read as a character.`;
          faults.push({ line, severity: "warning", code: "stray-quote", message });
        }
        return { value, end, lines: lineBreaks(text, open, quote) };
      }
      // Neither doubled nor at the end of a field. A quote that looks like an opening one, lines below, says that the first one was stray.
      const before = text.charCodeAt(quote - 1);
      const opens = before === this.delimiter || before === NEWLINE || before === RETURN;
      if (opens && lineBreaks(text, open, quote) > 0) return unclosed();
      const closes = this.closesOnLine(quote + 1, final);
      if (closes === "more") return "more";
      if (!closes) return unclosed();
      stray = true;
      at = quote + 1;
    }
  }

  private unescaped(value: string): string {
    return this.dialect.backslash
      ? value.replace(/\\(["\\])|""/g, (_, character: string | undefined) => character ?? '"')
      : value.replaceAll('""', '"');
  }

  private endsField(at: number): boolean {
    if (at >= this.text.length) return true;
    const code = this.text.charCodeAt(at);
    return code === this.delimiter || code === NEWLINE || code === RETURN;
  }

  /** Whether a quote further on in the same line ends a field. */
  private closesOnLine(from: number, final: boolean): boolean | "more" {
    for (let at = from; at < this.text.length; at++) {
      const code = this.text.charCodeAt(at);
      if (code === NEWLINE || code === RETURN) return false;
      if (code === QUOTE && this.endsField(at + 1))
        return at + 1 >= this.text.length && !final ? "more" : true;
      if (at - from > longestField) return false;
    }
    return final ? false : "more";
  }

  private backslashes(before: number, open: number): number {
    let count = 0;
    while (before - 1 - count > open && this.text.charCodeAt(before - 1 - count) === BACKSLASH) count++;
    return count;
  }
}

interface Quoted {
  value: string;
  /** Offset behind the field. */
  end: number;
  lines: number;
}

function lineBreaks(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code === NEWLINE || (code === RETURN && text.charCodeAt(at + 1) !== NEWLINE)) count++;
  }
  return count;
}
