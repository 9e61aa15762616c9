import assert from "node:assert/strict";
import { type Model, type ModelOptions, type Session, loadEngine } from "../../src/core/engine";
import type { Reference } from "../fixtures/reference";
import { EMULATED_GPU } from "../emulated-gpu";

/** From here on the engine's GPU is the emulated one, unless the environment names the library for real ones. */
export function useEmulatedGpu(): void {
  if (process.env.PLUMB_CUDA_LIBRARY !== undefined) return;
  process.env.PLUMB_CUDA_LIBRARY = EMULATED_GPU;
  // A real cuBLAS, where this machine has one, cannot compute in the emulation's memory.
  process.env.PLUMB_CUBLAS ??= "none";
}

/** From here on processes that are started find what they found before. */
export function leaveEmulatedGpu(): void {
  if (process.env.PLUMB_CUDA_LIBRARY !== EMULATED_GPU) return;
  Reflect.deleteProperty(process.env, "PLUMB_CUDA_LIBRARY");
  if (process.env.PLUMB_CUBLAS === "none") Reflect.deleteProperty(process.env, "PLUMB_CUBLAS");
}

/** Another program takes all that the emulated GPU's memory has left. */
export function takeAllMemory(): void {
  const free = loadEngine().gpus().gpus[0]?.freeMemory ?? 0;
  process.env.PLUMB_EMULATED_OTHERS = String(Number(process.env.PLUMB_EMULATED_OTHERS ?? 0) + free);
}
export function giveBackMemory(): void {
  Reflect.deleteProperty(process.env, "PLUMB_EMULATED_OTHERS");
}

export const ALL_MAPS = ["q", "k", "v", "o", "gate", "up", "down"] as const;

/** A recorded case in the engine, with the adapter that its values were recorded with. */
export async function openReference(
  reference: Reference,
  format: "huggingface" | "gguf",
  options: ModelOptions & { checkpoint?: boolean } = {},
): Promise<{ model: Model; session: Session }> {
  const { checkpoint = false, ...rest } = options;
  if (rest.device !== undefined) useEmulatedGpu();
  const model = await loadEngine().openModel(reference.table(format), { precision: "float32", ...rest });
  const { promptLength, promptRight, promptEncoder, lora, full } = reference.file;
  if (full === true) {
    // Starts from the model's own values, which are the recorded case's.
    const session = await model.openSession({ method: { promptLength: 0, biases: [], full }, checkpoint });
    return { model, session };
  }
  const session = await model.openSession({
    method:
      lora !== undefined
        ? { promptLength, biases: [], lora: { ...lora, dropout: 0, maps: ALL_MAPS } }
        : promptRight !== undefined && promptEncoder !== undefined
          ? { promptLength, promptRight, promptEncoder, biases: [] }
          : { promptLength, biases: ALL_MAPS },
    checkpoint,
  });
  await session.write(flat(session, reference.adapter()));
  return { model, session };
}

/** Greedy continuations behind a common prefix are the recorded ones. */
export async function generatesTheSame(session: Session, reference: Reference): Promise<void> {
  const { generation } = reference.file;
  assert.ok(generation);
  const { prefix, sequences } = generation;
  const texts = sequences.map((sequence) => sequence.text);
  const found = await session.generate(
    {
      tokens: Int32Array.from([prefix, ...texts].flat()),
      segmentLength: Int32Array.from([prefix, ...texts], (tokens) => tokens.length),
      segmentParent: Int32Array.from([-1, ...texts.map(() => 0)]),
    },
    {
      leaves: Int32Array.from(texts, (_, i) => i + 1),
      maxTokens: sequences[0]?.tokens.length ?? 0,
      endTokens: new Int32Array(),
      temperature: 0,
      topP: 1,
      seed: 0,
    },
  );
  assert.deepEqual(
    found.map((tokens) => [...tokens]),
    sequences.map((sequence) => sequence.tokens),
  );
}

/** Named values in the order of the session's flat buffer. */
export function flat(session: Session, values: ReadonlyMap<string, Float32Array>): Float32Array {
  const result = new Float32Array(session.parameters.reduce((sum, p) => sum + count(p.shape), 0));
  for (const parameter of session.parameters) {
    const part = values.get(parameter.name);
    assert.ok(part, `the reference has no ${parameter.name}`);
    result.set(part, parameter.offset);
  }
  return result;
}

/** The values of one parameter in a flat buffer. */
export function part(session: Session, values: Float32Array, name: string): Float32Array {
  const parameter = session.parameters.find((p) => p.name === name);
  assert.ok(parameter, name);
  return values.subarray(parameter.offset, parameter.offset + count(parameter.shape));
}

const count = (shape: readonly number[]) => shape.reduce((product, extent) => product * extent, 1);
