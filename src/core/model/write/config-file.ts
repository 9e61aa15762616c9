import type { DecoderConfig } from "../../engine";
import { FAMILIES } from "../families";
import type { JsonObject } from "../json";
import { unsupported } from "../problem";
import { linearFactors, llama3Factors } from "../rope-scaling";
import { say } from "../../say";

/** Tokens that a model's files name by their ids. */
export interface SpecialIds {
  readonly bos: number | null;
  readonly eos: number;
  readonly pad: number | null;
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  llama: "LlamaForCausalLM",
  mistral: "MistralForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
};

/** What every model that Plumb writes says of itself: bfloat16, under both names that transformers has had for it. */
const NUMBERS = { dtype: "bfloat16", torch_dtype: "bfloat16" };

/** config.json of a model that came with one: its own, but for the type of the numbers. */
export function adaptedConfig(json: JsonObject): JsonObject {
  const rest = Object.entries(json).filter(
    ([name]) => !["dtype", "torch_dtype", "_name_or_path"].includes(name),
  );
  return { ...Object.fromEntries(rest), ...NUMBERS };
}

/**
 * config.json of a model that came as GGUF.
 * @param file For messages.
 * @throws PlumbError where its positions are scaled in a way that config.json has no words for.
 */
export function configFor(family: string, config: DecoderConfig, ids: SpecialIds, file: string): JsonObject {
  const known = FAMILIES.find(({ name }) => name === family)!;
  const scaling = ropeScaling(config, file);
  return {
    architectures: [ARCHITECTURES[family]],
    model_type: known.huggingFace,
    hidden_act: "silu",
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layerCount,
    num_attention_heads: config.headCount,
    num_key_value_heads: config.kvHeadCount,
    head_dim: config.headSize,
    vocab_size: config.vocabularySize,
    rms_norm_eps: rounded(config.normEpsilon),
    rope_theta: config.ropeTheta,
    ...(scaling === null ? {} : { rope_scaling: scaling }),
    max_position_embeddings: config.contextLength,
    tie_word_embeddings: config.tiedHead,
    ...(known.slidingWindow === "where used" ? { use_sliding_window: false } : { sliding_window: null }),
    attention_bias: false,
    attention_dropout: 0,
    initializer_range: 0.02,
    bos_token_id: ids.bos,
    eos_token_id: ids.eos,
    pad_token_id: ids.pad,
    use_cache: true,
    ...NUMBERS,
  };
}

/** A float32 number as short as it was meant: GGUF's 9.999999747378752e-6 is 1e-5. */
function rounded(value: number): number {
  const short = Number(value.toPrecision(6));
  return Math.fround(short) === Math.fround(value) ? short : value;
}

/** Contexts that models were first trained with. */
const CONTEXTS = Array.from({ length: 13 }, (_, i) => 32 * 2 ** i);

/** GGUF keeps what each frequency is divided by, config.json the few numbers that this follows from. */
function ropeScaling({ ropeFactors, ropeTheta, headSize }: DecoderConfig, file: string): JsonObject | null {
  if (ropeFactors === undefined || ropeFactors.every((factor) => factor === 1)) return null;
  const same = (found: readonly number[]) =>
    found.length === ropeFactors.length &&
    found.every((factor, i) => Math.abs(factor - ropeFactors[i]!) <= 1e-5 * factor);
  const factor = rounded(Math.max(...ropeFactors));
  if (same(linearFactors(headSize, factor))) return { rope_type: "linear", type: "linear", factor };
  for (const context of CONTEXTS) {
    const llama3 = {
      factor,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: context,
    };
    if (same(llama3Factors(ropeTheta, headSize, llama3))) return { rope_type: "llama3", ...llama3 };
  }
  throw unsupported(
    file,
    say`the model's positions are scaled in a way that config.json has no words for. Take the model in Hugging Face form.`,
  );
}
