import { describeFirst } from "../data/issue";
import { EngineError } from "../engine";
import { PlumbError } from "../errors";
import { speakAsAsked } from "../language";
import { runJob } from "./job";
import type { JobChannel, JobTools } from "./job-tools";
import { ToWorker, type FromWorker, type Job } from "./protocol";
import { describeGpuError } from "./place";
import type { StopMode } from "./trainer";
import { say } from "../say";
import { systemReason } from "../system-error";

/** Texts that have come and not been answered, as a sequence that ends when the parent says so. */
class TextQueue implements AsyncIterable<{ number: number; texts: readonly string[] }> {
  private readonly waiting: { number: number; texts: readonly string[] }[] = [];
  private ended = false;
  private wake: (() => void) | null = null;

  push(number: number, texts: readonly string[]): void {
    this.waiting.push({ number, texts });
    this.wake?.();
  }

  end(): void {
    this.ended = true;
    this.wake?.();
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      const next = this.waiting.shift();
      if (next !== undefined) yield next;
      else if (this.ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
        this.wake = null;
      }
    }
  }
}

/**
 * Serves the parent process, in the language that it speaks: says `ready`, runs the one job it is given, and ends the process. An interrupt from the
 * terminal is left to the parent, which tells a first from a second one. A parent that is gone, a request to end and a
 * terminal that closes (both may reach the whole process group) count as a wish to pause.
 */
export function serveJob(tools: JobTools): void {
  speakAsAsked();
  const queue = new TextQueue();
  let stop: StopMode | null = null;
  let started = false;
  // Messages go out in order: when the last is out, all are.
  let lastSent = Promise.resolve();
  const send = (message: FromWorker) => {
    if (!process.connected) return;
    lastSent = new Promise((resolve) => {
      process.send?.(message, undefined, undefined, () => {
        resolve();
      });
    });
  };
  const channel: JobChannel = { send, stop: () => stop, texts: () => queue };
  const pause = () => {
    stop = "pause";
    queue.end();
  };
  process.on("SIGINT", () => undefined);
  process.on("SIGTERM", pause);
  process.on("SIGHUP", pause);
  process.on("disconnect", () => {
    pause();
    if (!started) process.exit(1);
  });
  process.on("message", (raw) => {
    const parsed = ToWorker.safeParse(raw);
    if (!parsed.success) {
      const fault = describeFirst(parsed.error, raw).message.replace(/(?<=["«])job\.(options\.)?/u, "");
      send({
        type: "failed",
        code: "settings",
        message: say`The settings cannot be used: ${fault}`,
      });
      void lastSent.then(() => process.exit(1));
      return;
    }
    const message = parsed.data;
    switch (message.type) {
      case "start":
        started = true;
        void run(message.job, tools, channel).then(async (code) => {
          await lastSent;
          process.exit(code);
        });
        break;
      case "stop":
        stop = message.mode;
        queue.end();
        break;
      case "texts":
        queue.push(message.number, message.texts);
        break;
      case "end":
        queue.end();
        break;
    }
  });
  send({ type: "ready" });
}

/** @returns Exit code of the process. */
async function run(job: Job, tools: JobTools, channel: JobChannel): Promise<number> {
  try {
    await runJob(job, within(job, tools), watched(channel));
    return 0;
  } catch (error) {
    channel.send(describeFailure(describeGpuError(error)));
    return 1;
  }
}

/** Tools that know of no more memory than the job may count on. */
function within(job: Job, tools: JobTools): JobTools {
  const limit = "engine" in job ? job.engine.memory : undefined;
  if (limit === undefined) return tools;
  return { ...tools, availableMemory: () => Math.min(limit, tools.availableMemory()) };
}

/** A channel whose progress tells what the process holds. */
function watched(channel: JobChannel): JobChannel {
  const send = (message: FromWorker) =>
    channel.send(message.type === "progress" ? { ...message, memory: process.memoryUsage.rss() } : message);
  return { ...channel, send };
}

/** An error as the parent gets it. Errors that nobody foresaw keep their stack, for the log. */
function describeFailure(error: unknown): FromWorker {
  if (error instanceof PlumbError || error instanceof EngineError) {
    const { code, message } = error;
    return { type: "failed", code, message, ...("figures" in error ? { figures: error.figures } : {}) };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (process.env.PLUMB_DEBUG !== undefined) process.stderr.write(`${text}\n`);
  const message = systemReason(error);
  return {
    type: "failed",
    code: "unexpected",
    message: say`Something unexpected happened: ${message}. With PLUMB_DEBUG=1 the place is shown.`,
  };
}
