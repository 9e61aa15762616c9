import { readSync } from "node:fs";
import type { ElementType, ModelTable } from "../engine";
import { withFile } from "./open-file";
import { damaged, shown } from "./problem";
import { say } from "../say";

/** Bytes of an element, and the bits of its exponent: all of them are set where a value is no finite number. */
const FLOATS: ReadonlyMap<ElementType, { bytes: 2 | 4; exponent: number }> = new Map([
  ["f32", { bytes: 4, exponent: 0x7f800000 }],
  ["f16", { bytes: 2, exponent: 0x7c00 }],
  ["bf16", { bytes: 2, exponent: 0x7f80 }],
]);

/**
 * Every norm of a sound model is finite and not all zero. They are small and stand among the matrices of every layer, so
 * a file that was made in full length and never filled is seen without reading it whole.
 * @throws PlumbError naming the tensor.
 */
export function checkNorms({ files, tensors }: ModelTable): void {
  const norms = tensors.filter(({ name }) => name.endsWith("norm.weight"));
  files.forEach((file, index) => {
    withFile(file, (descriptor) => {
      for (const { name, type, shape, offset } of norms.filter((norm) => norm.file === index)) {
        const float = FLOATS.get(type);
        if (float === undefined) continue;
        const bytes = Buffer.alloc((shape[0] ?? 0) * float.bytes);
        readSync(descriptor, bytes, 0, bytes.length, offset);
        const numbers = float.bytes === 4 ? words32(bytes) : words16(bytes);
        if (numbers.some((bits) => (bits & float.exponent) === float.exponent)) {
          throw damaged(file, say`tensor ${shown(name)} has values that are no finite numbers`);
        }
        if (numbers.every((bits) => bits === 0)) {
          throw damaged(file, say`tensor ${shown(name)} has only zeros`);
        }
      }
    });
  });
}

const words32 = (bytes: Buffer) =>
  Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readUInt32LE(4 * i));
const words16 = (bytes: Buffer) =>
  Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16LE(2 * i));
