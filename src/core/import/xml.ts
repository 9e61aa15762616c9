import { Parser } from "saxen";
import { say } from "../say";

/** No element or text of a spreadsheet is longer; Excel's own limit for a cell is 32,767 characters. */
const longestPiece = 4 << 20;
const deepest = 100;

export interface XmlHandlers {
  /** Names come without their prefix, values of attributes with entities resolved. */
  open?: (name: string, attributes: () => Readonly<Record<string, string>>) => void;
  close?: (name: string) => void;
  text?: (text: string) => void;
}

/** Reads XML as it comes. Entities that a document defines for itself stay as they are written. */
export class XmlReader {
  private readonly parser = new Parser();
  private readonly decoder = new TextDecoder("utf-8");
  private fault: string | null = null;
  private depth = 0;
  /** Characters since something last began or ended. */
  private pending = 0;

  constructor(handlers: XmlHandlers) {
    const local = (name: string) => name.slice(name.indexOf(":") + 1);
    this.parser.on("openTag", (name, attributes) => {
      this.pending = 0;
      if (++this.depth > deepest) this.fault ??= say`more than ${deepest} elements inside each other`;
      handlers.open?.(local(name), () => resolved(attributes()));
    });
    this.parser.on("closeTag", (name) => {
      this.pending = 0;
      this.depth--;
      handlers.close?.(local(name));
    });
    const { text } = handlers;
    if (text !== undefined) {
      this.parser.on("text", (content) => text(decodeEntities(content)));
      this.parser.on("cdata", text);
    }
    this.parser.on("error", () => {
      this.fault ??= say`it is no whole XML`;
    });
  }

  /** Reads a piece; null ends the document. Returns what is wrong with it, once something is. */
  push(piece: Buffer | null): string | null {
    const text = piece === null ? this.decoder.decode() : this.decoder.decode(piece, { stream: true });
    this.pending += text.length;
    this.parser.write(text);
    if (piece === null) {
      this.parser.end();
      if (this.depth > 0) this.fault ??= say`the document is cut off`;
    }
    if (this.pending > longestPiece) this.fault ??= say`a value is longer than ${longestPiece >> 20} MiB`;
    return this.fault;
  }
}

const resolved = (attributes: Record<string, string>) =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, decodeEntities(value)]));

const named: Partial<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** saxen's own knows no characters beyond U+FFFF, and those are how some programs write emoji. */
function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(
    /&(?:#(\d{1,7})|#x([\da-fA-F]{1,6})|(\w+));/g,
    (whole, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return named[name] ?? whole;
      const code = decimal === undefined ? parseInt(hex ?? "", 16) : Number(decimal);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}
