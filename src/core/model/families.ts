/**
 * What distinguishes model families, as data: a reader finds here which tensors a model has, under which names each
 * format keeps them, and which shapes its config implies.
 */
import type { DecoderConfig } from "../engine";

/** An extent of a tensor, as the config implies it. */
export type Extent = "hidden" | "queries" | "keys" | "head" | "intermediate" | "vocabulary";

export interface TensorRule {
  /** Hugging Face name; `{layer}` stands for the layer's number. */
  readonly huggingFace: string;
  /** GGUF name. */
  readonly gguf: string;
  /** Outermost extent first. */
  readonly shape: readonly Extent[];
  /** Row order of the GGUF form, where it is not that of Hugging Face. */
  readonly ggufRows?: "interleaved";
}

export interface Family {
  readonly name: string;
  /** What people call its models. */
  readonly known: string;
  /** `general.architecture` of a GGUF file, and the beginning of its keys; null where GGUF has another family for it. */
  readonly gguf: string | null;
  /** `model_type` of config.json. */
  readonly huggingFace: string;
  /** Each head's queries and keys are normed. */
  readonly queryKeyNorm: boolean;
  /** Whether a "sliding_window" in config.json holds as it stands, or only with "use_sliding_window". */
  readonly slidingWindow: "as set" | "where used";
  readonly tensors: readonly TensorRule[];
  readonly layerTensors: readonly TensorRule[];
  /** The output head; a model without it uses its embedding. */
  readonly head: TensorRule;
  /** Hugging Face names that old checkpoints carry and nothing needs. */
  readonly ignored: RegExp;
}

const LLAMA: Family = {
  name: "llama",
  known: "LLaMA 1 to 3.2, SmolLM2, TinyLlama, OpenLLaMA",
  gguf: "llama",
  huggingFace: "llama",
  queryKeyNorm: false,
  slidingWindow: "as set",
  tensors: [
    {
      huggingFace: "model.embed_tokens.weight",
      gguf: "token_embd.weight",
      shape: ["vocabulary", "hidden"],
    },
    { huggingFace: "model.norm.weight", gguf: "output_norm.weight", shape: ["hidden"] },
  ],
  layerTensors: [
    {
      huggingFace: "model.layers.{layer}.input_layernorm.weight",
      gguf: "blk.{layer}.attn_norm.weight",
      shape: ["hidden"],
    },
    {
      huggingFace: "model.layers.{layer}.self_attn.q_proj.weight",
      gguf: "blk.{layer}.attn_q.weight",
      shape: ["queries", "hidden"],
      ggufRows: "interleaved",
    },
    {
      huggingFace: "model.layers.{layer}.self_attn.k_proj.weight",
      gguf: "blk.{layer}.attn_k.weight",
      shape: ["keys", "hidden"],
      ggufRows: "interleaved",
    },
    {
      huggingFace: "model.layers.{layer}.self_attn.v_proj.weight",
      gguf: "blk.{layer}.attn_v.weight",
      shape: ["keys", "hidden"],
    },
    {
      huggingFace: "model.layers.{layer}.self_attn.o_proj.weight",
      gguf: "blk.{layer}.attn_output.weight",
      shape: ["hidden", "queries"],
    },
    {
      huggingFace: "model.layers.{layer}.post_attention_layernorm.weight",
      gguf: "blk.{layer}.ffn_norm.weight",
      shape: ["hidden"],
    },
    {
      huggingFace: "model.layers.{layer}.mlp.gate_proj.weight",
      gguf: "blk.{layer}.ffn_gate.weight",
      shape: ["intermediate", "hidden"],
    },
    {
      huggingFace: "model.layers.{layer}.mlp.up_proj.weight",
      gguf: "blk.{layer}.ffn_up.weight",
      shape: ["intermediate", "hidden"],
    },
    {
      huggingFace: "model.layers.{layer}.mlp.down_proj.weight",
      gguf: "blk.{layer}.ffn_down.weight",
      shape: ["hidden", "intermediate"],
    },
  ],
  head: { huggingFace: "lm_head.weight", gguf: "output.weight", shape: ["vocabulary", "hidden"] },
  ignored: /^model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq$/,
};

/** In GGUF a Mistral is a LLaMA. */
const MISTRAL: Family = {
  ...LLAMA,
  name: "mistral",
  known: "Mistral without a sliding window",
  gguf: null,
  huggingFace: "mistral",
};

/** LLaMA's tensors; GGUF keeps the rows of q and k as Hugging Face does. */
const QWEN_LAYER = LLAMA.layerTensors.map(({ huggingFace, gguf, shape }) => ({ huggingFace, gguf, shape }));

/** Queries, keys and values have biases. */
const QWEN2: Family = {
  ...LLAMA,
  name: "qwen2",
  known: "Qwen2, Qwen2.5",
  gguf: "qwen2",
  huggingFace: "qwen2",
  slidingWindow: "where used",
  layerTensors: [
    ...QWEN_LAYER,
    {
      huggingFace: "model.layers.{layer}.self_attn.q_proj.bias",
      gguf: "blk.{layer}.attn_q.bias",
      shape: ["queries"],
    },
    {
      huggingFace: "model.layers.{layer}.self_attn.k_proj.bias",
      gguf: "blk.{layer}.attn_k.bias",
      shape: ["keys"],
    },
    {
      huggingFace: "model.layers.{layer}.self_attn.v_proj.bias",
      gguf: "blk.{layer}.attn_v.bias",
      shape: ["keys"],
    },
  ],
};

const QWEN3: Family = {
  ...LLAMA,
  name: "qwen3",
  known: "Qwen3",
  gguf: "qwen3",
  huggingFace: "qwen3",
  queryKeyNorm: true,
  slidingWindow: "where used",
  layerTensors: [
    ...QWEN_LAYER,
    {
      huggingFace: "model.layers.{layer}.self_attn.q_norm.weight",
      gguf: "blk.{layer}.attn_q_norm.weight",
      shape: ["head"],
    },
    {
      huggingFace: "model.layers.{layer}.self_attn.k_norm.weight",
      gguf: "blk.{layer}.attn_k_norm.weight",
      shape: ["head"],
    },
  ],
};

/** A further family is a further entry. */
export const FAMILIES: readonly Family[] = [LLAMA, MISTRAL, QWEN2, QWEN3];

/** The supported families in words, for messages. */
export function supportedFamilies(): string {
  return FAMILIES.map(({ name, known }) => `${name} (${known})`).join("; ");
}

export function extentsOf(config: DecoderConfig): Readonly<Record<Extent, number>> {
  return {
    hidden: config.hiddenSize,
    queries: config.headCount * config.headSize,
    keys: config.kvHeadCount * config.headSize,
    head: config.headSize,
    intermediate: config.intermediateSize,
    vocabulary: config.vocabularySize,
  };
}
