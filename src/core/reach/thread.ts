import { Worker } from "node:worker_threads";
import { surelyFits } from "../data/lengths";
import type { LeftOut } from "./left-out";
import type { FromReachThread, ReachOf, ToReachThread } from "./protocol";

/** Bytes of a text that fits into every base model worth tuning: for such texts alone no thread is started. */
const SHORT = 1800;
/** A thread that was asked nothing for so long is ended, in milliseconds: a tokenizer takes much memory. */
const IDLE = 60_000;

interface Asked {
  readonly text: string;
  readonly answer: (leftOut: LeftOut | null) => void;
}

/** Says how far the model reads into texts, in a thread of its own that starts with the first long text. */
export class Reach {
  private worker: Worker | null = null;
  private room: number | null = null;
  /** Being looked at, and to be looked at next. */
  private current: Asked | null = null;
  private next: Asked | null = null;
  private ready = false;
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param file The thread's program.
   * @param of Asked for when the thread starts.
   */
  constructor(
    private readonly file: string,
    private readonly of: () => ReachOf,
  ) {}

  dispose(): void {
    clearTimeout(this.timer);
    void this.worker?.terminate();
    this.worker = null;
    this.ready = false;
    for (const asked of [this.current, this.next]) asked?.answer(null);
    this.current = this.next = null;
  }

  /**
   * What the model would not read of a text; null where it reads all, where that cannot be known (no base model), or where
   * another text was asked about before this one's turn came.
   */
  async leftOut(text: string): Promise<LeftOut | null> {
    if (surelyFits(text, this.room ?? SHORT)) return null;
    return new Promise((answer) => {
      this.next?.answer(null);
      this.next = { text, answer };
      this.worker ??= this.start();
      this.go();
    });
  }

  private start(): Worker {
    const worker = new Worker(this.file, { workerData: this.of() });
    const gone = () => {
      if (this.worker === worker) this.dispose();
    };
    worker.on("message", (message: FromReachThread) => {
      if (this.worker === worker) this.take(message);
    });
    worker.on("error", gone);
    worker.on("exit", gone);
    worker.unref();
    return worker;
  }

  private take(message: FromReachThread): void {
    if (message.type === "failed") {
      this.dispose();
      return;
    }
    if (message.type === "ready") {
      this.room = message.room;
      this.ready = true;
    } else {
      this.current?.answer(message.leftOut);
      this.current = null;
    }
    this.go();
  }

  private go(): void {
    clearTimeout(this.timer);
    if (!this.ready || this.current !== null) return;
    if (this.next === null) {
      this.timer = setTimeout(() => this.dispose(), IDLE);
      this.timer.unref();
      return;
    }
    this.current = this.next;
    this.next = null;
    this.worker?.postMessage({ text: this.current.text } satisfies ToReachThread);
  }
}
