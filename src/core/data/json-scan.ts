/**
 * A JSON scanner that knows where things stand: it names the place where a text stops being JSON (which JSON.parse
 * does differently in every version of Node.js), and finds the members of an object so that one value can be replaced
 * while all other characters stay. Offsets count UTF-16 code units.
 */

import { say } from "../say";

/** One member of the outermost object. */
export interface Member {
  /** The key, unescaped. */
  readonly key: string;
  /** Offset of the key's opening quote. */
  readonly keyStart: number;
  /** Offset behind the key's closing quote. */
  readonly keyEnd: number;
  readonly valueStart: number;
  /** Offset behind the value's last character. */
  readonly valueEnd: number;
}

/** Where and why a text is not JSON. */
export interface JsonFault {
  readonly at: number;
  readonly found: string;
  readonly expected: string;
}

export interface ScannedObject {
  /** Offset of `{`. */
  readonly start: number;
  /** Offset of `}`. */
  readonly end: number;
  /** In the order written; a key that stands twice is here twice. */
  readonly members: readonly Member[];
}

/** Members of the object that a text consists of (byte-order marks may stand before it), or the fault where the text is something else. */
export function scanObject(text: string): ScannedObject | JsonFault {
  try {
    return new Scanner(text).object();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

/** Where a member of an object or an item of a list stands. */
export interface Place {
  /** Offset of the member's key, or of the item. */
  readonly start: number;
  readonly valueStart: number;
  /** Offset behind the value. */
  readonly end: number;
}

/** Where the value at a path stands in a text that is an object; null where there is none. */
export function placeIn(text: string, path: readonly (string | number)[]): Place | null {
  let place: Place = { start: 0, valueStart: 0, end: text.length };
  for (const step of path) {
    const inner = text.slice(place.valueStart, place.end);
    const found = typeof step === "string" ? memberIn(inner, step) : itemsIn(inner)[step];
    if (found === undefined) return null;
    const { valueStart: offset } = place;
    place = {
      start: offset + found.start,
      valueStart: offset + found.valueStart,
      end: offset + found.end,
    };
  }
  return place;
}

function memberIn(text: string, key: string): Place | undefined {
  const scanned = scanObject(text);
  const member = isFault(scanned) ? undefined : scanned.members.findLast((one) => one.key === key);
  return member && { start: member.keyStart, valueStart: member.valueStart, end: member.valueEnd };
}

/** Items of the list that a text consists of; none where it is something else. */
export function itemsIn(text: string): Place[] {
  try {
    return new Scanner(text).items();
  } catch (error) {
    if (error instanceof Fault) return [];
    throw error;
  }
}

export function isFault(result: ScannedObject | JsonFault): result is JsonFault {
  return "expected" in result;
}

class Fault extends Error implements JsonFault {
  constructor(
    readonly at: number,
    readonly found: string,
    readonly expected: string,
  ) {
    super(expected);
  }
}

const deepest = 1000;
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// From space on, without quote and backslash.
const plainString = /"[ !#-[\]-\uffff]*"/y;
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

class Scanner {
  private at = 0;

  constructor(private readonly text: string) {}

  object(): ScannedObject {
    // One too many where a program put one before a file that had it.
    while (this.text.charCodeAt(this.at) === 0xfeff) this.at++;
    this.space();
    const start = this.at;
    if (this.text[this.at] !== "{") this.fail(say`an object: {…}`);
    this.at++;
    const members: Member[] = [];
    this.space();
    if (this.text[this.at] !== "}") {
      for (;;) {
        const keyStart = this.at;
        const key = this.key(members.length === 0);
        const keyEnd = this.at;
        this.colon();
        const valueStart = this.at;
        this.value();
        members.push({ key, keyStart, keyEnd, valueStart, valueEnd: this.at });
        this.space();
        if (this.text[this.at] !== ",") break;
        this.at++;
        this.space();
      }
      if (this.text[this.at] !== "}") this.fail(say`"," or "}"`);
    }
    const end = this.at++;
    this.space();
    if (this.at < this.text.length) this.fail(say`nothing more on this line`);
    return { start, end, members };
  }

  items(): Place[] {
    this.space();
    if (this.text[this.at] !== "[") this.fail(say`a list: […]`);
    this.at++;
    const items: Place[] = [];
    this.space();
    if (this.text[this.at] === "]") return items;
    for (;;) {
      this.space();
      const start = this.at;
      this.value();
      items.push({ start, valueStart: start, end: this.at });
      this.space();
      if (this.text[this.at] !== ",") break;
      this.at++;
    }
    if (this.text[this.at] !== "]") this.fail(say`"," or "]"`);
    return items;
  }

  /** Skips one value. A stack of open brackets instead of recursion: a hostile line must not exhaust the call stack. */
  private value(): void {
    const open: ("{" | "[")[] = [];
    for (;;) {
      this.space();
      const character = this.text[this.at];
      if (character === "{" || character === "[") {
        if (open.length === deepest) this.fail(say`no more than ${deepest} brackets inside each other`);
        this.at++;
        this.space();
        if (this.text[this.at] === (character === "{" ? "}" : "]")) this.at++;
        else {
          open.push(character);
          if (character === "{") {
            this.key(true);
            this.colon();
          }
          continue;
        }
      } else this.scalar();

      for (;;) {
        const inside = open[open.length - 1];
        if (inside === undefined) return;
        this.space();
        const next = this.text[this.at];
        if (next === ",") {
          this.at++;
          if (inside === "{") {
            this.space();
            this.key(false);
            this.colon();
          }
          break;
        }
        if (next !== (inside === "{" ? "}" : "]"))
          this.fail(inside === "{" ? say`"," or "}"` : say`"," or "]"`);
        this.at++;
        open.pop();
      }
    }
  }

  private scalar(): void {
    const character = this.text[this.at];
    if (character === '"') {
      this.string();
      return;
    }
    for (const word of ["true", "false", "null"]) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return;
      }
    }
    number.lastIndex = this.at;
    if (number.test(this.text)) this.at = number.lastIndex;
    else this.fail(say`a value`);
  }

  /** @param first Whether nothing stands in the object yet, so that it may end here. */
  private key(first: boolean): string {
    if (this.text[this.at] !== '"')
      this.fail(first ? say`a field name in quotes, or "}"` : say`a field name in quotes`);
    const from = this.at;
    this.string();
    return JSON.parse(this.text.slice(from, this.at)) as string;
  }

  /** Stands on the opening quote. */
  private string(): void {
    plainString.lastIndex = this.at;
    if (plainString.test(this.text)) {
      this.at = plainString.lastIndex;
      return;
    }
    const from = this.at++;
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code === 0x22) break;
      if (code === 0x5c) {
        escape.lastIndex = this.at;
        if (!escape.test(this.text)) {
          this.fail(String.raw`one of \" \\ \/ \b \f \n \r \t \uXXXX`, this.text.slice(this.at, this.at + 2));
        }
        this.at = escape.lastIndex;
      } else if (Number.isNaN(code)) {
        this.at = from;
        this.fail(say`a closing "`, say`a quote that is never closed`);
      } else if (code < 0x20) {
        const name =
          code === 9
            ? say`a tab`
            : say`the control character U+${code.toString(16).padStart(4, "0").toUpperCase()}`;
        this.fail(code === 9 ? String.raw`\t` : String.raw`an escape such as \n`, name);
      } else this.at++;
    }
    this.at++;
  }

  private colon(): void {
    this.space();
    if (this.text[this.at] !== ":") this.fail('":"');
    this.at++;
    this.space();
  }

  private space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at++;
    }
  }

  private fail(expected: string, found?: string): never {
    const code = this.text.codePointAt(this.at);
    throw new Fault(
      this.at,
      found ?? (code === undefined ? say`the end` : foundCharacter(String.fromCodePoint(code))),
      expected,
    );
  }
}

function foundCharacter(character: string): string {
  if (character === "'") return say`a single quote`;
  if (character === '"') return say`a double quote`;
  if (/[\p{C}\p{Z}]/u.test(character)) {
    return say`the character U+${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0").toUpperCase()}`;
  }
  return `"${character}"`;
}
