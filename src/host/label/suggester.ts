import { say } from "../../core/say";
import type { EngineWishes, FromWorker, Job } from "../../core/tuning/protocol";
import type { RunningJob } from "../../core/tuning/worker-process";

/** What an adapter answers to one text. */
export interface Answered {
  readonly labels: readonly { readonly label: string; readonly probability: number }[];
  readonly output: string | null;
  /** The text was too long and lost its middle. */
  readonly cut: boolean;
}

/** An adapter in a worker process of its own, started with the first question and ended with `dispose`. */
export class Suggester {
  private job: RunningJob | null = null;
  private labels: readonly string[] = [];
  private asked = 0;
  private readonly waiting = new Map<number, (row: Answered | Error) => void>();

  /**
   * @param startJob Starts a job in a worker process.
   * @param adapter Run folder.
   * @param engine How the user's settings say that it computes.
   */
  constructor(
    private readonly startJob: (job: Job, listen: (message: FromWorker) => void) => RunningJob,
    readonly adapter: string,
    private readonly engine: EngineWishes,
  ) {}

  dispose(): void {
    this.job?.kill();
    this.job = null;
    this.fail(new Error(say`Suggestions were switched off.`));
  }

  /** The likeliest labels first. Throws, in a sentence, where the adapter cannot answer. */
  async ask(text: string): Promise<Answered> {
    this.job ??= this.start();
    const number = ++this.asked;
    const { job } = this;
    const row = await new Promise<Answered | Error>((resolve) => {
      this.waiting.set(number, resolve);
      job.send(number, [text]);
    });
    if (row instanceof Error) throw row;
    return row;
  }

  private start(): RunningJob {
    const { adapter, engine } = this;
    const job = this.startJob({ type: "predict", adapter, engine }, (message) => this.listen(message));
    const ended = (error: unknown) => {
      if (this.job === job) this.job = null;
      this.fail(error instanceof Error ? error : new Error(String(error)));
    };
    job.ended.then(() => ended(new Error(say`The adapter was closed.`)), ended);
    return job;
  }

  private listen(message: FromWorker): void {
    if (message.type === "opened") this.labels = message.labels;
    if (message.type !== "predictions") return;
    const row = message.rows[0];
    this.waiting.get(message.number)?.({
      labels: (row?.scores ?? [])
        .map((probability, at) => ({ label: this.labels[at]!, probability }))
        .sort((a, b) => b.probability - a.probability),
      output: row?.output ?? null,
      cut: row?.cut ?? false,
    });
    this.waiting.delete(message.number);
  }

  private fail(error: Error): void {
    for (const answer of this.waiting.values()) answer(error);
    this.waiting.clear();
  }
}
