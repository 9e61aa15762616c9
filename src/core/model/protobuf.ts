import { damaged } from "./problem";
import { say } from "../say";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

type Field = number | Uint8Array;

/** Fields of one message of Protocol Buffers, read at once; nested messages when they are asked for. */
export class Protobuf {
  private readonly fields = new Map<number, Field[]>();

  /** @throws PlumbError where the bytes are no message. @param what Names the message, for messages. */
  constructor(
    bytes: Uint8Array,
    private readonly file: string,
    private readonly what: string,
  ) {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    const take = (count: number): Buffer => {
      if (count > view.length - at)
        throw this.broken(say`needs ${count} bytes where ${view.length - at} are left`);
      at += count;
      return view.subarray(at - count, at);
    };
    /** The low 64 bits, as a signed number. */
    const varint = (): number => {
      let value = 0n;
      for (let shift = 0n; shift < 70n; shift += 7n) {
        const [byte = 0] = take(1);
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return Number(BigInt.asIntN(64, value));
      }
      throw this.broken(say`has a number of more than ten bytes`);
    };
    while (at < view.length) {
      const tag = varint();
      let value: Field;
      if ((tag & 7) === 0) value = varint();
      else if ((tag & 7) === 1) value = take(8).readDoubleLE();
      else if ((tag & 7) === 2) {
        const length = varint();
        if (length < 0) throw this.broken(say`has a field of ${length} bytes`);
        value = take(length);
      } else if ((tag & 7) === 5) value = take(4).readFloatLE();
      else throw this.broken(say`has a field of the wire type ${tag & 7}, which is not known`);
      const number = Math.floor(tag / 8);
      const values = this.fields.get(number);
      if (values === undefined) this.fields.set(number, [value]);
      else values.push(value);
    }
  }

  /** The last value of a field, as the format wants it; a float is a number too. */
  int(field: number, fallback: number): number {
    const value = this.float(field, fallback);
    if (!Number.isSafeInteger(value)) throw this.broken(say`has ${value} in field ${field}`);
    return value;
  }

  float(field: number, fallback: number): number {
    const value = this.fields.get(field)?.at(-1) ?? fallback;
    if (typeof value !== "number") throw this.broken(say`has bytes in field ${field}, expected a number`);
    return value;
  }

  bytes(field: number): Uint8Array | null {
    const value = this.fields.get(field)?.at(-1) ?? null;
    if (typeof value === "number") throw this.broken(say`has a number in field ${field}, expected bytes`);
    return value;
  }

  text(field: number): string {
    try {
      return utf8.decode(this.bytes(field) ?? new Uint8Array());
    } catch {
      throw this.broken(say`has no UTF-8 text in field ${field}`);
    }
  }

  message(field: number, what: string): Protobuf {
    return new Protobuf(this.bytes(field) ?? new Uint8Array(), this.file, what);
  }

  messages(field: number, what: string): Protobuf[] {
    return (this.fields.get(field) ?? []).map((value, i) => {
      if (typeof value === "number")
        throw this.broken(say`has a number in field ${field}, expected a message`);
      return new Protobuf(value, this.file, `${what} ${i}`);
    });
  }

  private broken(what: string): Error {
    return damaged(this.file, `${this.what} ${what}`);
  }
}
