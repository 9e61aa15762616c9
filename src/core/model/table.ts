import type { DecoderConfig, ModelTable, TensorEntry } from "../engine";
import { supportedTypes, type ElementLayout } from "./element-types";
import { extentsOf, type Family, type TensorRule } from "./families";
import { damaged, mismatch, shown, unsupported } from "./problem";
import type { StoredTensor } from "./stored-tensor";
import { say } from "../say";

/** Facts of a model as a reader found them, not yet compared with each other. */
export interface FoundModel {
  /** For messages: the file of the tensors, or the folder where there are several. */
  readonly place: string;
  /** For messages: the file that the config was read from. */
  readonly configFile: string;
  readonly naming: "gguf" | "huggingFace";
  readonly family: Family;
  readonly config: DecoderConfig;
  /** Tensors under the format's own names. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** All element types of the format, for messages. */
  readonly types: ReadonlyMap<unknown, ElementLayout>;
}

interface Limit {
  readonly name: () => string;
  readonly value: (config: DecoderConfig) => number;
  readonly most: number;
}
const LIMITS: readonly Limit[] = [
  { name: () => say`hidden size`, value: (config) => config.hiddenSize, most: 1 << 17 },
  { name: () => say`intermediate size`, value: (config) => config.intermediateSize, most: 1 << 19 },
  { name: () => say`number of layers`, value: (config) => config.layerCount, most: 1024 },
  { name: () => say`number of heads`, value: (config) => config.headCount, most: 1024 },
  { name: () => say`number of key and value heads`, value: (config) => config.kvHeadCount, most: 1024 },
  { name: () => say`head size`, value: (config) => config.headSize, most: 1024 },
  { name: () => say`vocabulary size`, value: (config) => config.vocabularySize, most: 1 << 21 },
  { name: () => say`context length`, value: (config) => config.contextLength, most: 1 << 24 },
];

/**
 * The table that the engine opens, after every tensor of the family has been found with the shape that the config
 * implies, in a type that can be computed with, and none besides.
 */
export function buildTable(found: FoundModel): ModelTable {
  checkConfig(found);
  const extents = extentsOf(found.config);
  const files: string[] = [];
  const entries: TensorEntry[] = [];
  const used = new Set<string>();
  for (const { rule, layer } of rulesOf(found)) {
    const name = rule[found.naming].replace("{layer}", String(layer));
    const tensor = found.tensors.get(name);
    if (tensor === undefined) throw damaged(found.place, say`tensor ${shown(name)} is missing`);
    used.add(name);
    const shape = rule.shape.map((extent) => extents[extent]);
    if (tensor.shape.length !== shape.length || tensor.shape.some((extent, i) => extent !== shape[i])) {
      throw mismatch(
        tensor.file,
        say`tensor ${shown(name)} has the shape [${tensor.shape.join(", ")}], but the model's config asks for [${shape.join(", ")}]. The file is damaged or its config is that of another model: get both again.`,
      );
    }
    const { type } = tensor.layout;
    if (type === undefined) {
      throw unsupported(
        tensor.file,
        say`tensor ${shown(name)} has the element type ${tensor.layout.name}, which is not supported yet; supported are ${supportedTypes(found.types)}. Choose a file of the model in one of these.`,
      );
    }
    let file = files.indexOf(tensor.file);
    if (file < 0) file = files.push(tensor.file) - 1;
    const rows = found.naming === "gguf" ? rule.ggufRows : undefined;
    entries.push({
      name: rule.huggingFace.replace("{layer}", String(layer)),
      type,
      shape,
      file,
      offset: tensor.offset,
      ...(rows === undefined ? {} : { rows }),
    });
  }
  for (const name of found.tensors.keys()) {
    if (used.has(name) || found.family.ignored.test(name)) continue;
    throw unsupported(
      found.place,
      say`tensor ${shown(name)} has no place in a model of the family ${found.family.name} as Plumb knows it; using the model without it would give other results. Get the model again, or choose another.`,
    );
  }
  return { files, tensors: entries, config: found.config };
}

function* rulesOf({ family, config }: FoundModel): Generator<{ rule: TensorRule; layer: number }> {
  for (const rule of family.tensors) yield { rule, layer: 0 };
  if (!config.tiedHead) yield { rule: family.head, layer: 0 };
  for (let layer = 0; layer < config.layerCount; ++layer) {
    for (const rule of family.layerTensors) yield { rule, layer };
  }
}

function checkConfig({ configFile: place, config }: FoundModel): void {
  for (const { name, value, most } of LIMITS) {
    const found = value(config);
    if (!Number.isInteger(found) || found < 1 || found > most) {
      throw damaged(
        place,
        say`the config's ${name()} is ${found}, expected a whole number from 1 to ${most}`,
      );
    }
  }
  if (config.headCount % config.kvHeadCount !== 0) {
    throw damaged(
      place,
      say`the config has ${config.headCount} heads, no multiple of its ${config.kvHeadCount} key and value heads`,
    );
  }
  if (config.headSize % 2 !== 0) throw damaged(place, say`the config's head size ${config.headSize} is odd`);
  if (!(config.normEpsilon > 0 && config.normEpsilon < 1)) {
    throw damaged(
      place,
      say`the config's norm epsilon is ${config.normEpsilon}, expected a number between 0 and 1`,
    );
  }
  if (!(config.ropeTheta > 0 && config.ropeTheta < 1e12)) {
    throw damaged(place, say`the config's rope theta is ${config.ropeTheta}, expected a positive number`);
  }
  const { ropeFactors } = config;
  if (ropeFactors === undefined) return;
  if (
    ropeFactors.length !== config.headSize / 2 ||
    !ropeFactors.every((factor) => factor > 0 && factor < 1e6)
  ) {
    throw damaged(
      place,
      say`the scaling of positions has ${ropeFactors.length} factors (${ropeFactors.slice(0, 3).join(", ")}, ...), expected ${config.headSize / 2} positive numbers`,
    );
  }
}
