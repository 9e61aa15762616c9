import { EngineError } from "../engine";
import { PlumbError } from "../errors";
import type { SmallerBatches } from "../schema";
import { counted, grouped, say } from "../say";

/** Whether the GPU had no room for what it was asked: another program took it, since what fits was chosen before. */
export function isGpuFull(error: unknown): error is EngineError {
  return error instanceof EngineError && error.code === "out-of-memory" && error.message.startsWith("GPU:");
}

/** What the GPU was doing, as a clause. */
export const gpuReason = ({ message }: EngineError) => message.slice("GPU:".length).trim();

/** A training found the GPU full. What it goes on from is saved. */
export class GpuFull extends Error {
  constructor(
    /** Steps done in what is saved. */
    readonly step: number,
    /** Tokens of the largest micro-batch of the step that found no room; null where it was something else. */
    readonly rows: number | null,
    override readonly cause: EngineError,
  ) {
    super(cause.message, { cause });
  }
}

type Rows = SmallerBatches["from"];

/** Where it is recorded how a run computes. */
export interface BatchRecord {
  readonly folder: string;
  readonly engine: Rows;
  /** What was made smaller before. */
  readonly smaller: SmallerBatches | undefined;
  now(): Date;
  /** From here on batches are as `smaller.to` says. */
  takeSmaller(smaller: SmallerBatches, sentence: string): Promise<void>;
  /** The run ends here, to go on later. */
  giveUp(sentence: string): Promise<void>;
}

/**
 * Does `work`, which goes on from what it has saved. Where the GPU is full, it is done a second time with half the tokens in
 * a batch, once in a run: then the run ends.
 */
export async function withinMemory<T>(
  recorded: () => BatchRecord,
  phase: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const cause = error instanceof GpuFull ? error.cause : error;
    if (!isGpuFull(cause)) throw error;
    const { step, rows } = error instanceof GpuFull ? error : { step: null, rows: null };
    const record = recorded();
    const { trainRows, scoreRows } = record.engine;
    if (record.smaller !== undefined) {
      const sentence = say`The GPU's memory ran out again (${gpuReason(cause)}), with micro-batches of at most ${counted(trainRows, "token", "tokens")}. All that was done is saved in ${record.folder}. End what else uses the GPU (nvidia-smi lists it) and go on with the run; it keeps these micro-batches.`;
      await record.giveUp(sentence);
      throw new PlumbError("gpu-memory", sentence, { cause });
    }
    const from = { trainRows, scoreRows };
    const to = { trainRows: half(Math.min(trainRows, rows ?? trainRows)), scoreRows: half(scoreRows) };
    const where =
      step === null
        ? say`while texts were scored`
        : say`after ${counted(step, "step", "steps")} of the training`;
    await record.takeSmaller(
      { at: record.now().toISOString(), phase, step, from, to },
      say`The GPU's memory ran out ${where} (${gpuReason(cause)}). From there on micro-batches have at most ${counted(to.trainRows, "token", "tokens")} instead of ${grouped(trainRows)}, and texts are scored in batches of ${grouped(to.scoreRows)} instead of ${grouped(scoreRows)}: what follows is no longer equal to the bit to a run that had enough memory.`,
    );
    return withinMemory(recorded, phase, work);
  }
}

const half = (rows: number) => Math.max(1, Math.floor(rows / 2));
