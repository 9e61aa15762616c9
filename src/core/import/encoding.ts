import { createReadStream } from "node:fs";
import type { Encoding, Tick } from "./types";

/** Characters of the bytes 0x80 to 0xFF, after the WHATWG encoding standard; bytes without one stand for themselves. */
const highHalf = {
  "windows-1251":
    "ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\u0098™љ›њќћџ\u00a0ЎўЈ¤Ґ¦§Ё©Є«¬\u00ad®Ї°±Ііґµ¶·ё№є»јЅѕїАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюя",
  "windows-1252":
    "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ",
} as const;

const chunkSize = 256 * 1024;

/** Bytes of a file, in order. */
export async function* chunksOf(file: string, tick: Tick): AsyncGenerator<Buffer, void, void> {
  let done = 0;
  tick(0);
  for await (const chunk of createReadStream(file, { highWaterMark: chunkSize }) as AsyncIterable<Buffer>) {
    yield chunk;
    done += chunk.length;
    tick(done);
  }
}

/** The text of a file, piece by piece, without a byte-order mark. What is no character becomes U+FFFD. */
export async function* textOf(
  chunks: AsyncIterable<Buffer>,
  encoding: Encoding,
): AsyncGenerator<string, void, void> {
  const decode = decoderOf(encoding);
  let first = true;
  for await (const chunk of chunks) {
    let text = decode(chunk);
    if (first && text !== "") {
      first = false;
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    }
    if (text !== "") yield text;
  }
  const rest = decode(null);
  if (rest !== "") yield rest;
}

/** Decodes pieces of a stream; null ends it. */
function decoderOf(encoding: Encoding): (bytes: Buffer | null) => string {
  switch (encoding) {
    case "utf-8":
    case "utf-16le":
    case "utf-16be": {
      const decoder = new TextDecoder(encoding, { ignoreBOM: true });
      return (bytes) => (bytes === null ? decoder.decode() : decoder.decode(bytes, { stream: true }));
    }
    case "iso-8859-1":
      return (bytes) => bytes?.toString("latin1") ?? "";
    default: {
      // Not TextDecoder: some releases of Node.js decode windows-1252 as ISO-8859-1.
      const units = Uint16Array.from({ length: 256 }, (_, byte) =>
        byte < 0x80 ? byte : highHalf[encoding].charCodeAt(byte - 0x80),
      );
      return (bytes) => {
        if (bytes === null) return "";
        const mapped = new Uint16Array(bytes.length);
        for (let at = 0; at < bytes.length; at++) mapped[at] = units[bytes[at]!]!;
        return Buffer.from(mapped.buffer).toString("utf16le");
      };
    }
  }
}

/**
 * The encoding that a file's bytes speak for. A byte-order mark decides; then zero bytes on every other place (UTF-16);
 * then whether it is UTF-8, but for stray bytes. Of one-byte encodings, letters beyond ASCII that stand beside each other
 * make it windows-1251 (words of another script), those among ASCII letters windows-1252 or ISO-8859-1 (accents).
 */
export async function detectEncoding(chunks: AsyncIterable<Buffer>): Promise<Encoding> {
  const seen = {
    total: 0,
    evenZeros: 0,
    oddZeros: 0,
    sequences: 0,
    broken: 0,
    together: 0,
    alone: 0,
    control: 0,
  };
  let expected = 0;
  let before = 0;
  for await (const chunk of chunks) {
    if (seen.total === 0) {
      const mark = byteOrderMark(chunk);
      if (mark !== null) return mark;
    }
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (expected > 0) {
        if (byte >> 6 === 2) {
          if (--expected === 0) seen.sequences++;
        } else {
          expected = 0;
          seen.broken++;
          at--;
          // The byte is looked at again as the start of a character; it has not been counted with its neighbours yet.
          continue;
        }
      } else if (byte >= 0x80) {
        expected =
          byte >= 0xc2 && byte < 0xe0 ? 1 : byte >> 4 === 0xe ? 2 : byte >= 0xf0 && byte < 0xf5 ? 3 : 0;
        if (expected === 0) seen.broken++;
      }
      if (byte >= 0x80) {
        if (byte < 0xa0) seen.control++;
        if (isHighLetter(byte) && isHighLetter(before)) seen.together++;
        else if (isHighLetter(byte) && isLatin(before)) seen.alone++;
      } else if (isHighLetter(before) && isLatin(byte)) seen.alone++;
      else if (byte === 0) {
        if (((seen.total + at) & 1) === 0) seen.evenZeros++;
        else seen.oddZeros++;
      }
      before = byte;
    }
    seen.total += chunk.length;
  }
  // Blanks and line ends alone make some 8 % of the bytes zero in text of any script.
  if (seen.oddZeros > seen.total / 50 && seen.oddZeros > 10 * seen.evenZeros) return "utf-16le";
  if (seen.evenZeros > seen.total / 50 && seen.evenZeros > 10 * seen.oddZeros) return "utf-16be";
  if (expected > 0) seen.broken++;
  if (seen.broken === 0 || seen.sequences > 20 * seen.broken) return "utf-8";
  if (seen.together > seen.alone) return "windows-1251";
  return seen.control > 0 ? "windows-1252" : "iso-8859-1";
}

const isHighLetter = (byte: number) =>
  byte >= 0xc0 || byte === 0xa8 || byte === 0xb8 || byte === 0xb3 || byte === 0xbf;
const isLatin = (byte: number) => (byte | 32) >= 97 && (byte | 32) <= 122;

/** The encoding that a byte-order mark at the start says; null where there is none. */
export function byteOrderMark(start: Buffer): Encoding | null {
  if (start.length >= 3 && start.readUIntBE(0, 3) === 0xefbbbf) return "utf-8";
  if (start.length < 2) return null;
  const mark = start.readUInt16BE(0);
  return mark === 0xfffe ? "utf-16le" : mark === 0xfeff ? "utf-16be" : null;
}
