import { open } from "node:fs/promises";
import type { StateValues } from "./engine";
import { PlumbError } from "./errors";
import { writeTensorFile } from "./model/write/tensor-file";
import { say } from "./say";

const PIECE = 1 << 28;
const LONGEST_HEADER = 1 << 26;

/** Long lists of numbers by name, with a JSON value beside them. */
export interface StateFile {
  readonly arrays: Readonly<Record<string, StateValues>>;
  readonly progress: unknown;
}

/** The moments of 8 bits of a session's state, where there are any. */
export const roundedOf = (arrays: StateFile["arrays"]) =>
  Object.keys(arrays).length > 0 ? { rounded: arrays } : {};

const bytesOf = (values: StateValues) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** One file, replaced whole. Nothing is copied on the way: the lists may be gigabytes. */
export async function writeStateFile(
  file: string,
  format: string,
  { arrays, progress }: StateFile,
): Promise<void> {
  await writeTensorFile(
    file,
    { format, progress: JSON.stringify(progress) },
    Object.entries(arrays).map(([name, values]) => ({
      name,
      dtype: values instanceof Uint8Array ? "U8" : "F32",
      shape: [values.length],
    })),
    ({ name }) => bytesOf(arrays[name]!),
  );
}

/** @throws PlumbError where the file is damaged. */
export async function readStateFile(file: string): Promise<StateFile> {
  const damaged = (what: string) =>
    new PlumbError("checkpoint", say`${file} cannot be used: ${what}. Start anew.`);
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const read = async (into: Uint8Array, at: number) => {
      for (let done = 0; done < into.byteLength;) {
        const length = Math.min(PIECE, into.byteLength - done);
        const { bytesRead } = await handle.read(into, done, length, at + done);
        if (bytesRead === 0) throw damaged(say`it is cut short`);
        done += bytesRead;
      }
    };
    const start = Buffer.alloc(8);
    await read(start, 0);
    const length = Number(start.readBigUInt64LE(0));
    if (length > LONGEST_HEADER || 8 + length > size) throw damaged(say`its header is longer than the file`);
    const json = Buffer.alloc(length);
    await read(json, 8);
    let header: Record<
      string,
      { dtype?: string; shape?: [number]; data_offsets?: [number, number]; progress?: string }
    >;
    let progress: unknown;
    try {
      header = JSON.parse(json.toString("utf8")) as typeof header;
      progress = JSON.parse(header.__metadata__?.progress ?? "");
    } catch {
      throw damaged(say`its header is not valid`);
    }
    const arrays: Record<string, StateValues> = {};
    for (const [name, { dtype, shape, data_offsets: span }] of Object.entries(header)) {
      if (name === "__metadata__") continue;
      const count = shape?.[0] ?? -1;
      const [from, to] = span ?? [0, 0];
      const width = dtype === "U8" ? 1 : 4;
      if (!(count >= 0) || to - from !== width * count || 8 + length + to > size)
        throw damaged(say`"${name}" ends outside the file`);
      const values = dtype === "U8" ? new Uint8Array(count) : new Float32Array(count);
      await read(bytesOf(values), 8 + length + from);
      arrays[name] = values;
    }
    return { arrays, progress };
  } finally {
    await handle.close();
  }
}
