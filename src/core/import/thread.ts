import { Worker } from "node:worker_threads";
import { PlumbError } from "../errors";
import type { FromImportThread, ImportRequest, ImportRequests, ToImportThread } from "./thread-protocol";
import type { ReadHooks } from "./types";
import { languageEnvironment } from "../language";
import { say } from "../say";
import { systemReason } from "../system-error";

interface Waiting {
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: ReadHooks["onProgress"];
}

/** After this many milliseconds a thread that was told to stop is ended. */
const PATIENCE = 5000;

/** Reads files and writes tasks in a thread of its own, which starts with the first request. */
export class ImportThread {
  private worker: Worker | null = null;
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;
  private closed = false;

  /** @param file The thread's program. */
  constructor(private readonly file: string) {}

  /**
   * Asks the thread.
   * @throws {PlumbError} as what it was asked for does; "interrupted" where the signal stopped it or the thread was closed;
   *   "thread-ended" where the thread died.
   */
  ask<K extends ImportRequest>(
    request: K,
    ask: ImportRequests[K]["ask"],
    { signal, onProgress }: ReadHooks = {},
  ): Promise<ImportRequests[K]["reply"]> {
    if (this.closed || signal?.aborted === true) return Promise.reject(interrupted());
    const id = this.next++;
    const worker = (this.worker ??= this.start());
    const stop = () => this.tell({ id, request: "stop" });
    return new Promise<unknown>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, onProgress });
      signal?.addEventListener("abort", stop, { once: true });
      worker.postMessage({ id, request, ask });
    }).finally(() => {
      signal?.removeEventListener("abort", stop);
    }) as Promise<ImportRequests[K]["reply"]>;
  }

  /** Stops everything. What is being written is left whole or not there at all: the thread ends when it has let go of it. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const id of this.waiting.keys()) this.tell({ id, request: "stop" });
    if (this.waiting.size === 0) this.end();
    else setTimeout(() => this.end(), PATIENCE).unref();
  }

  private start(): Worker {
    const worker = new Worker(this.file, { env: { ...process.env, ...languageEnvironment() } });
    const fail = (message: string) => {
      if (this.worker === worker) this.worker = null;
      for (const { reject } of this.waiting.values()) reject(new PlumbError("thread-ended", message));
      this.waiting.clear();
    };
    worker.on("message", (message: FromImportThread) => this.take(message));
    worker.on("error", (error) => fail(reasonOf(error)));
    worker.on("exit", () => fail(say`Reading the file has ended unexpectedly. Try again.`));
    return worker;
  }

  private take(message: FromImportThread): void {
    const waiting = this.waiting.get(message.id);
    if (waiting === undefined) return;
    if (message.type === "progress") {
      waiting.onProgress?.(message.progress);
      return;
    }
    this.waiting.delete(message.id);
    if (message.type === "done") waiting.resolve(message.reply);
    else if (message.code === null) waiting.reject(new Error(message.message));
    else waiting.reject(new PlumbError(message.code, message.message));
    if (this.closed && this.waiting.size === 0) this.end();
  }

  private tell(message: ToImportThread): void {
    this.worker?.postMessage(message);
  }

  private end(): void {
    void this.worker?.terminate();
    this.worker = null;
    for (const { reject } of this.waiting.values()) reject(interrupted());
    this.waiting.clear();
  }
}

const interrupted = () => new PlumbError("interrupted", say`Stopped; nothing was written.`);

/** A thread has a memory of its own to run out of. */
const reasonOf = (error: Error) =>
  (error as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY"
    ? say`There was not enough memory to read the file. Part it into smaller files, or close some programs.`
    : say`Reading the file has failed: ${systemReason(error)}`;
