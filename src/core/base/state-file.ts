import { open } from "node:fs/promises";
import { PlumbError } from "../errors";
import { writeTensorFile } from "../model/write/tensor-file";

const PIECE = 1 << 28;
const LONGEST_HEADER = 1 << 26;

/** Long lists of float32 numbers by name, with a JSON value beside them. */
export interface StateFile {
  readonly arrays: Readonly<Record<string, Float32Array>>;
  readonly progress: unknown;
}

const bytesOf = (values: Float32Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** One file, replaced whole. Nothing is copied on the way: the lists may be gigabytes. */
export async function writeStateFile(file: string, { arrays, progress }: StateFile): Promise<void> {
  await writeTensorFile(
    file,
    { format: "plumb-base-state", progress: JSON.stringify(progress) },
    Object.entries(arrays).map(([name, values]) => ({ name, dtype: "F32", shape: [values.length] })),
    ({ name }) => bytesOf(arrays[name]!),
  );
}

/** @throws PlumbError where the file is damaged. */
export async function readStateFile(file: string): Promise<StateFile> {
  const damaged = (what: string) =>
    new PlumbError("checkpoint", `${file} cannot be used: ${what}. Start the training anew.`);
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const read = async (into: Uint8Array, at: number) => {
      for (let done = 0; done < into.byteLength;) {
        const length = Math.min(PIECE, into.byteLength - done);
        const { bytesRead } = await handle.read(into, done, length, at + done);
        if (bytesRead === 0) throw damaged("it is cut short");
        done += bytesRead;
      }
    };
    const start = Buffer.alloc(8);
    await read(start, 0);
    const length = Number(start.readBigUInt64LE(0));
    if (length > LONGEST_HEADER || 8 + length > size) throw damaged("its header is longer than the file");
    const json = Buffer.alloc(length);
    await read(json, 8);
    let header: Record<string, { shape?: [number]; data_offsets?: [number, number]; progress?: string }>;
    let progress: unknown;
    try {
      header = JSON.parse(json.toString("utf8")) as typeof header;
      progress = JSON.parse(header.__metadata__?.progress ?? "");
    } catch {
      throw damaged("its header is not valid");
    }
    const arrays: Record<string, Float32Array> = {};
    for (const [name, { shape, data_offsets: span }] of Object.entries(header)) {
      if (name === "__metadata__") continue;
      const count = shape?.[0] ?? -1;
      const [from, to] = span ?? [0, 0];
      if (!(count >= 0) || to - from !== 4 * count || 8 + length + to > size)
        throw damaged(`"${name}" ends outside the file`);
      const values = new Float32Array(count);
      await read(bytesOf(values), 8 + length + from);
      arrays[name] = values;
    }
    return { arrays, progress };
  } finally {
    await handle.close();
  }
}
