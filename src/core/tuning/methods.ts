import type { DecoderConfig, LinearMap, MethodSpec, Optimizer, Parameter, ParameterGroup } from "../engine";
import { PlumbError } from "../errors";
import type { LoraSettings, MethodName, PromptEncoder, TuningSettings } from "../schema";
import { say } from "../say";

/** Linear maps inside a layer, by the block that they stand in. */
export const MAPS_OF = {
  attention: ["q", "k", "v", "o"],
  mlp: ["gate", "up", "down"],
} as const satisfies Readonly<Record<string, readonly LinearMap[]>>;
const ALL_MAPS: readonly LinearMap[] = [...MAPS_OF.attention, ...MAPS_OF.mlp];

/**
 * A method of tuning as far as it is not the engine's: which groups of parameters train, where vectors stand, how fast they
 * learn. A further method is a further entry here and a class beside native/adapter/prompt_bias.h.
 */
interface Method {
  readonly groups: readonly ParameterGroup[];
  /** Sides of the text with trained vectors; where there are none, the prompt's tokens stand at the left as they are. */
  readonly sides: "none" | "left" | "both";
  /** Rate of the vectors themselves. */
  readonly promptRate: number;
  readonly biasRate: number;
  readonly biases: readonly LinearMap[];
}

/** Rates were searched (docs/decisions.md); those of what a method does not train are unused. */
const METHODS: Readonly<Record<MethodName, Method>> = {
  "ptuning-bias": {
    groups: ["prompt", "bias"],
    sides: "left",
    promptRate: 5e-3,
    biasRate: 2e-3,
    biases: ALL_MAPS,
  },
  ptuning: { groups: ["prompt"], sides: "both", promptRate: 1e-2, biasRate: 2e-3, biases: [] },
  prompt: { groups: ["prompt"], sides: "left", promptRate: 1e-2, biasRate: 2e-3, biases: [] },
  bias: { groups: ["bias"], sides: "none", promptRate: 5e-3, biasRate: 4e-3, biases: ALL_MAPS },
  lora: { groups: ["lora"], sides: "none", promptRate: 5e-3, biasRate: 2e-3, biases: [] },
  full: { groups: ["full"], sides: "none", promptRate: 5e-3, biasRate: 2e-3, biases: [] },
};

/** For people: the rate of a group of parameters by method, e.g. `0.002 of ptuning-bias, 0.004 of bias`. */
export function defaultRates(group: "prompt" | "bias"): string {
  const rate = group === "prompt" ? "promptRate" : "biasRate";
  return Object.entries(METHODS)
    .filter(([, { groups }]) => groups.includes(group))
    .map(([name, method]) => `${method[rate]} of ${name}`)
    .join(", ");
}

export const DEFAULT_METHOD: MethodName = "ptuning-bias";

/** Low-rank updates where nothing else is asked for. */
export const LORA: LoraSettings = { rank: 8, alpha: 16, dropout: 0, rate: 2e-3 };

/** Rate of all parameters where nothing else is asked for. */
export const FULL_RATE = 1.2e-4;
/** The adapter of all parameters, in float32, is read at once: a file of less than 2 GiB. */
const MOST_FULL_PARAMETERS = 530e6;

/** @throws PlumbError where a method cannot tune a model of this size. */
export function checkSize({ method }: Pick<TuningSettings, "method">, parameterCount: number): void {
  if (method !== "full" || parameterCount <= MOST_FULL_PARAMETERS) return;
  throw new PlumbError(
    "settings",
    say`Method full tunes models of up to ${MOST_FULL_PARAMETERS / 1e6} million parameters; this one has ${Math.round(parameterCount / 1e6)} million. Take another method (ptuning-bias, lora), or a smaller base model.`,
  );
}

export const methodOf = (settings: Pick<TuningSettings, "method">): Method => METHODS[settings.method];

/** P-tuning's encoder is a network of many weights and wants less than vectors do. */
const ENCODER_RATE = 1e-3;

/** Rate of the vectors, or of the encoder that makes them, where none is given. */
export const defaultPromptRate = (method: MethodName, encoder: PromptEncoder): number =>
  encoder === "none" ? METHODS[method].promptRate : ENCODER_RATE;

/** What stands around a text: vectors that train, or the prompt's tokens as they are. */
export function vectorsOf(settings: TuningSettings): { left: number; right: number } {
  const { sides } = methodOf(settings);
  const { promptLength } = settings;
  return { left: sides === "none" ? 0 : promptLength, right: sides === "both" ? promptLength : 0 };
}

/** Linear maps that have a trained bias. */
export const biasedMaps = (settings: Pick<TuningSettings, "method" | "biases">): readonly LinearMap[] =>
  settings.biases ?? methodOf(settings).biases;

/**
 * The maps that are to have a bias, in the engine's order; undefined where they are all that the method has anyway.
 * @throws PlumbError where the method trains no biases.
 */
export function biasesWanted(
  method: MethodName,
  wanted: readonly LinearMap[] | undefined,
): LinearMap[] | undefined {
  if (wanted === undefined) return undefined;
  if (METHODS[method].biases.length === 0)
    throw new PlumbError("settings", say`Method ${method} trains no biases: leave out --biases.`);
  const chosen = ALL_MAPS.filter((map) => wanted.includes(map));
  return chosen.length === ALL_MAPS.length ? undefined : chosen;
}

/** Adapters are small: their moments stay in 32 bits. @throws PlumbError where another wish makes no sense. */
export function checkOptimizer(method: MethodName, wish: Optimizer | undefined): void {
  if (method === "full" || wish === undefined || wish === "adamw") return;
  throw new PlumbError(
    "settings",
    say`Method ${method} trains few parameters, whose moments stay in 32 bits: --optimizer ${wish} is for method full.`,
  );
}

/** What the adapter is once it is tuned: an encoder of the prompt is gone, its vectors stay. */
export function adapterSpec(settings: TuningSettings): MethodSpec {
  const { left, right } = vectorsOf(settings);
  const spec = {
    promptLength: left,
    ...(right > 0 ? { promptRight: right } : {}),
    biases: biasedMaps(settings),
  };
  if (settings.method === "full") return { ...spec, full: true };
  if (settings.method !== "lora") return spec;
  const { rank, alpha, dropout } = settings.lora ?? LORA;
  return { ...spec, lora: { rank, alpha, dropout, maps: ALL_MAPS } };
}

/** What trains. */
export function methodSpec(settings: TuningSettings): MethodSpec {
  const { promptEncoder = "none" } = settings;
  return { ...adapterSpec(settings), ...(promptEncoder === "none" ? {} : { promptEncoder }) };
}

/** Tensors of the prompt in a tuned adapter, as the engine names them, one behind the other. */
export function promptParameters(settings: TuningSettings, hidden: number): Parameter[] {
  const { left, right } = vectorsOf(settings);
  return [
    { name: "prompt.left", shape: [left, hidden], offset: 0, group: "prompt" as const },
    { name: "prompt.right", shape: [right, hidden], offset: left * hidden, group: "prompt" as const },
  ].filter(({ shape }) => shape[0] !== 0);
}

/** A number of the standard normal distribution (Box and Muller). */
export const normal = (random: () => number) =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/**
 * Where a parameter starts that is neither a prompt vector nor zero, as PyTorch and PEFT start theirs: embeddings from a
 * normal distribution, linear maps and LSTMs uniformly within 1 / sqrt(inputs). Null: at zero.
 * @param random Numbers in [0, 1).
 */
export function initialValues({ name, shape }: Parameter, random: () => number): Float32Array | null {
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (name === "prompt_encoder.embedding.weight") {
    return Float32Array.from({ length: size }, () => normal(random));
  }
  const uniform = (inputs: number) =>
    Float32Array.from({ length: size }, () => (2 * random() - 1) / Math.sqrt(inputs));
  if (name.endsWith(".lora_A.weight")) return uniform(shape[1] ?? 1);
  if (name.startsWith("prompt_encoder.lstm_head.")) return uniform((shape[0] ?? 4) / 4);
  if (!name.startsWith("prompt_encoder.mlp_head.")) return null;
  // A bias starts within the bounds of its weights, whose inputs are as many as the encoder is wide.
  return uniform(shape.at(-1) ?? 1);
}

/** Bytes of a trained parameter: value and gradient in float32. */
const OF_VALUES = 8;
/** Both moments in float32; in a byte each, with a scale for 256 of them. */
const OF_MOMENTS = { adamw: 8, "adamw-8bit": 2 + 8 / 256 } as const;
/**
 * Where all parameters train: their rounding to bfloat16, the best step's values, and a checkpoint's values while it is
 * written (its moments come on top). What writes and reads the adapter comes when gradients and moments are gone, or takes
 * no more.
 */
const OF_SNAPSHOTS = 2 + 4 + 4;

/** Inputs and outputs of the linear maps of a layer. */
function mapSizes(config: DecoderConfig): Readonly<Record<LinearMap, readonly [number, number]>> {
  const { hiddenSize: hidden, intermediateSize: wide, headCount, kvHeadCount, headSize } = config;
  const queries = headCount * headSize;
  const keys = kvHeadCount * headSize;
  return {
    q: [hidden, queries],
    k: [hidden, keys],
    v: [hidden, keys],
    o: [queries, hidden],
    gate: [hidden, wide],
    up: [hidden, wide],
    down: [wide, hidden],
  };
}

/** Bytes of the trained parameters with their gradients and moments, and where all train with what keeps them safe. */
export function trainedBytes(
  settings: TuningSettings,
  config: DecoderConfig,
  optimizer: Optimizer = "adamw",
): number {
  if (settings.method === "full") return fullBytes(config, optimizer);
  const hidden = config.hiddenSize;
  const sizes = mapSizes(config);
  const { left, right } = vectorsOf(settings);
  let floats = (left + right) * hidden;
  if (settings.promptEncoder === "mlp") floats += 3 * hidden * hidden;
  if (settings.promptEncoder === "lstm") floats += 8 * hidden * hidden;
  const rank = settings.method === "lora" ? (settings.lora ?? LORA).rank : 0;
  const updates = Object.values(sizes).reduce((sum, [inputs, outputs]) => sum + rank * (inputs + outputs), 0);
  const biases = biasedMaps(settings).reduce((sum, map) => sum + sizes[map][1], 0);
  return (OF_VALUES + OF_MOMENTS.adamw) * (floats + (updates + biases) * config.layerCount);
}

/** The same where all parameters of a model train. */
export function fullBytes(config: DecoderConfig, optimizer: Optimizer): number {
  const hidden = config.hiddenSize;
  const matrices = Object.values(mapSizes(config)).reduce(
    (sum, [inputs, outputs]) => sum + inputs * outputs,
    2 * hidden,
  );
  const table = config.vocabularySize * hidden;
  // The embedding's moments are never rounded: most steps move a few of its rows only.
  const rest = matrices * config.layerCount + hidden + (config.tiedHead ? 0 : table);
  const bytes = (moments: number) => OF_VALUES + OF_SNAPSHOTS + 2 * moments;
  return bytes(OF_MOMENTS.adamw) * table + bytes(OF_MOMENTS[optimizer]) * rest;
}
