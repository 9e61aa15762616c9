import { readSync } from "node:fs";
import { damaged } from "./problem";
import { say } from "../say";

/** A name for messages; a function where there are many, and few are ever said. */
export type Named = string | (() => string);

export const named = (what: Named): string => (typeof what === "string" ? what : what());

const WINDOW = 1 << 20;
/** No header that anyone has is a tenth of this long; what it says is held in memory. */
const LONGEST_HEADER = 1 << 27;

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

  /** The next bytes, valid until the next call. @param what Names them, for messages. */
  take(count: number, what: Named): Buffer {
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
    return this.window.subarray(from, from + count);
  }

  skip(count: number, what: Named): void {
    if (count > this.remaining) this.take(count, what);
    this.position += count;
  }

  u32(what: Named): number {
    return this.take(4, what).readUInt32LE();
  }

  /** A count or size: at most `most`, which the rest of the file bears out. */
  u64(what: Named, most: number): number {
    const value = this.take(8, what).readBigUInt64LE();
    if (value > BigInt(most))
      throw damaged(
        this.file,
        say`${named(what)} is ${String(value)}, more than the file of ${this.size} bytes can hold`,
      );
    return Number(value);
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
