import { describeValue } from "../data/problem";
import { isFault, scanObject } from "../data/json-scan";
import { cellOf } from "./records";
import type { Fault, RawItem } from "./types";
import { say } from "../say";

/** No element of a list is longer; what seems to be is a fault in the brackets. */
const longestElement = 64 << 20;
const deepest = 500;

/**
 * Reads the elements of a JSON document's list as they come, without holding the document: the list is the document
 * itself, or the first member of its object that is a list of objects or lists. A broken element is told by its line and
 * passed over.
 */
export class JsonListReader {
  private text = "";
  private at = 0;
  private line = 1;
  /** Lists and objects that are open where the text is read. */
  private readonly open: ("[" | "{")[] = [];
  /** Depth inside which the elements stand; null until the list is found. */
  private listDepth: number | null = null;
  private inString = false;
  private elementStart = -1;
  private elementLine = 1;
  private tooDeep = false;
  private ended = false;
  private toldRest = false;
  /** Whether there was a list at all. */
  found = false;

  push(piece: string, final = false): RawItem[] {
    const keep = this.elementStart < 0 ? this.at : this.elementStart;
    this.text = this.text.slice(keep) + piece;
    this.at -= keep;
    if (this.elementStart >= 0) this.elementStart = 0;
    const items: RawItem[] = [];
    const { text, open } = this;
    for (; this.at < text.length && !this.ended; this.at++) {
      const code = text.charCodeAt(this.at);
      if (code === 10) this.line++;
      if (this.inString) {
        if (code === 92) {
          if (this.at + 1 >= text.length && !final) break;
          if (text.charCodeAt(this.at + 1) !== 10) this.at++;
        } else if (code === 34) this.inString = false;
        continue;
      }
      if (code <= 32) continue;
      const inList = this.listDepth !== null && open.length === this.listDepth;
      if (inList && code !== 44 && code !== 93 && this.elementStart < 0) {
        this.elementStart = this.at;
        this.elementLine = this.line;
      }
      if (code === 34) this.inString = true;
      else if (code === 91 || code === 123) this.opened(code === 91 ? "[" : "{", items);
      else if (code === 93 || code === 125) {
        if (inList && code === 93) {
          this.element(items, this.at);
          open.pop();
          this.ended = true;
        } else open.pop();
      } else if (code === 44 && inList) this.element(items, this.at);
      if (this.elementStart >= 0 && this.at - this.elementStart > longestElement) break;
    }
    if (this.elementStart >= 0 && this.at - this.elementStart > longestElement) {
      this.ended = true;
      this.toldRest = true;
      this.elementStart = -1;
      items.push(this.lost(say`the value that begins here is longer than ${longestElement >> 20} MiB`));
    }
    if (this.ended && !this.toldRest && this.listDepth === 1) this.tellRest(items);
    if (this.ended) this.at = text.length;
    if (final && !this.ended) {
      this.ended = true;
      if (this.found) {
        if (this.elementStart >= 0) this.element(items, text.length);
        const message = say`the list is not closed: the file was cut off, or a bracket or quote before is missing.`;
        items.push({
          line: this.line,
          value: null,
          faults: [{ line: this.line, severity: "error", code: "cut-off", message }],
        });
      }
    }
    return items;
  }

  private opened(bracket: "[" | "{", items: RawItem[]): void {
    const { open } = this;
    // A list in the document's own object counts once it is seen to hold objects or lists.
    if (this.listDepth === null) {
      if (bracket === "[" && open.length === 0) this.begin(1);
      else if (open.length === 2 && open[0] === "{" && open[1] === "[") {
        this.begin(2);
        items.push({ line: this.line, value: null, faults: [besideList(this.line)] });
        this.elementStart = this.at;
        this.elementLine = this.line;
      }
    }
    open.push(bracket);
    if (open.length > deepest) this.tooDeep = true;
  }

  /** Tells what stands behind the end of the list. */
  private tellRest(items: RawItem[]): void {
    const { text } = this;
    for (; this.at < text.length && text.charCodeAt(this.at) <= 32; this.at++)
      if (text.charCodeAt(this.at) === 10) this.line++;
    if (this.at === text.length) return;
    this.toldRest = true;
    items.push(
      unreadable(this.line, "after-end", say`the list ends before here; what follows was not read.`),
    );
  }

  private begin(depth: number): void {
    this.listDepth = depth;
    this.found = true;
  }

  private element(items: RawItem[], end: number): void {
    if (this.elementStart < 0) return;
    const text = this.text.slice(this.elementStart, end).trimEnd();
    const line = this.elementLine;
    this.elementStart = -1;
    if (this.tooDeep) {
      this.tooDeep = false;
      items.push(
        unreadable(line, "too-deep", say`more than ${deepest} lists and objects inside each other.`),
      );
    } else items.push(parseRecord(text, line));
  }

  private lost(what: string): RawItem {
    return unreadable(
      this.elementLine,
      "cut-off",
      say`${what}; from here on nothing could be read. Check the brackets and quotes.`,
    );
  }
}

const besideList = (line: number): Fault => ({
  line,
  severity: "info",
  code: "list-in-object",
  message: say`the rows are the first list of objects in this document; what stands beside it was not read.`,
});

/** Reads JSON Lines as they come. */
export class JsonLinesReader {
  private text = "";
  private line = 1;
  private tooLong = false;

  push(piece: string, final = false): RawItem[] {
    const items: RawItem[] = [];
    let from = 0;
    this.text += piece;
    for (let end = this.text.indexOf("\n"); ; end = this.text.indexOf("\n", from)) {
      if (end < 0 && !(final && from < this.text.length)) break;
      const line = this.text.slice(from, end < 0 ? undefined : end);
      if (this.tooLong)
        items.push(
          unreadable(this.line, "line-too-long", say`the line is longer than ${longestElement >> 20} MiB.`),
        );
      else if (line.trim() !== "")
        items.push(
          depthOf(line) > deepest
            ? unreadable(
                this.line,
                "too-deep",
                say`more than ${deepest} lists and objects inside each other.`,
              )
            : parseRecord(line.trim(), this.line),
        );
      this.tooLong = false;
      this.line++;
      if (end < 0) {
        from = this.text.length;
        break;
      }
      from = end + 1;
    }
    this.text = this.text.slice(from);
    if (this.text.length > longestElement) {
      this.tooLong = true;
      this.text = "";
    }
    return items;
  }
}

/** An upper bound of how deep values stand inside each other. */
function depthOf(line: string): number {
  let depth = 0;
  let most = 0;
  for (let at = 0; at < line.length; at++) {
    const code = line.charCodeAt(at) | 32;
    if (code === 123) most = Math.max(most, ++depth);
    else if (code === 125) depth--;
  }
  return most;
}

function unreadable(line: number, code: string, message: string): RawItem {
  const fault: Fault = { line, severity: "error", code, message };
  return { line, value: null, faults: [fault] };
}

/** An object or a list of cells out of its JSON text. NaN and Infinity, which Python writes, count as nothing. */
function parseRecord(text: string, line: number): RawItem {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    try {
      value = JSON.parse(
        text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (found) =>
          found.startsWith('"') ? found : "null",
        ),
      );
    } catch {
      return unreadable(line, "not-json", say`not JSON: ${faultIn(text)}`);
    }
  }
  if (Array.isArray(value)) return { line, value: value.map(cellOf) };
  if (typeof value === "object" && value !== null) return { line, value: value as Record<string, unknown> };
  if (typeof value === "string") return { line, value: { text: value } };
  return unreadable(
    line,
    "not-a-record",
    say`found ${describeValue(value)}, expected an object with named fields.`,
  );
}

function faultIn(text: string): string {
  const fault = scanObject(text);
  return isFault(fault)
    ? say`found ${fault.found}, expected ${fault.expected}.`
    : say`a list or value in it is broken.`;
}
