import { createHash } from "node:crypto";
import { open, type FileHandle } from "node:fs/promises";
import type { ModelTable } from "../engine";
import type { ModelParts } from "./parts";

const BLOCK = 4096;

/**
 * What tells this model from others: config, names, types and shapes of its tensors, its tokenizer, and the beginning,
 * middle and end of each tensor's bytes. Where the tensors lie in their files does not matter.
 * @param sizeOf Bytes of each tensor, in the order of the table.
 */
export async function fingerprintOf(
  table: ModelTable,
  sizeOf: (index: number) => number,
  words: ModelParts["words"],
): Promise<string> {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([table.config, listed(words)]));
  const files: FileHandle[] = [];
  try {
    for (const file of table.files) files.push(await open(file));
    const block = Buffer.alloc(BLOCK);
    for (const [i, { name, type, shape, rows, file, offset }] of table.tensors.entries()) {
      hash.update(JSON.stringify([name, type, shape, rows ?? null]));
      const size = sizeOf(i);
      const last = Math.max(0, size - BLOCK);
      for (const start of new Set([0, Math.floor(last / 2), last])) {
        const { bytesRead } = await files[file]!.read(block, 0, Math.min(BLOCK, size), offset + start);
        hash.update(block.subarray(0, bytesRead));
      }
    }
  } finally {
    for (const file of files) await file.close();
  }
  return hash.digest("hex");
}

/** A tokenizer as it has entered fingerprints from the first on: the order of the fields counts. */
function listed(words: ModelParts["words"]): unknown {
  if ("pieces" in words) {
    return { ...words, charsMap: Buffer.from(words.charsMap ?? []).toString("base64") };
  }
  const { vocabulary, merges, ignoreMerges, unknown, addedTokens, bos, endOfText, ...own } = words;
  const added = addedTokens.map(({ id, content, special }) => ({ id, content, special }));
  return {
    ...{ vocabulary: [...vocabulary], merges, ignoreMerges, unknown },
    ...own,
    ...{ addedTokens: added, bos, endOfText },
  };
}
