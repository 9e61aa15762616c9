import { closeSync, openSync, readSync } from "node:fs";
import type { DecoderConfig } from "../engine";
import { GGUF_TYPES } from "./element-types";
import { FAMILIES, supportedFamilies, type Family } from "./families";
import { readGgufHeader } from "./gguf";
import { joinGgufParts } from "./gguf-parts";
import { openGgufTokenizer } from "./gguf-tokenizer";
import { Metadata } from "./metadata";
import type { ModelParts } from "./parts";
import { damaged, shown, unsupported } from "./problem";
import { linearFactors } from "./rope-scaling";
import type { StoredTensor } from "./stored-tensor";
import { buildTable } from "./table";
import { say } from "../say";

/** Reads the header of a GGUF file. @throws PlumbError where it is damaged or not supported. */
export function readGgufModel(descriptor: number, size: number, named: string): ModelParts {
  const { header, first: file } = joinGgufParts(readGgufHeader(descriptor, size, named), named);
  const metadata = new Metadata(header.metadata, file);
  const family = familyOf(metadata);
  if (header.tensors.size === 0) {
    throw unsupported(
      file,
      say`the file holds no tensors, a vocabulary alone. Name the file with the weights.`,
    );
  }
  const config = configOf(metadata, family, {
    tiedHead: !header.tensors.has(family.head.gguf),
    rows: header.tensors.get("token_embd.weight")?.shape[0],
    factors: readRopeFactors(header.tensors.get(ROPE_FACTORS)),
  });
  const tensors = new Map(header.tensors);
  tensors.delete(ROPE_FACTORS);
  const table = buildTable({
    place: file,
    configFile: file,
    naming: "gguf",
    family,
    config,
    tensors,
    types: GGUF_TYPES,
  });
  return {
    family: family.name,
    table,
    words: openGgufTokenizer(metadata),
    tokenizerFile: file,
    license: metadata.text("general.license", null),
  };
}

/** Where GGUF keeps Llama 3.1's scaling of positions, worked out for each frequency. */
const ROPE_FACTORS = "rope_freqs.weight";
const MOST_FACTORS = 512;

function readRopeFactors(tensor: StoredTensor | undefined): number[] | null {
  if (tensor === undefined) return null;
  const { name, shape, layout, file, offset } = tensor;
  const [count = 0] = shape;
  if (shape.length !== 1 || layout.type !== "f32" || count > MOST_FACTORS) {
    throw damaged(
      file,
      say`tensor ${shown(name)} has the shape [${shape.join(", ")}] and the type ${layout.name}, expected one float32 number for each frequency`,
    );
  }
  const bytes = Buffer.alloc(4 * count);
  const descriptor = openSync(file, "r");
  try {
    if (readSync(descriptor, bytes, 0, bytes.length, offset) !== bytes.length) {
      throw damaged(file, say`tensor ${shown(name)} could not be read to its end`);
    }
  } finally {
    closeSync(descriptor);
  }
  return Array.from({ length: count }, (_, i) => bytes.readFloatLE(4 * i));
}

function familyOf(metadata: Metadata): Family {
  const { file } = metadata;
  const architecture = metadata.text("general.architecture");
  const family = FAMILIES.find(({ gguf }) => gguf === architecture);
  if (family === undefined) {
    throw unsupported(
      file,
      say`models of the family ${shown(architecture)} are not supported yet; supported are ${supportedFamilies()}.`,
    );
  }
  const type = metadata.text("general.type", null);
  if (type !== null && type !== "model") {
    throw unsupported(
      file,
      say`the file holds ${shown(type)}, not a model. Name the model that it belongs to.`,
    );
  }
  return family;
}

function configOf(
  metadata: Metadata,
  family: Family,
  {
    tiedHead,
    rows,
    factors,
  }: { tiedHead: boolean; rows: number | undefined; factors: readonly number[] | null },
): DecoderConfig {
  const { file } = metadata;
  const key = (name: string) => `${family.gguf}.${name}`;
  const number = (name: string, fallback?: number) => metadata.number(key(name), fallback);
  const refuse = (what: string) =>
    unsupported(file, say`${what}, which is not supported yet. Choose a model without.`);

  if (number("expert_count", 0) > 0) throw refuse(say`the model is a mixture of experts`);
  const scaling = metadata.text(key("rope.scaling.type"), null) ?? "none";
  if (scaling !== "none" && scaling !== "linear")
    throw refuse(say`the model scales its positions (${shown(scaling)})`);
  if (number("attention.sliding_window", 0) > 0)
    throw refuse(say`the model has a sliding window of attention`);

  const hiddenSize = number("embedding_length");
  const headCount = number("attention.head_count");
  const headSize = number("attention.key_length", hiddenSize / headCount);
  for (const name of ["attention.value_length", "rope.dimension_count"]) {
    const found = number(name, headSize);
    // A head size that cannot be is said as such, where the config is checked.
    if (found !== headSize && Number.isInteger(headSize) && headSize > 0)
      throw refuse(say`${key(name)} is ${found}, other than the head size ${headSize}`);
  }
  const ropeFactors = scaling === "linear" ? linearFactors(headSize, number("rope.scaling.factor")) : factors;
  // The tokenizer's length is checked against the embedding; some files do not state the vocabulary's size besides.
  return {
    hiddenSize,
    intermediateSize: number("feed_forward_length"),
    layerCount: number("block_count"),
    headCount,
    kvHeadCount: number("attention.head_count_kv", headCount),
    headSize,
    vocabularySize: number("vocab_size", rows ?? 0),
    normEpsilon: number("attention.layer_norm_rms_epsilon"),
    ropeTheta: number("rope.freq_base", 10000),
    contextLength: number("context_length"),
    tiedHead,
    ...(family.queryKeyNorm ? { queryKeyNorm: true } : {}),
    ...(ropeFactors === null ? {} : { ropeFactors }),
  };
}
