import { damaged } from "./problem";
import { say } from "../say";

/** The longest replacement at a place: what stands there instead, and the bytes that it replaces. */
export interface Replacement {
  readonly bytes: Uint8Array;
  readonly length: number;
}

/**
 * SentencePiece's `precompiled_charsmap`: the length of a double-array trie (as darts-clone writes it), the trie, and the
 * replacements, each closed by a zero byte.
 */
export class CharsMap {
  private readonly units: Uint32Array;
  private readonly texts: Uint8Array;

  /** @throws PlumbError where the trie does not fit. @param file For messages. */
  constructor(blob: Uint8Array, file: string) {
    const view = Buffer.from(blob.buffer, blob.byteOffset, blob.length);
    const length = blob.length < 4 ? 0 : view.readUInt32LE();
    if (length === 0 || length % 4 !== 0 || length >= blob.length - 4 || blob.at(-1) !== 0) {
      throw damaged(file, say`"precompiled_charsmap" of ${blob.length} bytes has a trie of ${length} bytes`);
    }
    this.units = Uint32Array.from({ length: length / 4 }, (_, i) => view.readUInt32LE(4 + 4 * i));
    this.texts = blob.subarray(4 + length);
  }

  /** Bytes that begin at `start`, or null where nothing is replaced there. */
  longest(text: Uint8Array, start: number): Replacement | null {
    const { units, texts } = this;
    let node = offsetOf(units[0]!);
    let value = -1;
    let length = 0;
    for (let i = start; i < text.length; ++i) {
      node ^= text[i]!;
      const unit = units[node];
      // Bit 31 marks a value; it is never the step to a letter.
      if (unit === undefined || (unit & 0x800000ff) !== text[i]) break;
      node ^= offsetOf(unit);
      if ((unit & 0x100) === 0) continue;
      value = (units[node] ?? 0) & 0x7fffffff;
      length = i + 1 - start;
    }
    if (length === 0 || value >= texts.length) return null;
    return { bytes: texts.subarray(value, texts.indexOf(0, value)), length };
  }
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
