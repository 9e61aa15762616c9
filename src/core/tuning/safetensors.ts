import { readFile } from "node:fs/promises";
import { cannotRead } from "../data";
import { PlumbError } from "../errors";
import { say } from "../say";

/** A file of float32 tensors in safetensors form, small enough to be held in memory. */
export interface TensorFile {
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;
  readonly metadata: Readonly<Record<string, string>>;
}

const ALIGNMENT = 8;

/** Bytes of the file: header length (8 bytes), JSON header padded with spaces, little-endian float32 values. */
export function encodeTensors({ tensors, metadata }: TensorFile): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { shape, values }] of tensors) {
    const count = shape.reduce((product, size) => product * size, 1);
    if (count !== values.length)
      throw new Error(`tensor ${name}: shape ${shape.join("x")}, ${values.length} values`);
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + 4 * count] };
    offset += 4 * count;
  }
  const json = Buffer.from(JSON.stringify(header), "utf8");
  const padded = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const bytes = Buffer.alloc(8 + padded + offset, 0x20);
  bytes.writeBigUInt64LE(BigInt(padded), 0);
  json.copy(bytes, 8);
  let at = 8 + padded;
  for (const { values } of tensors.values()) {
    for (const value of values) {
      bytes.writeFloatLE(value, at);
      at += 4;
    }
  }
  return bytes;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/**
 * @param file For messages only.
 * @throws PlumbError naming the file and what is wrong with it.
 */
export function decodeTensors(bytes: Uint8Array, file: string): TensorFile {
  const damaged = (what: string) =>
    new PlumbError(
      "safetensors",
      say`${file} is not a whole safetensors file of float32 values: ${what}. Name another file, put it back from a copy, or tune anew.`,
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 8) throw damaged(say`it has ${bytes.byteLength} bytes`);
  const headerLength = Number(view.getBigUint64(0, true));
  const start = 8 + headerLength;
  if (!Number.isSafeInteger(headerLength) || start > bytes.byteLength) {
    throw damaged(say`its header is said to have ${headerLength} bytes, the file has ${bytes.byteLength}`);
  }
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, start)));
  } catch {
    throw damaged(say`its header is not JSON`);
  }
  if (!isObject(header)) throw damaged(say`its header is not an object`);
  const { __metadata__: rawMetadata = {}, ...entries } = header;
  if (!isObject(rawMetadata)) throw damaged(say`its metadata is not an object`);
  const metadata: Record<string, string> = {};
  for (const [key, value] of Object.entries(rawMetadata)) {
    if (typeof value !== "string") throw damaged(say`metadata "${key}" is not a text`);
    metadata[key] = value;
  }
  const tensors = new Map<string, { shape: number[]; values: Float32Array }>();
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, data_offsets: span } = isObject(entry) ? entry : {};
    if (dtype !== "F32") throw damaged(say`tensor "${name}" has type ${String(dtype)}`);
    if (!Array.isArray(shape) || !shape.every(isSize))
      throw damaged(say`tensor "${name}" has no valid shape`);
    if (!Array.isArray(span) || span.length !== 2 || !span.every(isSize)) {
      throw damaged(say`tensor "${name}" has no valid place`);
    }
    const [from, to] = span as [number, number];
    const count = shape.reduce((product, size) => product * size, 1);
    if (to - from !== 4 * count || start + to > bytes.byteLength) {
      throw damaged(say`tensor "${name}" of shape [${shape.join(", ")}] does not fit its place`);
    }
    const values = new Float32Array(count);
    for (let i = 0; i < count; i++) values[i] = view.getFloat32(start + from + 4 * i, true);
    tensors.set(name, { shape, values });
  }
  return { tensors, metadata };
}

/** @throws PlumbError where the file cannot be read or is damaged. */
export async function readTensors(file: string): Promise<TensorFile> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw cannotRead(file, error);
  }
  return decodeTensors(bytes, file);
}
