import { tensorBytes, type ElementLayout } from "./element-types";
import { damaged, shown } from "./problem";
import type { PlumbError } from "../errors";
import { say } from "../say";

/** A tensor as the header of a file describes it, under that file's own name. */
export interface StoredTensor {
  readonly name: string;
  readonly layout: ElementLayout;
  /** Outermost extent first. */
  readonly shape: readonly number[];
  readonly file: string;
  /** Bytes from the beginning of the file. */
  readonly offset: number;
}

/** Bytes that no tensor has: the header lacks one, or has two of a name. */
export function unclaimed(bytes: number, file: string): PlumbError {
  return damaged(
    file,
    say`${bytes} bytes belong to no tensor; the file is too long, or lacks a tensor's name or has one twice`,
  );
}

/** Every tensor lies inside its file, and apart from the others. */
export function checkPlaces(tensors: readonly StoredTensor[], file: string, size: number): void {
  const places = tensors.map((tensor) => {
    const bytes = tensorBytes(tensor.layout, tensor.shape);
    const what = say`tensor ${shown(tensor.name)}`;
    const kind = say`of shape [${tensor.shape.join(", ")}] and type ${tensor.layout.name}`;
    if (bytes === null || bytes === 0) throw damaged(file, say`${what} ${kind} has no possible size`);
    if (tensor.offset > size || bytes > size - tensor.offset) {
      throw damaged(
        file,
        say`${what} ${kind} takes ${bytes} bytes from byte ${tensor.offset} on, the file ends at byte ${size}`,
      );
    }
    return { what, start: tensor.offset, end: tensor.offset + bytes };
  });
  places.sort((a, b) => a.start - b.start);
  for (let i = 1; i < places.length; ++i) {
    const before = places[i - 1]!;
    const after = places[i]!;
    if (after.start < before.end) throw damaged(file, say`${before.what} and ${after.what} overlap`);
  }
}
