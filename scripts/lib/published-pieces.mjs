/** SentencePiece models as their publisher gave them out, for tests: from a Python wheel, checked by its SHA-256, never shipped. */
import { existsSync } from "node:fs";
import path from "node:path";
import { vocabulariesFolder } from "./vocabularies.mjs";
import { unpackWheels } from "./wheels.mjs";

/** Apache-2.0. */
const MISTRAL = {
  name: "mistral-common",
  version: "1.13.1",
  file: "mistral_common-1.13.1-py3-none-any.whl",
  sha256: "98b4d0755b8d90bf4691fa8f1b70cb3b4a8cd4dc1653c4ed08ef3d1c7d2c29af",
};
const DATA = "mistral_common/data/";

/** The files, by names of our own: merges of 32,000 words, and of 32,768 with more control tokens. */
export const publishedPieces = /** @type {const} */ ({
  "mistral-v1": "tokenizer.model.v1",
  "mistral-v3": "mistral_instruct_tokenizer_240323.model.v3",
});

/** @returns {Promise<string>} the folder that holds them. @throws Stop where they cannot be had, or are others than they were. */
export async function fetchPublishedPieces() {
  const folder = path.join(vocabulariesFolder(), `${MISTRAL.name}-${MISTRAL.version}`);
  if (!existsSync(folder)) {
    const wanted = new Set(Object.values(publishedPieces).map((name) => DATA + name));
    await unpackWheels([MISTRAL], folder, (name) => {
      const file = name.replaceAll(path.sep, "/");
      return wanted.has(file) ? path.posix.basename(file) : null;
    });
  }
  return folder;
}
