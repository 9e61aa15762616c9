import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { loadEngine, type Session } from "../../src/core/engine";
import { openBaseModel, readModelSource, type BaseModel } from "../../src/core/model";
import { toBfloat16 } from "../../src/core/model/write/bfloat16";
import { checkWritten, writeModel } from "../../src/core/model/write/write-model";
import { fixtures } from "../fixtures/reference";

const engine = loadEngine();
const MODELS = [
  "tiny",
  "tiny.gguf",
  "tiny-tied",
  "tiny-q.gguf",
  "tiny-pickled",
  ...["llama3", "mistral", "qwen2", "qwen3"].flatMap((family) => [`tiny-${family}`, `tiny-${family}.gguf`]),
];

/** bfloat16 as float32 again. */
function rounded(values: Float32Array): Float32Array {
  const halves = new Uint16Array(toBfloat16(values).buffer);
  return new Float32Array(Uint32Array.from(halves, (half) => half * 65536).buffer);
}

/** Some rows of a vocabulary's log-probabilities behind a few tokens. */
async function answers(session: Session): Promise<Float32Array> {
  const tokens = Int32Array.of(5, 17, 44, 101, 7, 250, 33);
  const row = Int32Array.from(tokens, (_, i) => i);
  const { targets } = await session.score({
    tokens,
    segmentLength: Int32Array.of(tokens.length),
    segmentParent: Int32Array.of(-1),
    choiceRow: new Int32Array(),
    choiceStart: Int32Array.of(0),
    candidates: new Int32Array(),
    choiceAnswer: new Int32Array(),
    choiceWeight: new Float32Array(),
    targetRow: row,
    targetToken: Int32Array.from(tokens, (token) => (token * 3) % 256),
    targetWeight: new Float32Array(tokens.length),
  });
  return targets;
}

describe("a written model", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "plumb-written-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const write = async (base: BaseModel, valuesOf: (name: string) => Promise<Float32Array> | Float32Array) => {
    await writeModel(folder, base, await readModelSource(base), "a page\n", valuesOf);
    const written = await openBaseModel(folder);
    checkWritten(base, written);
    return written;
  };

  for (const name of MODELS)
    it(`${name}: has the base's values in bfloat16 under their names, its shape and its tokens`, async () => {
      const base = await openBaseModel(path.join(fixtures, name));
      const model = await engine.openModel(base.table, { precision: "float32" });
      const written = await write(base, (tensor) => model.read(tensor));
      assert.equal(written.format, "huggingface");
      assert.equal(
        written.family === "mistral" ? "llama" : written.family,
        base.family === "mistral" ? "llama" : base.family,
      );
      assert.ok(written.table.tensors.every(({ type }) => type === "bf16"));
      const again = await engine.openModel(written.table, { precision: "float32" });
      for (const { name: tensor } of base.table.tensors)
        assert.deepEqual(await again.read(tensor), rounded(await model.read(tensor)), tensor);
      again.close();
      model.close();
    });

  for (const name of ["tiny.gguf", "tiny-tied", "tiny-qwen2", "tiny-qwen3.gguf"])
    it(`${name}: answers as the session whose parameters it was made from, to the bit once they are rounded`, async () => {
      const base = await openBaseModel(path.join(fixtures, name));
      const model = await engine.openModel(base.table, { precision: "float32" });
      const session = await model.openSession({ method: { promptLength: 0, biases: [], full: true } });
      const before = await answers(session);
      // As if trained: every value is another one.
      const values = (await session.read()).map((value, i) => value + 0.01 * Math.sin(i));
      await session.write(values);
      const trained = await answers(session);
      const places = new Map(session.parameters.map((parameter) => [parameter.name, parameter]));
      const written = await write(base, (tensor) => {
        const { offset, shape } = places.get(tensor)!;
        return values.slice(offset, offset + shape.reduce((product, extent) => product * extent, 1));
      });
      const again = await engine.openModel(written.table, { precision: "float32" });
      const plain = await again.openSession({ method: { promptLength: 0, biases: [] } });
      const found = await answers(plain);
      await session.write(rounded(values));
      assert.deepEqual(found, await answers(session));
      // Of a value eight bits are kept, of what the training moved far more than that.
      const distance = (from: Float32Array) =>
        Math.max(...from.map((value, i) => Math.abs(value - trained[i]!)));
      assert.ok(distance(found) > 0 && distance(found) < 0.2 * distance(before), `${distance(found)}`);
      for (const one of [plain, session]) one.close();
      again.close();
      model.close();
    });

  it("keeps the files that a base in Hugging Face form came with, to the byte, but for the type in config.json", async () => {
    const base = await openBaseModel(path.join(fixtures, "tiny-tied"));
    const model = await engine.openModel(base.table, { precision: "float32" });
    await write(base, (tensor) => model.read(tensor));
    model.close();
    for (const file of ["tokenizer.json", "tokenizer_config.json", "generation_config.json"])
      assert.deepEqual(await readFile(path.join(folder, file)), await readFile(path.join(base.path, file)));
    const config = async (from: string) =>
      JSON.parse(await readFile(path.join(from, "config.json"), "utf8")) as Record<string, unknown>;
    assert.deepEqual(
      { ...(await config(folder)), torch_dtype: undefined },
      { ...(await config(base.path)), dtype: "bfloat16", torch_dtype: undefined },
    );
  });
});
