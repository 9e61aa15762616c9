import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { loadEngine, type ElementType, type TensorEntry } from "../../src/core/engine";

interface Recorded {
  rows: number;
  cols: number;
  types: Record<string, { bytes: string; first: number[]; sha256: string }>;
}
const recorded = JSON.parse(
  readFileSync(path.join(__dirname, "..", "fixtures", "blocks.json"), "utf8"),
) as Recorded;

/** A model whose embedding is the recorded blocks; all its other weights are zeros behind them. */
function tableOf(file: string, type: ElementType, zeros: number) {
  const { rows, cols } = recorded;
  const tensor = (name: string, shape: number[], of: ElementType = "f32", offset = zeros): TensorEntry => ({
    name,
    type: of,
    shape,
    file: 0,
    offset,
  });
  const layer = (name: string, shape: number[]) => tensor(`model.layers.0.${name}.weight`, shape);
  return {
    files: [file],
    tensors: [
      tensor("model.embed_tokens.weight", [rows, cols], type, 0),
      tensor("model.norm.weight", [cols]),
      layer("input_layernorm", [cols]),
      layer("post_attention_layernorm", [cols]),
      ...["q", "k", "v"].map((name) => layer(`self_attn.${name}_proj`, [2, cols])),
      layer("self_attn.o_proj", [cols, 2]),
      layer("mlp.gate_proj", [2, cols]),
      layer("mlp.up_proj", [2, cols]),
      layer("mlp.down_proj", [cols, 2]),
    ],
    config: {
      hiddenSize: cols,
      intermediateSize: 2,
      layerCount: 1,
      headCount: 1,
      kvHeadCount: 1,
      headSize: 2,
      vocabularySize: rows,
      normEpsilon: 1e-5,
      ropeTheta: 10000,
      contextLength: 16,
      tiedHead: true,
    },
  };
}

describe("block types are read to the bit as llama.cpp's gguf package reads them", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "plumb-blocks-"));
  });
  after(() => rm(folder, { recursive: true }));

  for (const [type, { bytes, first, sha256 }] of Object.entries(recorded.types)) {
    it(type, async () => {
      const file = path.join(folder, type);
      const blocks = Buffer.from(bytes, "base64");
      await writeFile(file, Buffer.concat([blocks, Buffer.alloc(4 * 2 * recorded.cols)]));
      const model = await loadEngine().openModel(tableOf(file, type as ElementType, blocks.length), {
        precision: "float32",
      });
      try {
        const values = await model.embed(Int32Array.from({ length: recorded.rows }, (_, row) => row));
        assert.deepEqual([...values.subarray(0, first.length)], first);
        assert.equal(createHash("sha256").update(new Uint8Array(values.buffer)).digest("hex"), sha256);
      } finally {
        model.close();
      }
    });
  }
});
