/** A GGUF file of a few kilobytes, made on the spot, with whatever is wrong with it that a test wants. */
import { GGUF_TYPES, tensorBytes } from "../../../src/core/model/element-types";

/** A metadata value with the number of its type in GGUF. */
export type Value =
  | { type: 4 | 5 | 6 | 7 | 10; value: number }
  | { type: 8; value: string | Buffer }
  | { type: 9; element: 4 | 5 | 6 | 8; values: readonly (string | number)[]; length?: bigint }
  | { type: 99 };

export const u32 = (value: number): Value => ({ type: 4, value });
export const f32 = (value: number): Value => ({ type: 6, value });
export const flag = (value: boolean): Value => ({ type: 7, value: Number(value) });
export const u64 = (value: number): Value => ({ type: 10, value });
export const text = (value: string | Buffer): Value => ({ type: 8, value });
export const texts = (values: readonly string[]): Value => ({ type: 9, element: 8, values });
export const numbers = (values: readonly number[]): Value => ({ type: 9, element: 5, values });

export interface TensorPlan {
  name: string;
  /** Outermost extent first. */
  shape: (number | bigint)[];
  /** Number of the element type. */
  type: number;
  /** Bytes from the first tensor on; default: behind the tensor before. */
  offset?: bigint;
}

export interface GgufPlan {
  version: number;
  metadata: [string, Value][];
  tensors: TensorPlan[];
  tensorCount?: bigint;
  keyCount?: bigint;
}

const F32 = 0;
export const TOKENS = ["<|end|>", "a", "b", "ab", "Ġ", "Ġa", "1", "!"];

/** A sound plan: hidden size 64, two layers, 4 heads of 16 with 2 for keys and values, 8 tokens, tied head. */
export function tinyPlan(): GgufPlan {
  const layer = (i: number): TensorPlan[] => [
    { name: `blk.${i}.attn_norm.weight`, shape: [64], type: F32 },
    { name: `blk.${i}.attn_q.weight`, shape: [64, 64], type: 3 },
    { name: `blk.${i}.attn_k.weight`, shape: [32, 64], type: 2 },
    { name: `blk.${i}.attn_v.weight`, shape: [32, 64], type: 8 },
    { name: `blk.${i}.attn_output.weight`, shape: [64, 64], type: 30 },
    { name: `blk.${i}.ffn_norm.weight`, shape: [64], type: F32 },
    { name: `blk.${i}.ffn_gate.weight`, shape: [96, 64], type: 3 },
    { name: `blk.${i}.ffn_up.weight`, shape: [96, 64], type: 1 },
    { name: `blk.${i}.ffn_down.weight`, shape: [64, 96], type: 3 },
  ];
  return {
    version: 3,
    metadata: [
      ["general.architecture", text("llama")],
      ["general.license", text("mit")],
      ["llama.block_count", u32(2)],
      ["llama.context_length", u64(128)],
      ["llama.embedding_length", u32(64)],
      ["llama.feed_forward_length", u32(96)],
      ["llama.attention.head_count", u32(4)],
      ["llama.attention.head_count_kv", u32(2)],
      ["llama.attention.layer_norm_rms_epsilon", f32(0.5 ** 16)],
      ["llama.rope.freq_base", f32(50_000)],
      ["tokenizer.ggml.model", text("gpt2")],
      ["tokenizer.ggml.pre", text("smollm")],
      ["tokenizer.ggml.tokens", texts(TOKENS)],
      ["tokenizer.ggml.token_type", numbers([3, 1, 1, 1, 1, 1, 1, 1])],
      ["tokenizer.ggml.merges", texts(["a b", "Ġ a"])],
      ["tokenizer.ggml.eos_token_id", u32(0)],
    ],
    tensors: [
      { name: "token_embd.weight", shape: [8, 64], type: 8 },
      ...layer(0),
      ...layer(1),
      { name: "output_norm.weight", shape: [64], type: F32 },
    ],
  };
}

export function setKey(plan: GgufPlan, key: string, value: Value | null): void {
  plan.metadata = plan.metadata.filter(([name]) => name !== key);
  if (value !== null) plan.metadata.push([key, value]);
}

export function tensorOf(plan: GgufPlan, name: string): TensorPlan {
  return plan.tensors.find((tensor) => tensor.name === name)!;
}

/** A byte that, repeated, is a number between 0 and 2 in every type of float. */
const NUMBER = 0x3f;

/** Bytes of the file. Values of tensors are some number. */
export function writeGguf(plan: GgufPlan): Buffer {
  const pieces: Buffer[] = [Buffer.from("GGUF")];
  const add = (size: number, write: (bytes: Buffer) => void) => {
    const bytes = Buffer.alloc(size);
    write(bytes);
    pieces.push(bytes);
  };
  const addU32 = (value: number) => add(4, (bytes) => bytes.writeUInt32LE(value));
  const addU64 = (value: bigint | number) => add(8, (bytes) => bytes.writeBigUInt64LE(BigInt(value)));
  const addText = (value: string | Buffer) => {
    const bytes = Buffer.from(value as string);
    addU64(bytes.length);
    pieces.push(bytes);
  };
  const addNumber = (type: number, value: number) => {
    if (type === 7) add(1, (bytes) => bytes.writeUInt8(value));
    else if (type === 10) addU64(value);
    else if (type === 6) add(4, (bytes) => bytes.writeFloatLE(value));
    else if (type === 5) add(4, (bytes) => bytes.writeInt32LE(value));
    else addU32(value);
  };
  addU32(plan.version);
  addU64(plan.tensorCount ?? plan.tensors.length);
  addU64(plan.keyCount ?? plan.metadata.length);
  for (const [key, value] of plan.metadata) {
    addText(key);
    addU32(value.type);
    if (value.type === 8) addText(value.value);
    else if (value.type === 9) {
      addU32(value.element);
      addU64(value.length ?? value.values.length);
      for (const element of value.values) {
        if (typeof element === "string") addText(element);
        else addNumber(value.element, element);
      }
    } else if (value.type !== 99) addNumber(value.type, value.value);
  }
  let end = 0;
  for (const { name, shape, type, offset } of plan.tensors) {
    addText(name);
    addU32(shape.length);
    for (const extent of [...shape].reverse()) addU64(extent);
    addU32(type);
    addU64(offset ?? end);
    const layout = GGUF_TYPES.get(type);
    const size = layout === undefined ? 0 : (tensorBytes(layout, shape.map(Number)) ?? 0);
    if (size < 1e6) end = Math.ceil((end + size) / 32) * 32;
  }
  const header = pieces.reduce((sum, { length }) => sum + length, 0);
  pieces.push(Buffer.alloc(((32 - (header % 32)) % 32) + end, NUMBER));
  return Buffer.concat(pieces);
}

/** A number as the keys of split files are written. */
export const u16 = (value: number) => ({ type: 4, value }) as const;

/** The name of a part, counted from 0. */
export const partName = (i: number, count: number) => `tiny-0000${i + 1}-of-0000${count}.gguf`;

/** The tiny model's tensors dealt to several parts, the metadata in the first. */
export function tinyParts(count: number): GgufPlan[] {
  const whole = tinyPlan();
  return Array.from({ length: count }, (_, i) => {
    const plan: GgufPlan = {
      ...whole,
      metadata: i === 0 ? [...whole.metadata] : [],
      tensors: whole.tensors.filter((_tensor, at) => at % count === i),
    };
    setKey(plan, "split.no", u16(i));
    setKey(plan, "split.count", u16(count));
    setKey(plan, "split.tensors.count", u16(whole.tensors.length));
    return plan;
  });
}
