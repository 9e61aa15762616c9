import { existsSync } from "node:fs";
import path from "node:path";
import { readGgufHeader, type GgufHeader } from "./gguf";
import { Metadata } from "./metadata";
import { withFile } from "./open-file";
import type { PlumbError } from "../errors";
import { ggufParts, sizeOfGguf, type FoundModel } from "./found";
import { damaged, mismatch, shown, unsupported } from "./problem";
import type { StoredTensor } from "./stored-tensor";
import { say } from "../say";

const MOST_PARTS = 4096;

/**
 * The header of a whole model, whichever of its parts was named: the metadata of the first part, the tensors of all.
 * @param named Header of `file`, and what it says about parts.
 * @throws PlumbError naming the part that is missing or wrong, and the tensor that is doubled.
 */
export function joinGgufParts(named: GgufHeader, file: string): { header: GgufHeader; first: string } {
  const count = countOf(named, file);
  if (count === 1) return { header: named, first: file };
  const files = ggufParts(file);
  if (files.length !== count) {
    throw unsupported(
      file,
      say`the file is one of ${count} parts of a model, but is not named as such (NAME-00001-of-${String(count).padStart(5, "0")}.gguf), so the others cannot be found. Give the parts their names back.`,
    );
  }
  const tensors = new Map<string, StoredTensor>();
  const headers = files.map((part, i) => {
    const header = path.basename(part) === path.basename(file) ? named : readPart(part, file);
    const place = new Metadata(header.metadata, part).number("split.no");
    if (countOf(header, part) !== count || place !== i) {
      throw mismatch(
        part,
        say`it says that it is part ${place + 1} of ${countOf(header, part)}, its name says part ${i + 1} of ${count}. Get the parts again.`,
      );
    }
    for (const [name, tensor] of header.tensors) {
      const before = tensors.get(name);
      if (before !== undefined) throw damaged(part, say`tensor ${shown(name)} is in ${before.file} too`);
      tensors.set(name, tensor);
    }
    return header;
  });
  const first = files[0]!;
  const { metadata } = headers[0]!;
  const expected = new Metadata(metadata, first).number("split.tensors.count", tensors.size);
  if (expected !== tensors.size) {
    throw mismatch(
      first,
      say`it says that the parts hold ${expected} tensors, they hold ${tensors.size}. The parts belong to different models, or one was cut short.`,
    );
  }
  return { header: { metadata, tensors }, first };
}

function countOf({ metadata }: GgufHeader, file: string): number {
  const count = new Metadata(metadata, file).number("split.count", 1);
  // Files that were never split may say 0.
  if (count === 0) return 1;
  if (Number.isInteger(count) && count > 0 && count <= MOST_PARTS) return count;
  throw damaged(
    file,
    say`metadata "split.count" is ${count}, expected a whole number from 1 to ${MOST_PARTS}`,
  );
}

/** What `models list` knows of a GGUF model whose first part is there. */
export async function ggufState(file: string): Promise<Pick<FoundModel, "bytes" | "broken">> {
  const { bytes, missing } = await sizeOfGguf(file);
  // Where the file itself cannot be read, opening it says why.
  const broken = missing === null || missing === file ? null : missingPart(missing, file).message;
  return { bytes, broken };
}

/** @param named The part that was named, or found. */
export function missingPart(part: string, named: string): PlumbError {
  return unsupported(named, say`the part ${path.basename(part)} of the model is not beside it. Get it too.`);
}

function readPart(part: string, named: string): GgufHeader {
  if (!existsSync(part)) throw missingPart(part, named);
  return withFile(part, (descriptor, size) => readGgufHeader(descriptor, size, part));
}
