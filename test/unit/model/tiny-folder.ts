/** A folder in Hugging Face form of a few kilobytes, made on the spot, with whatever is wrong with it that a test wants. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

export interface FolderPlan {
  config: Record<string, unknown>;
  /** File name to the tensors in it, in order. */
  weights: Record<string, Record<string, Entry>>;
  tokenizer: Record<string, unknown>;
  tokenizerConfig: Record<string, unknown>;
  /** Further files, and what stands in place of those above. */
  files: Record<string, string | Uint8Array>;
  /** Bytes behind the last tensor. */
  surplus: number;
}

const SHAPES: [string, number[]][] = [
  ["model.embed_tokens.weight", [8, 16]],
  ["model.norm.weight", [16]],
  ["lm_head.weight", [8, 16]],
  ["model.layers.0.input_layernorm.weight", [16]],
  ["model.layers.0.self_attn.q_proj.weight", [16, 16]],
  ["model.layers.0.self_attn.k_proj.weight", [8, 16]],
  ["model.layers.0.self_attn.v_proj.weight", [8, 16]],
  ["model.layers.0.self_attn.o_proj.weight", [16, 16]],
  ["model.layers.0.post_attention_layernorm.weight", [16]],
  ["model.layers.0.mlp.gate_proj.weight", [24, 16]],
  ["model.layers.0.mlp.up_proj.weight", [24, 16]],
  ["model.layers.0.mlp.down_proj.weight", [16, 24]],
];

/** Tensors one behind the other. */
export function entries(shapes: readonly (readonly [string, readonly number[]])[], dtype = "BF16") {
  let end = 0;
  const found: Record<string, Entry> = {};
  for (const [name, shape] of shapes) {
    const start = end;
    end += shape.reduce((product, extent) => product * extent, 1) * (dtype === "F32" ? 4 : 2);
    found[name] = { dtype, shape: [...shape], data_offsets: [start, end] };
  }
  return found;
}

/** A sound plan: hidden size 16, one layer, 4 heads of 4 with 2 for keys and values, 8 tokens, a head of its own. */
export function tinyFolderPlan(): FolderPlan {
  return {
    config: {
      model_type: "llama",
      hidden_size: 16,
      intermediate_size: 24,
      num_hidden_layers: 1,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      vocab_size: 8,
      rms_norm_eps: 1e-5,
      rope_theta: 5000,
      max_position_embeddings: 64,
      eos_token_id: [0, 1],
    },
    weights: { "model.safetensors": entries(SHAPES) },
    tokenizer: {
      added_tokens: [{ id: 0, content: "<|end|>", special: true }],
      normalizer: null,
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: false },
      post_processor: null,
      decoder: { type: "ByteLevel" },
      model: {
        type: "BPE",
        vocab: { "<|end|>": 0, a: 1, b: 2, ab: 3, Ġ: 4, Ġa: 5, "1": 6, "!": 7 },
        merges: ["a b", ["Ġ", "a"]],
      },
    },
    tokenizerConfig: { eos_token: "<|end|>" },
    files: {},
    surplus: 0,
  };
}

/** The same weights in two files with their index. */
export function inTwoParts(plan: FolderPlan): void {
  const [first, second] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
  plan.weights = { [first]: entries(SHAPES.slice(0, 5)), [second]: entries(SHAPES.slice(5)) };
  plan.files["model.safetensors.index.json"] = JSON.stringify({
    metadata: {},
    weight_map: Object.fromEntries(SHAPES.map(([name], i) => [name, i < 5 ? first : second])),
  });
}

/** A byte that, repeated, is a number between 0 and 2 in every type of float. */
const NUMBER = 0x3f;

export function writeSafetensors(header: unknown, dataBytes: number): Buffer {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(dataBytes, NUMBER)]);
}

/** The files of a plan by their names. */
export function folderFiles(plan: FolderPlan): Record<string, Buffer> {
  const files: Record<string, string | Uint8Array> = {
    "config.json": JSON.stringify(plan.config),
    "tokenizer.json": JSON.stringify(plan.tokenizer),
    "tokenizer_config.json": JSON.stringify(plan.tokenizerConfig),
  };
  for (const [name, header] of Object.entries(plan.weights)) {
    const ends = Object.values(header).map(({ data_offsets }) => data_offsets[1]);
    const bytes = Math.max(0, ...ends.filter((end) => end < 1e6)) + plan.surplus;
    files[name] = writeSafetensors({ __metadata__: { format: "pt" }, ...header }, bytes);
  }
  return Object.fromEntries(
    Object.entries({ ...files, ...plan.files }).map(([name, content]) => [name, Buffer.from(content)]),
  );
}

export async function writeFolder(folder: string, plan: FolderPlan): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [name, content] of Object.entries(folderFiles(plan))) {
    await writeFile(path.join(folder, name), content);
  }
}
