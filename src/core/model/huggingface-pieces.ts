import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { readJsonObject } from "./json";
import { mistakenFile } from "./mistaken";
import type { Pieces } from "./pieces";
import { damaged, unsupported } from "./problem";
import { readSentencePieceModel } from "./sentencepiece-model";
import { say } from "../say";

const LONGEST_MODEL = 1 << 26;
const LONGEST_CONFIG = 1 << 24;

/**
 * The tokenizer of a folder that has tokenizer.model and no tokenizer.json of a kind that is read; null in any other.
 * Without "add_bos_token" in tokenizer_config.json, LLaMA's tokenizers put the beginning token in front.
 */
export async function openSentencePiece(
  folder: string,
): Promise<{ words: Pieces; tokenizerFile: string } | null> {
  const file = path.join(folder, "tokenizer.model");
  const info = await stat(file).catch(() => null);
  if (info === null) return null;
  if (await isByteLevel(folder)) return null;
  if (!info.isFile()) throw unsupported(file, say`this is no file. Get the file from where the model came.`);
  if (info.size > LONGEST_MODEL) {
    throw damaged(file, say`it has ${info.size} bytes, more than the ${LONGEST_MODEL} of any sound file`);
  }
  const bytes = await readFile(file);
  const mistaken = mistakenFile(bytes, file);
  if (mistaken !== null) throw mistaken;
  const words = readSentencePieceModel(bytes, file);
  const config = (await readJsonObject(path.join(folder, "tokenizer_config.json"), LONGEST_CONFIG)) ?? {};
  return { words: config.add_bos_token === false ? { ...words, bos: null } : words, tokenizerFile: file };
}

/** A byte-level tokenizer.json is the one that counts, whatever lies beside it. */
async function isByteLevel(folder: string): Promise<boolean> {
  const json = await readJsonObject(path.join(folder, "tokenizer.json"), LONGEST_MODEL);
  return (json?.decoder as { type?: unknown } | null | undefined)?.type === "ByteLevel";
}
