import { existsSync, readlinkSync } from "node:fs";
import { open, stat } from "node:fs/promises";
import path from "node:path";
import type { ElementType, ModelTable } from "../engine";
import { PlumbError } from "../errors";
import type { BaseModel, TextTokenizer } from "./base-model";
import { GGUF_TYPES, tensorBytes, type ElementLayout } from "./element-types";
import { ollamaNameOf } from "./elsewhere";
import { fingerprintOf } from "./fingerprint";
import { readGgufModel } from "./gguf-model";
import { readHuggingFaceModel } from "./huggingface-model";
import { createMetaspaceTokenizer } from "./metaspace-tokenizer";
import type { ModelParts } from "./parts";
import { createPieceTokenizer } from "./piece-tokenizer";
import { checkPieces } from "./pieces";
import { mistakenFile } from "./mistaken";
import { checkNorms } from "./norms";
import { unsupported } from "./problem";
import { createTokenizer } from "./tokenizer";
import { checkPairs } from "./byte-pairs";
import { say } from "../say";

/**
 * Opens a GGUF file, or a folder in Hugging Face form (config.json, safetensors, tokenizer.json). Reads headers, the
 * tokenizer and samples of the weights, never the whole.
 * @throws PlumbError that names the file and the tensor or field that is wrong, or what is not supported.
 */
export async function openBaseModel(place: string): Promise<BaseModel> {
  const resolved = path.resolve(place);
  try {
    const info = await stat(resolved);
    if (info.isDirectory()) {
      return await finish(await readHuggingFaceModel(resolved), resolved, "huggingface");
    }
    if (!info.isFile()) throw unsupported(resolved, say`this is neither a file nor a folder.`);
    return await finish(await openGguf(resolved, info.size), resolved, "gguf");
  } catch (error) {
    throw asPlumbError(error, resolved);
  }
}

async function openGguf(file: string, size: number): Promise<ModelParts> {
  const handle = await open(file);
  try {
    const start = Buffer.alloc(200);
    const { bytesRead } = await handle.read(start, 0, start.length, 0);
    if (start.toString("latin1", 0, 4) !== "GGUF") throw noGguf(file, start.subarray(0, bytesRead));
    return readGgufModel(handle.fd, size, file);
  } finally {
    await handle.close();
  }
}

/** What a file seems to be instead, and what to name. */
function noGguf(file: string, start: Buffer): PlumbError {
  const mistaken = mistakenFile(start, file);
  if (mistaken !== null) return mistaken;
  const folder = path.dirname(file);
  if (/\.(safetensors|bin|json|model)$/i.test(file) && existsSync(path.join(folder, "config.json"))) {
    return unsupported(
      file,
      say`this is one file of a model in Hugging Face form. Name its folder: ${folder}`,
    );
  }
  const looksLike =
    path.extname(file) === ".safetensors"
      ? say`this is one file of a model in Hugging Face form`
      : path.extname(file) === ".json"
        ? say`this is no model file`
        : start.toString("latin1", 0, 2) === "PK"
          ? say`this looks like one file of a model saved by PyTorch`
          : say`this is no GGUF file, which would begin with the letters GGUF`;
  return unsupported(
    file,
    say`${looksLike}. Name a GGUF file, or a folder with config.json, tokenizer.json or tokenizer.model, and model.safetensors or pytorch_model.bin.`,
  );
}

async function finish(parts: ModelParts, place: string, format: BaseModel["format"]): Promise<BaseModel> {
  const { family, table, words, license } = parts;
  const tokenizer = tokenizerOf(parts);
  checkNorms(table);
  return {
    name: await displayName(place),
    path: place,
    format,
    family,
    table,
    tokenizer,
    fingerprint: await fingerprintOf(table, (index) => sizeOf(table, index), words),
    parameterCount: table.tensors.reduce(
      (sum, { shape }) => sum + shape.reduce((product, extent) => product * extent, 1),
      0,
    ),
    license,
  };
}

function tokenizerOf({ words, table, tokenizerFile: file }: ModelParts): TextTokenizer {
  const rows = table.config.vocabularySize;
  if ("pieces" in words) {
    checkPieces(words, rows, file);
    return createPieceTokenizer(words, file);
  }
  checkPairs(words, rows, file);
  return "spaces" in words ? createMetaspaceTokenizer(words, file) : createTokenizer(words, file);
}

const LAYOUTS: ReadonlyMap<ElementType | undefined, ElementLayout> = new Map(
  [...GGUF_TYPES.values()].map((layout) => [layout.type, layout]),
);

function sizeOf({ tensors }: ModelTable, index: number): number {
  const { type, shape } = tensors[index]!;
  return tensorBytes(LAYOUTS.get(type)!, shape)!;
}

/** `SmolLM2-135M-Instruct.Q4_1.gguf` is "SmolLM2-135M-Instruct Q4_1"; a snapshot of the Hub goes by its repository. */
async function displayName(place: string): Promise<string> {
  const repo = /[\\/]models--([^\\/]+)[\\/]snapshots[\\/][0-9a-f]{40}$/.exec(place)?.[1];
  if (repo !== undefined) return repo.replaceAll("--", "/");
  const known = await ollamaNameOf(place);
  if (known !== null) return known;
  return path
    .basename(place)
    .replace(/\.gguf$/i, "")
    .replace(/[.-](I?Q\d\w*|B?F16|F32)$/i, " $1");
}

/** Errors of the file system as sentences. */
const unreadable = (): Readonly<Record<string, string>> => ({
  ENOENT: say`there is no such file or folder. Check the path.`,
  ENOTDIR: say`there is no such file or folder. Check the path.`,
  EACCES: say`no permission to read it. Change its permissions, or copy it to a folder of your own.`,
  EPERM: say`no permission to read it. Change its permissions, or copy it to a folder of your own.`,
  EIO: say`the disk cannot read it. Copy the model from elsewhere.`,
  ELOOP: say`its symbolic links go in a circle. Fetch or copy the model again.`,
});

/** Gives the file system's errors a sentence. */
function asPlumbError(error: unknown, place: string): unknown {
  if (!(error instanceof Error) || error instanceof PlumbError) return error;
  const { code = "", path: file = place } = error as NodeJS.ErrnoException;
  const target = code === "ENOENT" ? linkTarget(file) : null;
  const sentence =
    target === null
      ? unreadable()[code]
      : say`it is a link to ${target}, which is not there. Fetch or copy the model again.`;
  return sentence === undefined
    ? error
    : new PlumbError("model-unreadable", `${file}: ${sentence}`, { cause: error });
}

/** What a symbolic link points to; null where a file is none. */
function linkTarget(file: string): string | null {
  try {
    return readlinkSync(file);
  } catch {
    return null;
  }
}
