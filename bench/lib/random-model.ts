/** Models of a known shape with random weights, for measurements: one small file stands for all of their tensors. */
import { closeSync, openSync, writeSync } from "node:fs";
import { seededRandom } from "../../src/core/random";
import type { DecoderConfig, ModelTable, TensorEntry } from "../../src/core/engine";

const SHARED = { normEpsilon: 1e-6, ropeTheta: 10_000, contextLength: 4096 };

export const SHAPES = {
  "open-llama-3b": {
    ...SHARED,
    hiddenSize: 3200,
    intermediateSize: 8640,
    layerCount: 26,
    headCount: 32,
    kvHeadCount: 32,
    headSize: 100,
    vocabularySize: 32_000,
    tiedHead: false,
  },
  /** To try a measurement out on the emulated GPU. */
  tiny: {
    ...SHARED,
    hiddenSize: 64,
    intermediateSize: 96,
    layerCount: 2,
    headCount: 4,
    kvHeadCount: 2,
    headSize: 16,
    vocabularySize: 5000,
    tiedHead: true,
  },
  "smollm2-135m": {
    ...SHARED,
    hiddenSize: 576,
    intermediateSize: 1536,
    layerCount: 30,
    headCount: 9,
    kvHeadCount: 3,
    headSize: 64,
    vocabularySize: 49_152,
    tiedHead: true,
  },
} satisfies Record<string, DecoderConfig>;
export type ShapeName = keyof typeof SHAPES;

/** Distinct values in the file; they come again behind so many. */
const PERIOD = 1 << 22;

/**
 * A table of bfloat16 tensors that all lie in `file`, which is written: normal values of deviation 0.02, norms near one. Each
 * tensor begins somewhere else in it, so that no two maps are the same.
 */
export function randomModel(config: DecoderConfig, file: string): ModelTable {
  const { hiddenSize, intermediateSize, headCount, kvHeadCount, headSize, vocabularySize } = config;
  const tensors: TensorEntry[] = [];
  const most = Math.max(vocabularySize, intermediateSize) * hiddenSize;
  const norms = (most + PERIOD) * 2;
  const matrix = (name: string, out: number, inputs: number) =>
    tensors.push({
      name,
      type: "bf16",
      shape: [out, inputs],
      file: 0,
      offset: ((tensors.length * 7919) % (PERIOD / 64)) * 128,
    });
  const norm = (name: string) =>
    tensors.push({ name, type: "bf16", shape: [hiddenSize], file: 0, offset: norms });
  matrix("model.embed_tokens.weight", vocabularySize, hiddenSize);
  for (let i = 0; i < config.layerCount; i++) {
    const layer = `model.layers.${String(i)}`;
    norm(`${layer}.input_layernorm.weight`);
    norm(`${layer}.post_attention_layernorm.weight`);
    matrix(`${layer}.self_attn.q_proj.weight`, headCount * headSize, hiddenSize);
    matrix(`${layer}.self_attn.k_proj.weight`, kvHeadCount * headSize, hiddenSize);
    matrix(`${layer}.self_attn.v_proj.weight`, kvHeadCount * headSize, hiddenSize);
    matrix(`${layer}.self_attn.o_proj.weight`, hiddenSize, headCount * headSize);
    matrix(`${layer}.mlp.gate_proj.weight`, intermediateSize, hiddenSize);
    matrix(`${layer}.mlp.up_proj.weight`, intermediateSize, hiddenSize);
    matrix(`${layer}.mlp.down_proj.weight`, hiddenSize, intermediateSize);
  }
  norm("model.norm.weight");
  if (!config.tiedHead) matrix("lm_head.weight", vocabularySize, hiddenSize);
  writeValues(file, most + PERIOD, hiddenSize);
  return { files: [file], tensors, config };
}

function writeValues(file: string, count: number, norms: number): void {
  const random = seededRandom(1);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const bfloat16 = (values: Float32Array) =>
    Uint16Array.from(new Uint32Array(values.buffer), (bits) => (bits + 0x8000) >>> 16);
  const block = bfloat16(Float32Array.from({ length: PERIOD }, () => 0.02 * normal()));
  const out = openSync(file, "w");
  for (let written = 0; written < count; written += PERIOD)
    writeSync(out, block, 0, 2 * Math.min(PERIOD, count - written));
  writeSync(out, bfloat16(Float32Array.from({ length: norms }, () => 1 + 0.1 * normal())));
  closeSync(out);
}

/** Weights of the linear maps in the layers: what a token is multiplied with, forward. */
export function layerWeights(config: DecoderConfig): number {
  const { hiddenSize, intermediateSize, headCount, kvHeadCount, headSize, layerCount } = config;
  const attention = hiddenSize * headSize * (2 * headCount + 2 * kvHeadCount);
  return layerCount * (attention + 3 * hiddenSize * intermediateSize);
}
