import { fork } from "node:child_process";
import { Worker } from "node:worker_threads";
import * as z from "zod";
import { describeFirst } from "./data/issue";
import { gpuLibrary, type Gpus } from "./engine";
import { languageEnvironment } from "./language";
import { counted, say } from "./say";
import { systemReason } from "./system-error";
import { workerEnvironment } from "./tuning/worker-process";

/** Makes a worker tell what GPUs there are, and nothing else. */
export const GPUS_ARGUMENT = "gpus";
/** A driver that has to load a module of the system first takes seconds, with many GPUs more of them. */
const PATIENCE_MS = 30_000;

const Answer = z.object({
  gpus: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      memory: z.number(),
      freeMemory: z.number(),
      capability: z.string(),
      driver: z.string(),
      precision: z.enum(["float32", "bfloat16"]),
      cublas: z.string().nullable(),
      cublasFile: z.string().nullable(),
      cublasMissing: z.string(),
    }),
  ),
  cudaMissing: z.string(),
  noGpu: z.boolean(),
  nccl: z.object({ version: z.string().nullable(), file: z.string().nullable(), missing: z.string() }),
});

/**
 * The GPUs of this machine, asked in a process of its own: a driver that crashes or hangs takes nothing else with it.
 * @param worker The worker's bundle, dist/worker.js.
 * @param execArgv Options of Node.js for it; tests run it from source with them.
 * @param patience Milliseconds after which there are none, whatever it does.
 */
export function askGpus(
  worker: string,
  execArgv: readonly string[] = [],
  patience = PATIENCE_MS,
): Promise<Gpus> {
  return new Promise((resolve) => {
    const child = fork(worker, [GPUS_ARGUMENT], {
      env: { ...workerEnvironment(process.env), ...languageEnvironment() },
      execArgv: [...execArgv],
      // What a driver prints before it crashes is no news: the sentence is.
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    let answer: Gpus | null = null;
    const end = () => child.kill("SIGKILL");
    process.once("exit", end);
    const settle = (found: Gpus) => {
      clearTimeout(timer);
      process.off("exit", end);
      // One that the driver holds outlives even SIGKILL: nobody waits for it.
      if (child.connected) child.disconnect();
      child.unref();
      resolve(found);
    };
    const none = (why: string): Gpus => ({
      gpus: [],
      cudaMissing: why,
      nccl: { version: null, file: null, missing: why },
    });
    const timer = setTimeout(() => {
      end();
      settle(
        answer ??
          none(
            say`the NVIDIA driver did not answer within ${counted(patience / 1000, "second", "seconds")}; restart the machine, or install the driver anew; --device cpu does not ask it`,
          ),
      );
    }, patience);
    child.on("message", (raw) => {
      const parsed = Answer.safeParse(raw);
      answer = parsed.success
        ? parsed.data
        : none(
            say`the process that asked for GPUs said something unknown (${describeFirst(parsed.error, raw).field})`,
          );
      // Once it is gone, so is the memory that it held on each GPU.
      end();
    });
    child.on("error", (error) => {
      settle(none(say`the process that asks for GPUs cannot be started: ${systemReason(error)}`));
    });
    child.on("close", (code, signal) => {
      settle(
        answer ??
          none(
            say`${gpuLibrary()}, the library for NVIDIA GPUs, could not be tried: it, or the NVIDIA driver that it asks, ended the process that tried it (${signal ?? say`exit code ${code ?? say`unknown`}`}); install Plumb or the driver anew`,
          ),
      );
    });
  });
}

/**
 * The other end of askGpus: tells what there is, and ends.
 * @param patience Milliseconds after which it ends in any case.
 */
export function tellGpus(ask: () => Gpus, patience = 2 * PATIENCE_MS): void {
  // Where the driver hangs and whoever asked is gone, nobody else ends this process: its main thread is in the driver.
  new Worker(WATCH, { eval: true, workerData: patience }).unref();
  process.send?.(ask(), undefined, undefined, () => process.exit(0));
}

const WATCH = 'setTimeout(process.kill,require("node:worker_threads").workerData,process.pid,"SIGKILL")';
