import { fork } from "node:child_process";
import * as z from "zod";
import type { Gpus } from "./engine";
import { say } from "./say";
import { workerEnvironment } from "./tuning/worker-process";

/** Makes a worker tell what GPUs there are, and nothing else. */
export const GPUS_ARGUMENT = "gpus";
/** A driver that has to load a module of the system first takes seconds. */
const PATIENCE_MS = 60_000;

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
});

/**
 * The GPUs of this machine, asked in a process of its own: a driver that crashes or hangs takes nothing else with it.
 * @param worker The worker's bundle, dist/worker.js.
 * @param execArgv Options of Node.js for it; tests run it from source with them.
 */
export function askGpus(worker: string, execArgv: readonly string[] = []): Promise<Gpus> {
  return new Promise((resolve) => {
    const child = fork(worker, [GPUS_ARGUMENT], {
      env: workerEnvironment(process.env),
      execArgv: [...execArgv],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    let slow = false;
    const timer = setTimeout(() => {
      slow = true;
      child.kill("SIGKILL");
    }, PATIENCE_MS);
    const none = (why: string) => {
      resolve({ gpus: [], cudaMissing: why });
    };
    child.on("message", (raw) => {
      const answer = Answer.safeParse(raw);
      if (answer.success) resolve(answer.data);
      else none(say`the process that asked for GPUs said something unknown: ${answer.error.message}`);
      clearTimeout(timer);
      child.kill();
    });
    child.on("error", (error) => {
      none(say`the process that asks for GPUs cannot be started: ${error.message}`);
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      // Heard only where no answer came before.
      none(
        slow
          ? say`the NVIDIA driver did not answer within ${PATIENCE_MS / 1000} seconds; restart the machine, or install the driver anew`
          : say`the process that asked the NVIDIA driver ended (${signal ?? String(code)}); install the driver anew`,
      );
    });
  });
}
