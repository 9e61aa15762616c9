import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import type { DecoderConfig } from "../engine";
import { SAFETENSORS_TYPES } from "./element-types";
import { FAMILIES, supportedFamilies, type Family } from "./families";
import { openHuggingFaceTokenizer } from "./huggingface-tokenizer";
import { isRecord, readJsonObject, type JsonObject } from "./json";
import { noConfig, noWeights } from "./mistaken";
import { withFile } from "./open-file";
import type { ModelParts } from "./parts";
import { damaged, shown, unsupported } from "./problem";
import { linearFactors, llama3Factors } from "./rope-scaling";
import { openSentencePiece } from "./huggingface-pieces";
import { readPytorchHeader } from "./pytorch";
import { readSafetensorsHeader } from "./safetensors";
import type { StoredTensor } from "./stored-tensor";
import { buildTable } from "./table";
import { say } from "../say";

const CONFIG = "config.json";
const LONGEST_CONFIG = 1 << 20;
const LONGEST_INDEX = 1 << 24;
const SINGLES = ["model.safetensors", "pytorch_model.bin"];
const INDEXES = ["model.safetensors.index.json", "pytorch_model.bin.index.json"];

/** Reads a folder in Hugging Face form. @throws PlumbError where it is damaged or not supported. */
export async function readHuggingFaceModel(folder: string): Promise<ModelParts> {
  const { json, family, config } = await readConfig(folder);
  const tensors = new Map<string, StoredTensor>();
  const files = await weightFiles(folder);
  for (const part of files) readPart(part, tensors);
  // A tied model may carry its head all the same: it equals the embedding.
  if (config.tiedHead) tensors.delete(family.head.huggingFace);
  const table = buildTable({
    place: files.length === 1 ? files[0]! : folder,
    configFile: path.join(folder, CONFIG),
    naming: "huggingFace",
    family,
    config,
    tensors,
    types: SAFETENSORS_TYPES,
  });
  const license = await licenseOf(folder);
  const pieces = await openSentencePiece(folder);
  if (pieces !== null) return { family: family.name, table, ...pieces, license };
  const { words, file: tokenizerFile } = await openHuggingFaceTokenizer(folder, json.eos_token_id);
  return { family: family.name, table, words, tokenizerFile, license };
}

/** Reads config.json alone, as much as a fetch wants to know before it takes the weights. @throws as above. */
export async function checkConfig(folder: string): Promise<void> {
  await readConfig(folder);
}

async function readConfig(
  folder: string,
): Promise<{ json: JsonObject; family: Family; config: DecoderConfig }> {
  const file = path.join(folder, CONFIG);
  const json = await readJsonObject(file, LONGEST_CONFIG);
  if (json === null) throw await noConfig(folder, await readdir(folder));
  const family = familyOf(json, file);
  return { json, family, config: configOf(json, family, file) };
}

function familyOf(json: JsonObject, file: string): Family {
  const family = FAMILIES.find(({ huggingFace }) => huggingFace === json.model_type);
  if (family !== undefined) return family;
  if (json.model_type === undefined) throw damaged(file, say`"model_type" is missing`);
  throw unsupported(
    file,
    say`models of the family ${shown(json.model_type)} are not supported yet; supported are ${supportedFamilies()}.`,
  );
}

export const hasSlidingWindow = (json: JsonObject, { slidingWindow }: Family): boolean =>
  json.use_sliding_window === true || (slidingWindow === "as set" && typeof json.sliding_window === "number");

/** Fields that older versions of transformers leave out have these values there. */
function configOf(json: JsonObject, family: Family, file: string): DecoderConfig {
  const number = (name: string, fallback?: number, from: JsonObject = json): number => {
    const value = from[name] ?? fallback;
    if (typeof value === "number") return value;
    throw damaged(
      file,
      value === undefined ? say`"${name}" is missing` : say`"${name}" is ${shown(value)}, expected a number`,
    );
  };
  const refuse = (what: string) =>
    unsupported(file, say`${what}, which is not supported yet. Choose a model without.`);

  const activation = json.hidden_act ?? "silu";
  if (activation !== "silu") throw refuse(say`the activation is ${shown(activation)} ("hidden_act")`);
  for (const name of ["attention_bias", "mlp_bias"]) {
    if (json[name] === true) throw refuse(say`the linear maps have biases of their own ("${name}")`);
  }
  if (isRecord(json.quantization_config))
    throw refuse(say`the weights are quantised ("quantization_config")`);
  if (hasSlidingWindow(json, family))
    throw refuse(say`the model has a sliding window of attention ("sliding_window")`);

  const hiddenSize = number("hidden_size");
  const headCount = number("num_attention_heads");
  const headSize = number("head_dim", hiddenSize / headCount);
  // "rope_scaling" before transformers 5, "rope_parameters" since; where both are filled, the older one counts there.
  const rope =
    [json.rope_scaling, json.rope_parameters].filter(isRecord).find((one) => Object.keys(one).length > 0) ??
    {};
  const share = rope.partial_rotary_factor ?? json.partial_rotary_factor ?? 1;
  if (share !== 1)
    throw refuse(say`only a part of each head is turned by its position ("partial_rotary_factor")`);
  const ropeTheta = number("rope_theta", number("rope_theta", 10000), rope);
  const scaling = rope.rope_type ?? rope.type ?? "default";
  const ofRope = (name: string) => number(name, undefined, rope);
  let ropeFactors: readonly number[] | null = null;
  if (scaling === "linear") ropeFactors = linearFactors(headSize, ofRope("factor"));
  else if (scaling === "llama3") {
    ropeFactors = llama3Factors(ropeTheta, headSize, {
      factor: ofRope("factor"),
      low_freq_factor: ofRope("low_freq_factor"),
      high_freq_factor: ofRope("high_freq_factor"),
      original_max_position_embeddings: ofRope("original_max_position_embeddings"),
    });
  } else if (scaling !== "default") throw refuse(say`the model scales its positions (${shown(scaling)})`);
  return {
    hiddenSize,
    intermediateSize: number("intermediate_size"),
    layerCount: number("num_hidden_layers"),
    headCount,
    kvHeadCount: number("num_key_value_heads", headCount),
    headSize,
    vocabularySize: number("vocab_size"),
    normEpsilon: number("rms_norm_eps", 1e-6),
    ropeTheta,
    contextLength: number("max_position_embeddings", 2048),
    tiedHead: json.tie_word_embeddings === true,
    ...(family.queryKeyNorm ? { queryKeyNorm: true } : {}),
    ...(ropeFactors === null ? {} : { ropeFactors }),
  };
}

/** Files of weights of a model: one, or those that the index names; safetensors where there are both kinds. */
async function weightFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  const single = SINGLES.find((name) => names.includes(name));
  const index = INDEXES.find((name) => names.includes(name));
  const pickled = (name: string | undefined) => name === undefined || name.startsWith("pytorch");
  if (single !== undefined && (!pickled(single) || pickled(index))) return [path.join(folder, single)];
  if (index === undefined) throw await noWeights(folder, names, SINGLES.join(say` or `));
  const file = path.join(folder, index);
  const json = await readJsonObject(file, LONGEST_INDEX);
  if (!isRecord(json?.weight_map)) throw damaged(file, say`"weight_map" is missing or no JSON object`);
  const parts = new Set(Object.values(json.weight_map));
  if (parts.size === 0) throw damaged(file, say`"weight_map" names no files of weights`);
  return [...parts].map((part) => {
    if (typeof part === "string" && names.includes(part)) return path.join(folder, part);
    throw damaged(file, say`it names the file ${shown(part)}, which is not in the folder`);
  });
}

/** Adds the tensors of one file. */
function readPart(file: string, tensors: Map<string, StoredTensor>): void {
  const readHeader = file.endsWith(".bin") ? readPytorchHeader : readSafetensorsHeader;
  for (const tensor of withFile(file, (descriptor, size) => readHeader(descriptor, size, file))) {
    const before = tensors.get(tensor.name);
    if (before !== undefined) throw damaged(file, say`tensor ${shown(tensor.name)} is in ${before.file} too`);
    tensors.set(tensor.name, tensor);
  }
}

/** `license:` of the block between dashes at the beginning of README.md. */
async function licenseOf(folder: string): Promise<string | null> {
  try {
    const text = (await readFile(path.join(folder, "README.md"), "utf8")).slice(0, 1 << 14);
    const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text)?.[1] ?? "";
    return /^license:[ \t]*["']?([\w.+-]+)/m.exec(front)?.[1] ?? null;
  } catch {
    return null;
  }
}
