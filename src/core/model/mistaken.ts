/** What people have in place of a model, and what to do instead. */
import path from "node:path";
import type { PlumbError } from "../errors";
import { readJsonObject } from "./json";
import { damaged, shown, unsupported } from "./problem";
import { say } from "../say";

const LONGEST_CONFIG = 1 << 20;
/** Names that are listed, where there are many. */
const MOST_NAMES = 8;
const PART = /-\d{5}-of-\d{5}\.(safetensors|bin)$/;

/** A file that is none of a model's, by how it begins: empty, a web page, a pointer of Git LFS. null for any other. */
export function mistakenFile(start: Uint8Array, file: string): PlumbError | null {
  if (start.length === 0) return damaged(file, say`it is empty`);
  const text = Buffer.from(start.subarray(0, 200)).toString("latin1").trimStart();
  if (/^version +https:\/\/git-lfs\.github\.com\/spec\//.test(text)) {
    return unsupported(
      file,
      say`this is a pointer of Git LFS, which stands for the file itself. "git lfs pull" in its folder brings that.`,
    );
  }
  if (/^<(!doctype html|html|\?xml)/i.test(text)) {
    return damaged(file, say`it is a web page: what was to be downloaded did not come`);
  }
  return null;
}

/** A folder without config.json. @param names What is in it. */
export async function noConfig(folder: string, names: readonly string[]): Promise<PlumbError> {
  return (
    ggufsInstead(folder, names, "config.json") ??
    (await adapterInstead(folder, names)) ??
    unsupported(
      folder,
      say`this folder has no config.json. Name a GGUF file, or a folder with config.json, tokenizer.json or tokenizer.model, and model.safetensors or pytorch_model.bin.`,
    )
  );
}

/** A folder without weights under the names that they have in Hugging Face form. @param names What is in it. */
export async function noWeights(
  folder: string,
  names: readonly string[],
  expected: string,
): Promise<PlumbError> {
  const part = names.find((name) => PART.test(name));
  if (part !== undefined) {
    const index = part.endsWith(".bin") ? "pytorch_model.bin.index.json" : "model.safetensors.index.json";
    return unsupported(
      folder,
      say`this folder has ${part}, but no ${index}, which says what the parts are. Get that file from where the model came.`,
    );
  }
  return (
    ggufsInstead(folder, names, expected) ??
    (await adapterInstead(folder, names)) ??
    unsupported(folder, say`this folder has no ${expected}. Get it from where the model came.`)
  );
}

function ggufsInstead(folder: string, names: readonly string[], lacking: string): PlumbError | null {
  const ggufs = names.filter((name) => /\.gguf$/i.test(name)).sort();
  const [first] = ggufs;
  if (first === undefined) return null;
  const more = ggufs.length > MOST_NAMES ? say` and ${ggufs.length - MOST_NAMES} more` : "";
  return unsupported(
    folder,
    say`this folder has no ${lacking}, but holds ${ggufs.slice(0, MOST_NAMES).join(", ")}${more}. Name the file: ${path.join(folder, first)}`,
  );
}

async function adapterInstead(folder: string, names: readonly string[]): Promise<PlumbError | null> {
  if (!names.includes("adapter_config.json")) return null;
  const config = await readJsonObject(path.join(folder, "adapter_config.json"), LONGEST_CONFIG).catch(
    () => null,
  );
  const base = config?.base_model_name_or_path;
  const whose = typeof base === "string" && base !== "" ? say`the model ${shown(base)}` : say`a model`;
  return unsupported(
    folder,
    say`this folder holds an adapter for ${whose}, not a model. Name that model instead.`,
  );
}
