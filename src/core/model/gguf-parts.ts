import { existsSync } from "node:fs";
import path from "node:path";
import { readGgufHeader, type GgufHeader } from "./gguf";
import { Metadata } from "./metadata";
import { withFile } from "./open-file";
import { damaged, mismatch, shown, unsupported } from "./problem";
import type { StoredTensor } from "./stored-tensor";
import { say } from "../say";

const NAME = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;
const MOST_PARTS = 4096;

/**
 * The header of a whole model, whichever of its parts was named: the metadata of the first part, the tensors of all.
 * @param named Header of `file`, and what it says about parts.
 * @throws PlumbError naming the part that is missing or wrong, and the tensor that is doubled.
 */
export function joinGgufParts(named: GgufHeader, file: string): { header: GgufHeader; first: string } {
  const count = countOf(named, file);
  if (count === 1) return { header: named, first: file };
  const [, stem, number, total] = NAME.exec(path.basename(file)) ?? [];
  if (stem === undefined || Number(total) !== count) {
    throw unsupported(
      file,
      say`the file is one of ${count} parts of a model, but is not named as such (NAME-00001-of-${digits(count)}.gguf), so the others cannot be found. Give the parts their names back.`,
    );
  }
  const files = Array.from({ length: count }, (_, i) =>
    path.join(path.dirname(file), `${stem}-${digits(i + 1)}-of-${digits(count)}.gguf`),
  );
  const tensors = new Map<string, StoredTensor>();
  const headers = files.map((part, i) => {
    const header = i + 1 === Number(number) ? named : readPart(part, file);
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

const digits = (value: number) => String(value).padStart(5, "0");

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

function readPart(part: string, named: string): GgufHeader {
  if (!existsSync(part)) {
    throw unsupported(named, say`the part ${path.basename(part)} of the model is not beside it. Get it too.`);
  }
  return withFile(part, (descriptor, size) => readGgufHeader(descriptor, size, part));
}
