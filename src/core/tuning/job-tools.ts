import { statSync } from "node:fs";
import type { Engine, Gpus } from "../engine";
import { PlumbError } from "../errors";
import type { BaseModel } from "../model";
import type { ModelSource } from "../model/write/source";
import type { FromWorker } from "./protocol";
import type { StopMode } from "./trainer";
import { say } from "../say";

/** Between two checkpoints, where nothing else is asked for. */
export const CHECKPOINT_SECONDS = 60;

/** What a job needs from outside; tests give other ones. */
export interface JobTools {
  engine(): Engine;
  /** What GPUs there are, without this process having to do with their driver. Asked once; never rejected. */
  gpus(): Promise<Gpus>;
  openBaseModel(path: string): Promise<BaseModel>;
  resolveBaseModel(nameOrPath: string | undefined): Promise<string>;
  /** What a written model takes over from its base. */
  readModelSource(base: BaseModel): Promise<ModelSource>;
  now(): Date;
  /** Bytes that may still be taken. */
  availableMemory(): number;
  /** Most bytes that this process has held. */
  peakMemory(): number;
  /** Version of Plumb. */
  readonly version: string;
}

/** A job's connection to whoever asked for it. */
export interface JobChannel {
  send(message: FromWorker): void;
  /** How the job should stop, null while it should not. */
  stop(): StopMode | null;
  /** Texts for `predict`, until there are no more. */
  texts(): AsyncIterable<{ readonly number: number; readonly texts: readonly string[] }>;
}

/** Names the model in use. */
export function namedModel({ name, path, table }: BaseModel): FromWorker {
  const files = table.files.map((file) => ({ path: file, bytes: sizeOf(file) }));
  return { type: "model", name, path, files };
}

/** Bytes of a file; 0 where it is not there or cannot be looked at. */
export function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}

/**
 * The job was asked to stop where nothing can be saved: before a run has begun, or between two batches of scoring, when
 * what there is was saved already.
 */
export class Interrupted extends PlumbError {
  constructor() {
    super("interrupted", say`Stopped; nothing was written.`);
  }
}

/** Progress of scoring, and the place where it can be interrupted. */
export function scoringHook(channel: JobChannel, title: string, total: number) {
  const begun = Date.now();
  let tokens = 0;
  return (done: number, more: number) => {
    tokens += more;
    const seconds = Math.max(1e-3, (Date.now() - begun) / 1000);
    channel.send({
      type: "progress",
      phase: "score",
      title,
      done,
      total,
      loss: null,
      heldOutLoss: null,
      heldOutScore: null,
      tokensPerSecond: tokens / seconds,
      secondsLeft: done === 0 ? null : (seconds / done) * (total - done),
    });
    if (channel.stop() === "pause") throw new Interrupted();
  };
}
