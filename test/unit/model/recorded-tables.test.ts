import assert from "node:assert/strict";
import type { ModelTable } from "../../../src/core/engine";
import { openBaseModel } from "../../../src/core/model";
import { fixtures, Reference } from "../../fixtures/reference";
import path from "node:path";

/** Tables were recorded by a script that read the same files with the gguf and safetensors packages. */
const MODELS = [
  ["tiny", "huggingface", "tiny"],
  ["tiny", "gguf", "tiny.gguf"],
  ["tiny-tied", "huggingface", "tiny-tied"],
  ["tiny-q", "gguf", "tiny-q.gguf"],
  ["tiny-llama3", "huggingface", "tiny-llama3"],
  ["tiny-llama3", "gguf", "tiny-llama3.gguf"],
  ["tiny-mistral", "huggingface", "tiny-mistral"],
  ["tiny-mistral", "gguf", "tiny-mistral.gguf"],
  ["tiny-qwen2", "huggingface", "tiny-qwen2"],
  ["tiny-qwen2", "gguf", "tiny-qwen2.gguf"],
  ["tiny-qwen3", "huggingface", "tiny-qwen3"],
  ["tiny-qwen3", "gguf", "tiny-qwen3.gguf"],
] as const;

describe("tables of models equal those that other readers found", () => {
  for (const [name, format, place] of MODELS) {
    it(`${place}: every tensor's name, type, shape, place and order of rows, and the config`, async () => {
      const { table } = await openBaseModel(path.join(fixtures, place));
      const recorded = new Reference(name).table(format);
      const byName = ({ tensors }: ModelTable) =>
        [...tensors]
          .sort((a, b) => (a.name < b.name ? -1 : 1))
          .map((tensor) => ({ ...tensor, shape: [...tensor.shape] }));
      assert.deepEqual(byName(table), byName(recorded));
      assert.deepEqual(table.files, recorded.files);
      // GGUF keeps these in float32.
      const { normEpsilon, ropeFactors, ...config } = table.config;
      const { normEpsilon: expected, ropeFactors: expectedFactors, ...rest } = recorded.config;
      assert.deepEqual(config, rest);
      assert.equal(Math.fround(normEpsilon), Math.fround(expected));
      assert.deepEqual(ropeFactors?.map(Math.fround), expectedFactors?.map(Math.fround));
    });
  }
});
