import { PlumbError } from "../../core/errors";
import type { AnswersWith, PredictedRow } from "../../core/predict";
import { say } from "../../core/say";
import type { EngineWishes, FromWorker, Job } from "../../core/tuning/protocol";
import type { RunningJob } from "../../core/tuning/worker-process";

export type StartJob = (job: Job, listen: (message: FromWorker) => void) => RunningJob;

/** An adapter in a worker process of its own, for as long as a job takes. */
export class AdapterProcess {
  /** What it answers with; rejected, in a sentence, where it cannot be opened. */
  readonly opened: Promise<AnswersWith>;
  private readonly job: RunningJob;
  private readonly waiting = new Map<number, (rows: readonly PredictedRow[] | Error) => void>();
  private asked = 0;
  private failure: Error | null = null;

  constructor(startJob: StartJob, adapter: string, engine: EngineWishes) {
    let open: (answers: AnswersWith) => void;
    let fail: (error: Error) => void;
    this.opened = new Promise((resolve, reject) => {
      open = resolve;
      fail = reject;
    });
    // Who never asks is not told by a rejection that nobody handles.
    this.opened.catch(() => undefined);
    this.job = startJob({ type: "predict", adapter, engine }, (message) => {
      if (message.type === "opened") open(message);
      if (message.type !== "predictions") return;
      this.waiting.get(message.number)?.(message.rows);
      this.waiting.delete(message.number);
    });
    const ended = (error: Error) => {
      this.failure = error;
      fail(error);
      for (const answer of this.waiting.values()) answer(error);
      this.waiting.clear();
    };
    this.job.ended.then(
      () => ended(new PlumbError("adapter-closed", say`The adapter was closed.`)),
      (error: unknown) => ended(error instanceof Error ? error : new Error(String(error))),
    );
  }

  /** Throws, in a sentence, where the adapter is gone. */
  async predict(texts: readonly string[]): Promise<readonly PredictedRow[]> {
    if (this.failure !== null) throw this.failure;
    const number = ++this.asked;
    const rows = await new Promise<readonly PredictedRow[] | Error>((resolve) => {
      this.waiting.set(number, resolve);
      this.job.send(number, texts);
    });
    if (rows instanceof Error) throw rows;
    return rows;
  }

  close(): void {
    this.job.kill();
  }
}
