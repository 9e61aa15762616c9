import { EngineError, type Gpu, type ModelTable } from "../engine";
import { PlumbError } from "../errors";
import type { BaseModel } from "../model";
import type { EngineChoices } from "../schema";
import { say } from "../say";
import { formatBytes, sizeOfFiles } from "./forecast";
import type { JobTools } from "./job-tools";
import { gpuReason, isGpuFull } from "./memory";
import type { EngineWishes } from "./protocol";

/** Where a model computes. */
export interface Place {
  /** As the engine takes it: "cpu", "cuda:0", "cuda:0,1". */
  readonly id: string;
  /** For people. */
  readonly name: string;
  /** The first one, of several; null on the processor. */
  readonly gpu: Gpu | null;
  /** Why it is not what was wished; null where it is. */
  readonly sentence: string | null;
}

export type PlaceTools = Pick<JobTools, "engine" | "gpus">;

const processor = ({ engine }: PlaceTools, sentence: string | null): Place => ({
  id: "cpu",
  name: engine().devices()[0]?.name ?? "CPU",
  gpu: null,
  sentence,
});

/**
 * The device that was wished. Without a wish it is the first GPU, where one can be used.
 * @throws PlumbError "device" where this machine has GPUs, but not those that were wished, or these do not go together.
 */
export async function placeOf(tools: PlaceTools, wish: EngineWishes["device"] = "cuda"): Promise<Place> {
  if (wish === "cpu") return processor(tools, null);
  const { gpus, cudaMissing, nccl } = await tools.gpus();
  if (gpus.length === 0)
    return processor(
      tools,
      say`The processor does the work, since no graphics card can be used: ${cudaMissing}.`,
    );
  const [, numbers = "0"] = wish.split(":");
  const wished =
    numbers === "all"
      ? gpus
      : [...new Set(numbers.split(",").map(Number))].map((number) => {
          const named = `cuda:${number}`;
          const found = gpus.find(({ id }) => id === named);
          if (found !== undefined) return found;
          throw new PlumbError(
            "device",
            say`There is no GPU ${named}; this machine has ${listed(gpus)}. Name one of these.`,
          );
        });
  const first = wished[0]!;
  const other = wished.find(({ capability }) => capability !== first.capability);
  if (other !== undefined)
    throw new PlumbError(
      "device",
      say`${first.id} (${first.name}) and ${other.id} (${other.name}) are of different kinds, and GPUs that tune together must be of one: their results would drift apart. Name those of one kind, as in --device cuda:0,1.`,
    );
  const place = {
    id: `cuda:${wished.map(({ id }) => id.slice("cuda:".length)).join(",")}`,
    name: wished.length === 1 ? first.name : `${wished.length} × ${first.name}`,
    gpu: first,
    sentence: null,
  };
  return wished.length > 1 && nccl.version === null ? onlyFirst(first, nccl.missing) : place;
}

/**
 * Opens a base model where it was wished. Where nothing was wished and the GPU has no room for it, or fails, it is opened
 * on the processor.
 * @param open Throws PlumbError "memory" with the figures `needed` and `usable` where memory does not hold it.
 */
export async function openAtPlace<T>(
  tools: PlaceTools,
  { device: wish }: EngineWishes,
  { table }: BaseModel,
  open: (place: Place) => Promise<T>,
): Promise<T> {
  const place = await placeOf(tools, wish);
  try {
    return await open(place);
  } catch (error) {
    const why = wish === undefined && place.gpu !== null ? await whyNot(place.gpu, error, table) : null;
    if (why === null) throw error;
    return open(processor(tools, why));
  }
}

/** Why a GPU does not do, in a sentence; null for an error that has nothing to do with it. */
async function whyNot(
  { name, freeMemory }: Gpu,
  error: unknown,
  { files }: ModelTable,
): Promise<string | null> {
  if (error instanceof PlumbError && error.code === "memory") {
    const { needed = 0, usable = 0 } = error.figures;
    return say`The processor does the work, since at least ${formatBytes(needed)} of the graphics card's memory (${name}) would be needed, and ${formatBytes(usable)} may be used.`;
  }
  if (isGpuFull(error)) {
    const weights = formatBytes(await sizeOfFiles(files));
    return say`The processor does the work, since the graphics card's memory (${name}), of which ${formatBytes(freeMemory)} are free, does not hold the model, ${weights} in its file.`;
  }
  if (error instanceof EngineError && isGpuGone(error))
    return say`The processor does the work, since the graphics card (${name}) cannot be used: ${error.message}.`;
  return null;
}

const isGpuGone = ({ code }: EngineError) => ["cuda-not-built", "cuda-unavailable", "device"].includes(code);

/**
 * What was begun on GPUs goes on there: its bits are theirs.
 * @throws PlumbError where this machine has them no longer.
 */
export async function expectPlace(
  { gpus }: PlaceTools,
  { place, device }: Pick<EngineChoices, "place" | "device">,
): Promise<void> {
  if (place === "cpu") return;
  const found = await gpus();
  if (found.gpus.length === 0) throw noGpuNow(found.cudaMissing);
  const numbers = place.slice("cuda:".length).split(",");
  if (numbers.every((number) => found.gpus.some(({ id }) => id === `cuda:${number}`))) return;
  throw new PlumbError(
    "device",
    say`This was begun on ${place} (${device}), and this machine has ${listed(found.gpus)}. Go on where it was begun, or begin anew.`,
  );
}

const listed = (gpus: readonly Gpu[]) => gpus.map(({ id, name }) => `${id} (${name})`).join(", ");

const noGpuNow = (why: string, cause?: EngineError) =>
  new PlumbError(
    "cuda-unavailable",
    say`This was begun on a GPU, and none can be used now: ${why}. Repair that, or begin anew on the processor.`,
    { cause },
  );

const onlyFirst = (gpu: Gpu, why: string): Place => ({
  id: gpu.id,
  name: gpu.name,
  gpu,
  sentence: say`Several GPUs cannot work together: ${why}. ${gpu.id} does the work alone.`,
});

/** The first GPU of several, where an error says that they cannot work together; null for any other error. */
export function alone(place: Place, error: unknown): Place | null {
  const together = error instanceof EngineError && error.code === "nccl" && place.gpu !== null;
  return together ? onlyFirst(place.gpu, error.message) : null;
}

/** For work that one GPU does. */
export function firstOf(place: Place): Place {
  const { gpu } = place;
  return gpu === null || gpu.id === place.id ? place : { ...place, id: gpu.id, name: gpu.name };
}

/** An error of the engine as the user should read it: what a GPU lacked, and what to do. */
export function describeGpuError(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error;
  const { code, message } = error;
  if (isGpuFull(error)) {
    return new PlumbError(
      "gpu-memory",
      say`The GPU's memory ran out (${gpuReason(error)}). End what else uses it (nvidia-smi lists it), take smaller micro-batches with --micro-batch 128, or compute on the processor with --device cpu. What was saved is kept.`,
      { cause: error },
    );
  }
  if (code === "nccl") {
    return new PlumbError(
      code,
      say`This was begun on several GPUs, and they cannot work together now: ${message}. Repair that, or begin anew on one.`,
      { cause: error },
    );
  }
  if (code === "cuda-not-built" || code === "cuda-unavailable") {
    return noGpuNow(message, error);
  }
  if (code === "device" && message.startsWith("GPU:")) {
    return new PlumbError(
      "gpu-failed",
      say`The GPU failed (${message.slice(5)}). "plumb devices" says whether it still answers; with --device cpu the processor does the work. What was saved is kept.`,
      { cause: error },
    );
  }
  return error;
}
