import { writeLargeFileAtomic } from "../../files";

const BYTES = { F32: 4, BF16: 2, U8: 1 } as const;
const ALIGNMENT = 8;

/** A tensor of a safetensors file that is to be written. */
export interface PlannedTensor {
  readonly name: string;
  readonly dtype: keyof typeof BYTES;
  readonly shape: readonly number[];
}

export const elementsOf = ({ shape }: Pick<PlannedTensor, "shape">) =>
  shape.reduce((product, extent) => product * extent, 1);

/**
 * Writes a safetensors file tensor by tensor, so that only one of them has to be in memory. A kill leaves the old file or
 * the new one.
 * @param bytesOf The values of a tensor as they stand in the file, little-endian.
 */
export async function writeTensorFile(
  file: string,
  metadata: Readonly<Record<string, string>>,
  tensors: readonly PlannedTensor[],
  bytesOf: (tensor: PlannedTensor) => Uint8Array | Promise<Uint8Array>,
): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const tensor of tensors) {
    const end = offset + elementsOf(tensor) * BYTES[tensor.dtype];
    header[tensor.name] = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header), "utf8");
  const padded = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const start = Buffer.alloc(8 + padded, 0x20);
  start.writeBigUInt64LE(BigInt(padded), 0);
  json.copy(start, 8);
  await writeLargeFileAtomic(file, async (write) => {
    await write(start);
    for (const tensor of tensors) {
      const bytes = await bytesOf(tensor);
      const expected = elementsOf(tensor) * BYTES[tensor.dtype];
      if (bytes.byteLength !== expected)
        throw new Error(`tensor ${tensor.name}: ${bytes.byteLength} bytes, expected ${expected}`);
      await write(bytes);
    }
  });
}
