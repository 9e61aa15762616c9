import { stat } from "node:fs/promises";
import path from "node:path";

/** Who put a model where it lies. */
export type ModelSource = "Plumb" | "Hugging Face" | "llama.cpp" | "LM Studio" | "Ollama";

/** A model on this machine that can be named, as far as its place and its config tell. */
export interface FoundModel {
  /** For `--base`. */
  readonly name: string;
  /** Further names that mean it. */
  readonly aliases: readonly string[];
  /** The GGUF file (the first of several parts), or the folder in Hugging Face form. */
  readonly path: string;
  readonly source: ModelSource;
  /** Of its weights; null where they are not all there. */
  readonly bytes: number | null;
  /** Why it cannot be opened and what to do, or null. */
  readonly broken: string | null;
  /** A clause that says what Plumb cannot use, or null where nothing speaks against it so far. */
  readonly unsupported: string | null;
}

/** Whether a name means the model; a GGUF file can be named with its ending too. */
export function isNamed({ name, aliases }: FoundModel, wanted: string): boolean {
  const bare = withoutEnding(wanted);
  return name === bare || aliases.includes(bare);
}

/** A model's file as a name, whose ending some write in capitals. */
export const withoutEnding = (name: string) => name.replace(/\.gguf$/i, "");

const PART = /^(.*)-\d{5}-of-(\d{5})(\.gguf)$/i;

/** All parts of the GGUF model that a file is one of, by its name; the file alone where it is not named as a part. */
export function ggufParts(file: string): string[] {
  const [, stem, total = "", ending] = PART.exec(path.basename(file)) ?? [];
  if (stem === undefined || Number(total) === 0) return [file];
  return Array.from({ length: Number(total) }, (_, i) =>
    path.join(path.dirname(file), `${stem}-${String(i + 1).padStart(5, "0")}-of-${total}${ending}`),
  );
}

/** Bytes of a GGUF model with all its parts; null where one is missing. */
export async function sizeOfGguf(
  file: string,
): Promise<{ bytes: number; missing: null } | { bytes: null; missing: string }> {
  let bytes = 0;
  for (const part of ggufParts(file)) {
    const size = await sizeOf(part);
    if (size === null) return { bytes: null, missing: part };
    bytes += size;
  }
  return { bytes, missing: null };
}

const LATER_PART = /-(?!00001)\d{5}-of-\d{5}\.gguf$/i;

/** Whether a file's name is that of a model: not of a later part, nor of a piece that makes a model see pictures. */
export function isGgufModel(fileName: string): boolean {
  return (
    /\.gguf$/i.test(fileName) &&
    !fileName.startsWith(".") &&
    !LATER_PART.test(fileName) &&
    !/^mmproj/i.test(fileName)
  );
}

/** Bytes of a file, behind whatever links; null where there is none. */
export async function sizeOf(file: string): Promise<number | null> {
  try {
    const info = await stat(file);
    return info.isFile() ? info.size : null;
  } catch {
    return null;
  }
}
