import { fork, type ChildProcess } from "node:child_process";
import { describeFirst } from "../data/issue";
import { PlumbError } from "../errors";
import { FromWorker, type Job, type JobResult, type ToWorker } from "./protocol";
import { sizeOf } from "./job-tools";
import { keepsExamples } from "./run-folder";
import type { StopMode } from "./trainer";
import { languageEnvironment } from "../language";
import { say } from "../say";
import { shellWord } from "../shell";
import { systemReason } from "../system-error";

/** A job in a process of its own: a crash there leaves this process alive. */
export interface RunningJob {
  /**
   * How it ended: done, paused (saved, to be resumed), or an error that says what happened and what to do, also where the
   * process crashed.
   */
  readonly ended: Promise<JobEnd>;
  /** Asks it to stop: it finishes the micro-batch and saves. */
  stop(mode: StopMode): void;
  /** Ends it at once. What was saved by then stays. */
  kill(): void;
  /** `predict`: more texts, answered by a `predictions` message of the same number. */
  send(number: number, texts: readonly string[]): void;
  /** `predict`: no more texts. */
  end(): void;
}

export type JobEnd =
  | { readonly kind: "done"; readonly result: JobResult }
  | { readonly kind: "paused"; readonly folder: string; readonly step: number };

/**
 * Environment of a worker: waiting OpenMP threads sleep, and no setting for another product library leaks in. They turn some
 * 50 microseconds before they do: a step has over a thousand places to wait, and most are shorter than a wake-up.
 * Several GPUs add up in an order that is the same each time: sums inside the switch between them are not
 * (github.com/NVIDIA/nccl/issues/1497).
 */
export function workerEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !name.startsWith("OPENBLAS_"));
  return {
    NCCL_NVLS_ENABLE: "0",
    ...Object.fromEntries(kept),
    OMP_WAIT_POLICY: "PASSIVE",
    GOMP_SPINCOUNT: "5000",
  };
}

/**
 * Forks the worker and starts a job in it.
 * @param file The worker's bundle, dist/worker.js.
 * @param listen Gets every message but those that tell the end.
 * @param execArgv Options of Node.js for the worker; tests run it from source with them.
 */
export function startJob(
  file: string,
  job: Job,
  listen: (message: FromWorker) => void,
  execArgv: readonly string[] = [],
): RunningJob {
  const child = fork(file, {
    env: { ...workerEnvironment(process.env), ...languageEnvironment() },
    execArgv: [...execArgv],
    // Its standard output would mix with the data of the command line.
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const tell = (message: ToWorker) => {
    // A worker that is gone tells so by its exit.
    if (child.connected) child.send(message, () => undefined);
  };
  return {
    ended: follow(child, job, listen, tell),
    stop: (mode) => tell({ type: "stop", mode }),
    kill: () => child.kill("SIGKILL"),
    send: (number, texts) => tell({ type: "texts", number, texts: [...texts] }),
    end: () => tell({ type: "end" }),
  };
}

function follow(
  child: ChildProcess,
  job: Job,
  listen: (message: FromWorker) => void,
  tell: (message: ToWorker) => void,
): Promise<JobEnd> {
  return new Promise((resolve, reject) => {
    let end: JobEnd | null = null;
    let failure: Error | null = null;
    let model: ModelInUse | null = null;
    let folder: string | null =
      job.type === "resume" ? job.run : job.type === "base-resume" ? job.folder : null;
    child.on("message", (raw) => {
      const parsed = FromWorker.safeParse(raw);
      if (!parsed.success) {
        failure ??= new PlumbError(
          "worker-message",
          say`The worker said something unknown: ${describeFirst(parsed.error, raw).message}`,
        );
        child.kill("SIGKILL");
        return;
      }
      const message = parsed.data;
      if (message.type === "ready") {
        tell({ type: "start", job });
        return;
      }
      if (message.type === "model") model = message;
      if (message.type === "started") folder = message.folder;
      if (message.type === "done") end = { kind: "done", result: message.result };
      else if (message.type === "paused")
        end = { kind: "paused", folder: message.folder, step: message.step };
      else if (message.type === "failed") {
        const { code, message: sentence, figures = {} } = message;
        // Of a run that has begun, what was saved before is still there.
        const more = code === "write" && folder !== null ? ` ${goOn(folder, job.type)}` : "";
        failure ??= new PlumbError(code, `${sentence}${more}`, { figures });
      } else listen(message);
    });
    child.on("error", (error) => {
      failure ??= new PlumbError("worker-start", say`Cannot start the worker: ${systemReason(error)}.`, {
        cause: error,
      });
      if (child.pid === undefined) reject(failure);
    });
    child.on("close", (code, signal) => {
      if (failure !== null) reject(failure);
      else if (end !== null) resolve(end);
      else reject(crash(code, signal, model, folder, job.type));
    });
  });
}

const goOn = (folder: string, type: Job["type"]): string =>
  keepsExamples(folder)
    ? say`What was saved is kept, with texts and answers as they were when the run began; go on with: plumb tune --resume ${shellWord(folder)}`
    : say`What was saved is kept; go on with: plumb ${type.startsWith("base-") ? "base train" : "tune"} --resume ${shellWord(folder)}`;

type ModelInUse = Pick<Extract<FromWorker, { type: "model" }>, "path" | "files">;

/** Of the files of a model the one that is shorter than it was; the model where none is. */
function lostFile({ path, files }: ModelInUse): string {
  return files.find((file) => sizeOf(file.path) < file.bytes)?.path ?? path;
}

/** What a process of Windows ends with that reads a page of a file that is gone (STATUS_IN_PAGE_ERROR). */
const IN_PAGE_ERROR = 0xc0000006;

/** What a worker's death means, and what to do. */
export function crash(
  code: number | null,
  signal: NodeJS.Signals | null,
  model: ModelInUse | null,
  folder: string | null,
  type: Job["type"] = "tune",
): PlumbError {
  const next = folder === null ? say`Nothing was lost.` : goOn(folder, type);
  switch (code === IN_PAGE_ERROR ? "SIGBUS" : signal) {
    case "SIGBUS":
      return new PlumbError(
        "worker-sigbus",
        say`The worker lost the model file while reading it: ${model === null ? say`unknown` : lostFile(model)} was cut short, replaced, or its disk is gone. Restore the file. ${next}`,
      );
    case "SIGKILL":
      return new PlumbError(
        "worker-killed",
        say`The worker was ended from outside (SIGKILL), most often because memory ran out. Close other programs, or use --micro-batch 256. ${next}`,
      );
    default: {
      const how = signal ?? say`exit code ${code ?? say`unknown`}`;
      return new PlumbError(
        "worker-crash",
        say`The worker ended unexpectedly (${how})${model === null ? "" : say` with the model ${model.path}`}. ${next}`,
      );
    }
  }
}
