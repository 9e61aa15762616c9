import assert from "node:assert/strict";
import { type Batch, loadEngine, type ModelOptions } from "../../src/core/engine";
import { type Recorded, Reference, distance } from "../fixtures/reference";
import { ALL_MAPS, generatesTheSame, openReference, part } from "./reference-session";

/**
 * The engine against PyTorch (test/fixtures/reference.py). The unit is the error that PyTorch's own float32 makes against
 * the float64 reference, tensor by tensor: key biases nearly cancel, so that a fixed relative bound would be luck. Sums in
 * another order make errors of the same size; the factor leaves room for a tensor whose recorded error is small by luck.
 */
const FACTOR = 8;
/** A recorded error of one number is one draw, and may be near zero; after steps it carries the errors of all parameters. */
const SCALAR_FACTOR = 40;

/**
 * AdamW divides by the gradient's size: where it nearly cancels, as a key bias's does, another order of sums shows in the step.
 * Products of a processor without AVX-512 add up in another order than those of one with it, and a GPU's in yet another:
 * 12 and 16 were seen.
 */
const STEPPED_FACTOR = 40;

const cases = [
  { name: "tiny", format: "huggingface" },
  { name: "tiny", format: "gguf" },
  { name: "tiny-tied", format: "huggingface" },
  { name: "tiny-q", format: "gguf" },
  { name: "tiny-lora", format: "huggingface" },
  { name: "tiny-qwen2-full", format: "huggingface" },
  { name: "tiny-qwen3-full", format: "huggingface" },
  { name: "tiny-ptuning-mlp", format: "huggingface" },
  { name: "tiny-ptuning-lstm", format: "huggingface" },
  ...(["tiny-llama3", "tiny-mistral", "tiny-qwen2", "tiny-qwen3"] as const).flatMap((name) => [
    { name, format: "huggingface" } as const,
    { name, format: "gguf" } as const,
  ]),
] as const;
const variants: { title: string; options: ModelOptions & { checkpoint?: boolean } }[] = [
  { title: "plain", options: {} },
  { title: "checkpointed", options: { checkpoint: true } },
  { title: "weights converted at each use", options: { weights: "stream" } },
  { title: "one thread", options: { threads: 1 } },
  { title: "on a GPU", options: { device: "cuda" } },
  {
    title: "on a GPU, checkpointed, weights converted at each use",
    options: { device: "cuda", checkpoint: true, weights: "stream" },
  },
];
const places = ["cpu", "cuda"] as const;

/** The recorded batch, asked for every token of the vocabulary behind the rows whose logits were recorded. */
function wholeRows(reference: Reference): Batch {
  const rows = reference.file.logitRows!;
  const tokens = reference.tensor("logits").shape[1]!;
  return {
    ...reference.batch(),
    choiceRow: Int32Array.from(rows),
    choiceStart: Int32Array.from([0, ...rows.map((_, i) => (i + 1) * tokens)]),
    candidates: Int32Array.from({ length: rows.length * tokens }, (_, i) => i % tokens),
    choiceAnswer: Int32Array.from(rows, () => -1),
    choiceWeight: new Float32Array(rows.length),
  };
}

/** Logits, row by row, as logarithms of probabilities; each is a difference of logits, so PyTorch's error stays what it was. */
function logProbabilities(logits: Recorded): Recorded {
  const tokens = logits.shape[1]!;
  const values = logits.values.map((value, i) => {
    const row = logits.values.subarray(i - (i % tokens), i - (i % tokens) + tokens);
    return value - Math.log(row.reduce((sum, other) => sum + Math.exp(other), 0));
  });
  return { ...logits, values };
}

describe("the engine agrees with PyTorch", () => {
  for (const { name, format } of cases)
    for (const { title, options } of variants)
      it(`${name} (${format}), ${title}: logits, loss, scores and every gradient`, async () => {
        const reference = new Reference(name);
        const { model, session } = await openReference(reference, format, options);
        if (reference.has("prompt"))
          assert.ok(distance(await session.prompt(), reference.tensor("prompt")) <= FACTOR);
        if (reference.has("logits")) {
          const { choices } = await session.score(wholeRows(reference));
          const units = distance(choices, logProbabilities(reference.tensor("logits")));
          assert.ok(units <= FACTOR, `logits: ${units.toFixed(1)} times PyTorch's own error`);
        }
        for (const batchName of ["batch", "roots/batch"] as const) {
          if (reference.file[batchName] === undefined) continue;
          const prefix = batchName === "batch" ? "" : "roots/";
          const check = (found: ArrayLike<number>, what: string) => {
            const units = distance(found, reference.tensor(prefix + what));
            assert.ok(units <= FACTOR, `${prefix}${what}: ${units.toFixed(1)} times PyTorch's own error`);
          };
          const batch = reference.batch(batchName);
          const scores = await session.score(batch);
          check(scores.choices, "choices");
          check(scores.targets, "targets");
          const { loss } = await session.accumulate(batch);
          check([loss], "loss");
          const gradient = await session.gradient();
          for (const { name: parameter } of session.parameters)
            if (reference.file.full !== true || reference.has(`gradient/${parameter}`))
              check(part(session, gradient, parameter), `gradient/${parameter}`);
          await session.step({
            rates: {},
            maxNorm: 0,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weightDecay: 0,
          });
        }
        session.close();
        model.close();
      });

  for (const name of ["tiny-llama3", "tiny-mistral", "tiny-qwen2", "tiny-qwen3"])
    it(`${name}: an adapter has the same scores and gradients, to the bit, on GGUF as on safetensors of equal values`, async () => {
      const reference = new Reference(name);
      const [first, second] = await Promise.all(
        (["huggingface", "gguf"] as const).map(async (format) => {
          const { model, session } = await openReference(reference, format);
          const { loss } = await session.accumulate(reference.batch());
          const result = {
            scores: await session.score(reference.batch()),
            loss,
            gradient: await session.gradient(),
          };
          session.close();
          model.close();
          return result;
        }),
      );
      assert.deepEqual(first, second);
    });

  it("keeps a model's own biases where none, some or all are trained", async () => {
    const reference = new Reference("tiny-qwen2");
    const model = await loadEngine().openModel(reference.table("huggingface"), { precision: "float32" });
    const scored = [];
    for (const biases of [[], ["k", "up"], ALL_MAPS] as const) {
      const session = await model.openSession({
        method: { promptLength: reference.file.promptLength, biases },
      });
      const values = await session.read();
      values.set(reference.adapter().get("prompt.left")!);
      await session.write(values);
      scored.push(await session.score(reference.batch()));
      session.close();
    }
    model.close();
    const [none, some, all] = scored;
    for (const other of [some, all]) {
      for (const what of ["choices", "targets"] as const) {
        const worst = none![what].map((value, i) => Math.abs(value - other![what][i]!));
        assert.ok(Math.max(...worst) < 1e-5, `${what} differ by ${Math.max(...worst)}`);
      }
    }
  });

  for (const device of places)
    it(`takes the same AdamW steps (${device})`, async () => {
      const reference = new Reference("tiny");
      const { steps } = reference.file;
      assert.ok(steps);
      const { session } = await openReference(reference, "huggingface", { device });
      for (const [i, rates] of steps.rates.entries()) {
        const { loss } = await session.accumulate(reference.batch());
        const { gradientNorm } = await session.step({ ...steps, rates });
        assert.ok(distance([loss], reference.tensor(`step/${i}/loss`)) <= SCALAR_FACTOR, `loss of step ${i}`);
        const norm = reference.tensor(`step/${i}/gradientNorm`);
        assert.ok(distance([gradientNorm], norm) <= SCALAR_FACTOR, `norm of step ${i}`);
        const values = await session.read();
        for (const { name } of session.parameters) {
          const units = distance(part(session, values, name), reference.tensor(`step/${i}/${name}`));
          assert.ok(
            units <= STEPPED_FACTOR,
            `${name} after step ${i}: ${units.toFixed(1)} times PyTorch's own error`,
          );
        }
      }
    });

  for (const device of places)
    it(`generates the same tokens (${device})`, async () => {
      const reference = new Reference("tiny");
      const { session } = await openReference(reference, "huggingface", { device });
      await generatesTheSame(session, reference);
    });
});
