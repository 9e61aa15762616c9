import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type Model, type ModelOptions, type Session, loadEngine } from "../../src/core/engine";
import { openBaseModel, resolveBaseModel } from "../../src/core/model";
import { Reference, distance, fixtureValue } from "../fixtures/reference";
import { ALL_MAPS, flat, generatesTheSame, part } from "./reference-session";

/** As in parity.test.ts; thirty layers leave room for more unlucky tensors than two. */
const FACTOR = 12;
/** A projection is one number: its recorded error may be near zero by luck. */
const SCALAR_FACTOR = 40;

describe("the engine agrees with PyTorch on SmolLM2-135M-Instruct (Q4_1)", function () {
  this.timeout(120_000);
  const engine = loadEngine();
  const reference = new Reference("smollm2");
  const batch = reference.batch();

  async function open(
    options: ModelOptions,
    checkpoint = false,
  ): Promise<{ model: Model; session: Session }> {
    const base = await openBaseModel(await resolveBaseModel(undefined));
    const model = await engine.openModel(base.table, options);
    const session = await model.openSession({
      method: { promptLength: reference.file.promptLength, biases: ALL_MAPS },
      checkpoint,
    });
    await session.write(flat(session, reference.adapter()));
    return { model, session };
  }

  before(async function () {
    const missing = await resolveBaseModel(undefined).then(
      () => null,
      (error: unknown) => (error as Error).message,
    );
    if (missing === null) return;
    console.log(`      skipped: ${missing}`);
    this.skip();
  });

  for (const [title, options, checkpoint] of [
    ["weights kept", {}, false],
    ["weights converted at each use, checkpointed", { weights: "stream" }, true],
  ] as const)
    it(`float32, ${title}: loss, scores and the gradient of the prompt and of every bias`, async () => {
      const { model, session } = await open({ precision: "float32", ...options }, checkpoint);
      const check = (found: ArrayLike<number>, what: string, factor = FACTOR) => {
        const units = distance(found, reference.tensor(what));
        assert.ok(units <= factor, `${what}: ${units.toFixed(1)} times PyTorch's own error`);
      };
      const scores = await session.score(batch);
      check(scores.choices, "choices");
      check(scores.targets, "targets");
      check([(await session.accumulate(batch)).loss], "loss", SCALAR_FACTOR);
      const gradient = await session.gradient();
      for (const { name } of session.parameters) {
        const found = part(session, gradient, name);
        if (reference.has(`gradient/${name}`)) check(found, `gradient/${name}`);
        const recorded = reference.file.projections?.[name];
        assert.ok(recorded, name);
        // Each element may be off by PyTorch's own rms; a projection on numbers of about 0.58 adds those errors up.
        const random = 0.58 * Math.sqrt(found.length) * recorded.float32.rms;
        const unit = Math.max(recorded.float32.projection, random, 3 * 2 ** -24 * recorded.norm);
        const projection = found.reduce((sum, value, i) => sum + value * fixtureValue(i), 0);
        const units = Math.abs(projection - recorded.projection) / unit;
        assert.ok(units <= FACTOR, `projection of ${name}: ${units.toFixed(1)} units`);
        const norm = Math.sqrt(found.reduce((sum, value) => sum + value * value, 0));
        const bound = FACTOR * Math.sqrt(found.length) * recorded.float32.rms + 1e-6 * recorded.norm;
        assert.ok(Math.abs(norm - recorded.norm) <= bound, `norm of ${name}`);
      }
      session.close();
      model.close();
    });

  for (const weights of ["keep", "stream"] as const)
    it(`holds no pages of the file behind weights that it has converted (${weights})`, async () => {
      const { model, session } = await open({ precision: "float32", weights });
      await session.score(batch);
      const [file = ""] = (await openBaseModel(await resolveBaseModel(undefined))).table.files;
      // The layers' weights are 66 MB of the file; the embedding and its pages stay.
      const held = residentBytes(file);
      assert.ok(held < 50e6, `${held} bytes resident`);
      session.close();
      model.close();
    });

  it("without an adapter gives the base model's own probabilities", async () => {
    const { base } = reference.file;
    assert.ok(base);
    const { model, session } = await open({ precision: "float32" });
    const bare = await model.openSession({ method: { promptLength: 20, biases: ALL_MAPS } });
    const values = await bare.read();
    values.set(await model.embed(Int32Array.from(base.prompt)));
    await bare.write(values);
    const tokens = [...base.prompt.map((_, i) => -1 - i), ...base.tokens];
    const vocabulary = reference.tensor("base/last").values.length;
    const { choices } = await bare.score({
      tokens: Int32Array.from(tokens),
      segmentLength: Int32Array.of(tokens.length),
      segmentParent: Int32Array.of(-1),
      choiceRow: Int32Array.of(tokens.length - 1),
      choiceStart: Int32Array.of(0, vocabulary),
      candidates: Int32Array.from({ length: vocabulary }, (_, token) => token),
      choiceAnswer: Int32Array.of(-1),
      choiceWeight: Float32Array.of(0),
      targetRow: new Int32Array(),
      targetToken: new Int32Array(),
      targetWeight: new Float32Array(),
    });
    const units = distance(choices, reference.tensor("base/last"));
    assert.ok(units <= FACTOR, `${units.toFixed(1)} times PyTorch's own error`);
    session.close();
    bare.close();
    model.close();
  });

  it("generates the same tokens", async () => {
    const { model, session } = await open({ precision: "float32" });
    await generatesTheSame(session, reference);
    session.close();
    model.close();
  });

  it("bfloat16 points the same way: scores within 0.1, gradients within 8 degrees", async function () {
    if (engine.devices()[0]?.precision !== "bfloat16") {
      console.log("      skipped: this processor has no bfloat16 products");
      this.skip();
    }
    const { model, session } = await open({ precision: "bfloat16" });
    const { choices } = await session.score(batch);
    const recorded = reference.tensor("choices").values;
    for (const [i, value] of choices.entries())
      assert.ok(Math.abs(value - (recorded[i] ?? NaN)) <= 0.1, `score ${String(i)}`);
    await session.accumulate(batch);
    const gradient = await session.gradient();
    for (const { name } of session.parameters.filter((p) => reference.has(`gradient/${p.name}`))) {
      if (name.includes("k_proj")) continue; // nearly cancels: what is left is rounding
      const found = part(session, gradient, name);
      const expected = reference.tensor(`gradient/${name}`).values;
      let [ab, aa, bb] = [0, 0, 0];
      for (const [i, value] of found.entries()) {
        const other = expected[i] ?? NaN;
        ab += value * other;
        aa += value * value;
        bb += other * other;
      }
      assert.ok(
        ab / Math.sqrt(aa * bb) >= Math.cos((8 * Math.PI) / 180),
        `${name}: ${String(ab / Math.sqrt(aa * bb))}`,
      );
    }
    session.close();
    model.close();
  });
});

/** Bytes of a mapped file that this process holds in memory. */
function residentBytes(file: string): number {
  let bytes = 0;
  let inside = false;
  for (const line of readFileSync("/proc/self/smaps", "utf8").split("\n")) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) inside = line.endsWith(` ${file}`);
    const kilobytes = /^Rss:\s+(\d+) kB/.exec(line)?.[1];
    if (inside && kilobytes !== undefined) bytes += 1024 * Number(kilobytes);
  }
  return bytes;
}
