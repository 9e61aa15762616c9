import { readSync } from "node:fs";
import { damaged } from "./problem";
import { say } from "../say";

/** A name for messages; a function where there are many, and few are ever said. */
export type Named = string | (() => string);

export const named = (what: Named): string => (typeof what === "string" ? what : what());

const WINDOW = 1 << 20;
/** No header that anyone has is a tenth of this long; what it says is held in memory. */
const LONGEST_HEADER = 1 << 27;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads the beginning of a binary file in order, little-endian, holding one window of it. What would go past the end of
 * the file is refused before anything is allocated for it.
 */
export class HeaderReader {
  /** Bytes read so far, from the beginning of the file. */
  position = 0;
  private window: Buffer = Buffer.alloc(0);
  private windowStart = 0;

  /** @param file For messages. */
  constructor(
    private readonly descriptor: number,
    readonly size: number,
    readonly file: string,
  ) {}

  /** Bytes between here and the end of the file. */
  get remaining(): number {
    return this.size - this.position;
  }

  /** The next bytes, valid until the next call. */
  take(count: number, what: Named): Buffer {
    const at = this.locate(count, what);
    return this.window.subarray(at, at + count);
  }

  skip(count: number, what: Named): void {
    if (count > this.remaining) this.locate(count, what);
    this.position += count;
  }

  u32(what: Named): number {
    return this.window.readUInt32LE(this.locate(4, what));
  }

  /** A count or size: at most `most`, which the rest of the file bears out. */
  u64(what: Named, most: number): number {
    const at = this.locate(8, what);
    const value = this.window.readUInt32LE(at) + 2 ** 32 * this.window.readUInt32LE(at + 4);
    if (value <= most) return value;
    throw damaged(
      this.file,
      say`${named(what)} is ${String(this.window.readBigUInt64LE(at))}, more than the file of ${this.size} bytes can hold`,
    );
  }

  /** A text of so many bytes in UTF-8. */
  text(count: number, what: Named): string {
    const at = this.locate(count, what);
    const text = this.window.toString("utf8", at, at + count);
    // What is no UTF-8 comes as this; so does what really is one.
    if (!text.includes("\uFFFD")) return text;
    try {
      return utf8.decode(this.window.subarray(at, at + count));
    } catch {
      throw damaged(this.file, say`${named(what)} is no UTF-8 text`);
    }
  }

  /** Moves past the next bytes. @returns Where they stand in the window. */
  private locate(count: number, what: Named): number {
    if (count > this.remaining) {
      throw damaged(
        this.file,
        say`${named(what)} needs ${count} bytes at byte ${this.position}, the file ends at byte ${this.size}`,
      );
    }
    if (this.position + count > LONGEST_HEADER) {
      throw damaged(
        this.file,
        say`${named(what)} lies past byte ${LONGEST_HEADER}, where no sound file has its header`,
      );
    }
    let from = this.position - this.windowStart;
    if (from < 0 || from + count > this.window.length) {
      this.window = this.read(this.position, Math.min(Math.max(count, WINDOW), this.remaining), what);
      this.windowStart = this.position;
      from = 0;
    }
    this.position += count;
    return from;
  }

  private read(position: number, count: number, what: Named): Buffer {
    const bytes = Buffer.allocUnsafe(count);
    let filled = 0;
    while (filled < count) {
      const got = readSync(this.descriptor, bytes, filled, count - filled, position + filled);
      if (got === 0) throw damaged(this.file, say`the file became shorter while ${named(what)} was read`);
      filled += got;
    }
    return bytes;
  }
}
