import { existsSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { surelyFits, type TokenCount } from "./lengths";

export interface TokenWorkerData {
  /** Path of the base model. */
  base: string;
  room: number;
}
/** Counts of the last batch, in its order; an empty list once the thread is ready. */
export type FromTokenWorker = TokenCount[];

/** Characters to tokenise below which threads, each of which opens the tokenizer anew, take longer than they save. */
const worthThreads = 4_000_000;
/** Most characters of one batch. */
const largestBatch = 200_000;

/**
 * Lengths of those texts that might be longer than the room, measured by threads, one for each core, where there is
 * enough of them to be worth it; else nothing, and whoever needs a length measures it.
 * @param options The thread's program, null for none, and the characters from which on threads are worth it.
 */
export async function countTokensInThreads(
  texts: readonly string[],
  base: string,
  room: number,
  { file = workerFile(), worth = worthThreads }: { file?: string | null; worth?: number } = {},
): Promise<Map<string, TokenCount>> {
  const counts = new Map<string, TokenCount>();
  const long = [...new Set(texts.filter((text) => !surelyFits(text, room)))];
  const characters = long.reduce((sum, text) => sum + text.length, 0);
  if (file === null || characters < worth) return counts;

  // Several batches for each thread, so that none is left with the last one alone.
  const cores = os.availableParallelism();
  const batchSize = Math.min(largestBatch, characters / (4 * cores));

  const batches: string[][] = [];
  let size = Infinity;
  for (const text of long) {
    if (size >= batchSize) {
      batches.push([]);
      size = 0;
    }
    batches.at(-1)?.push(text);
    size += text.length;
  }
  const threads = Math.min(cores, batches.length);
  let next = 0;
  const run = async () => {
    const worker = new Worker(file, { workerData: { base, room } satisfies TokenWorkerData });
    try {
      await new Promise<void>((resolve, reject) => {
        let batch: string[] = [];
        worker.on("error", reject);
        worker.on("exit", () => reject(new Error("A thread that counts tokens ended too early.")));
        worker.on("message", (answer: FromTokenWorker) => {
          answer.forEach((count, at) => counts.set(batch[at]!, count));
          const following = batches[next++];
          if (following === undefined) {
            resolve();
            return;
          }
          batch = following;
          worker.postMessage(batch);
        });
      });
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: threads }, run));
  return counts;
}

/** The thread's bundle beside the program's own; null where the program runs unbundled. */
function workerFile(): string | null {
  const file = path.join(__dirname, "token-worker.js");
  return existsSync(file) ? file : null;
}
