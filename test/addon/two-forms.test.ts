import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { loadEngine, type Batch, type Session } from "../../src/core/engine";
import { openBaseModel, type BaseModel } from "../../src/core/model";
import { modelsFolder } from "../../src/core/model/cache";
import { Reference } from "../fixtures/reference";
import { needDefaultModel, recordedTokens } from "../recorded-tokens";
import { ALL_MAPS, flat } from "./reference-session";

const FOLDER = path.join(modelsFolder(), "..", "fixtures", "SmolLM2-135M-Instruct-float32");
const TEXT = "The bus stops at the corner, and nobody knows what the weather will be tomorrow; it may rain";
const PROMPT = 20;

describe("SmolLM2-135M-Instruct in 4-bit blocks of a GGUF file, and what they stand for as safetensors", function () {
  this.timeout(240_000);
  let gguf: BaseModel;
  let folder: BaseModel;

  before(async function () {
    const file = await needDefaultModel(this);
    if (!existsSync(FOLDER)) {
      console.log(`      skipped: ${FOLDER} is not here (test/fixtures/smollm2_safetensors.py writes it)`);
      this.skip();
    }
    [gguf, folder] = [await openBaseModel(file), await openBaseModel(FOLDER)];
  });

  it("give texts the same tokens", () => {
    const { texts } = recordedTokens();
    for (const text of texts)
      assert.deepEqual(folder.tokenizer.encode(text), gguf.tokenizer.encode(text), text);
    assert.equal(folder.tokenizer.endOfText, gguf.tokenizer.endOfText);
    assert.equal(folder.tokenizer.bos, gguf.tokenizer.bos);
  });

  /** Of a session with the recorded adapter: the log-probability of every token behind some words, and the gradient. */
  async function compute(
    base: BaseModel,
    batch: Batch,
  ): Promise<{ scores: Float32Array; gradient: Float32Array }> {
    const model = await loadEngine().openModel(base.table, { precision: "float32" });
    const session: Session = await model.openSession({ method: { promptLength: PROMPT, biases: ALL_MAPS } });
    await session.write(flat(session, new Reference("smollm2").adapter()));
    const { choices } = await session.score(batch);
    await session.accumulate(batch);
    const gradient = await session.gradient();
    session.close();
    model.close();
    return { scores: choices, gradient };
  }

  it("give the same logits over the whole vocabulary, and the same gradient, with one adapter, in float32", async () => {
    const words = gguf.tokenizer.encode(TEXT);
    const size = gguf.tokenizer.vocabularySize;
    const rows = [PROMPT, PROMPT + Math.floor(words.length / 2), PROMPT + words.length - 1];
    const batch: Batch = {
      tokens: Int32Array.from([...Array.from({ length: PROMPT }, (_, i) => -1 - i), ...words]),
      segmentLength: Int32Array.of(PROMPT, words.length),
      segmentParent: Int32Array.of(-1, 0),
      choiceRow: Int32Array.from(rows),
      choiceStart: Int32Array.from([0, ...rows.map((_, i) => (i + 1) * size)]),
      candidates: Int32Array.from({ length: rows.length * size }, (_, i) => i % size),
      choiceAnswer: Int32Array.from(rows, () => 7),
      choiceWeight: Float32Array.from(rows, () => 1 / rows.length),
      targetRow: new Int32Array(),
      targetToken: new Int32Array(),
      targetWeight: new Float32Array(),
    };
    const blocks = await compute(gguf, batch);
    const values = await compute(folder, batch);
    assert.ok(blocks.scores.every(Number.isFinite));
    // The same numbers enter every product, but float32 sums of q, k and v are taken together or one by one: what is left is
    // rounding (measured: 9e-6). A row in the wrong place moves logits by whole units.
    assert.ok(largest(blocks.scores, values.scores) < 1e-4, String(largest(blocks.scores, values.scores)));
    const scale = largest(blocks.gradient, new Float32Array(blocks.gradient.length));
    const apart = largest(blocks.gradient, values.gradient) / scale;
    assert.ok(scale > 0 && apart < 1e-4, String(apart));
  });
});

/** The largest difference of two series. */
function largest(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}
