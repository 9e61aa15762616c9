import { EngineError, type Engine, type Gpu } from "../engine";
import { PlumbError } from "../errors";
import { say } from "../say";
import type { EngineWishes } from "./protocol";

/** Where a model computes. */
export interface Place {
  /** As the engine takes it: "cpu", "cuda:0". */
  readonly id: string;
  /** For people. */
  readonly name: string;
  /** Null on the processor. */
  readonly gpu: Gpu | null;
  /** Why it is not what was wished; null where it is. */
  readonly sentence: string | null;
}

/**
 * The device that was wished. Without one it is the processor: GPUs are not even asked for.
 * @throws PlumbError "device" where this machine has GPUs, but none of that number.
 */
export function placeOf(engine: Engine, wish: EngineWishes["device"]): Place {
  const processor = (sentence: string | null): Place => ({
    id: "cpu",
    name: engine.devices()[0]?.name ?? "CPU",
    gpu: null,
    sentence,
  });
  if (wish === undefined || wish === "cpu") return processor(null);
  const { gpus, cudaMissing } = engine.gpus();
  if (gpus.length === 0)
    return processor(say`No graphics card: ${cudaMissing}. The processor does the work.`);
  const gpu = gpus.find(({ id }) => id === (wish === "cuda" ? "cuda:0" : wish));
  if (gpu === undefined) {
    const there = gpus.map(({ id, name }) => `${id} (${name})`).join(", ");
    throw new PlumbError(
      "device",
      say`There is no GPU ${wish}; this machine has ${there}. Name one of these.`,
    );
  }
  return { id: gpu.id, name: gpu.name, gpu, sentence: null };
}

/** An error of the engine as the user should read it: what a GPU lacked, and what to do. */
export function describeGpuError(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error;
  const { code, message } = error;
  if (code === "out-of-memory" && message.startsWith("GPU:")) {
    return new PlumbError(
      "gpu-memory",
      say`The GPU's memory ran out (${message.slice(5)}). End what else uses it (nvidia-smi lists it), take smaller micro-batches with --micro-batch 128, or leave --device out to compute on the processor. What was saved is kept.`,
      { cause: error },
    );
  }
  if (code === "cuda-not-built" || code === "cuda-unavailable") {
    return new PlumbError(
      code,
      say`This was begun on a GPU, and none can be used now: ${message}. Repair that, or begin anew on the processor.`,
      { cause: error },
    );
  }
  if (code === "device" && message.startsWith("GPU:")) {
    return new PlumbError(
      "gpu-failed",
      say`The GPU failed (${message.slice(5)}). "plumb devices" says whether it still answers; without --device the processor does the work. What was saved is kept.`,
      { cause: error },
    );
  }
  return error;
}
