import path from "node:path";
import type { FromWorker, Job } from "../core/tuning/protocol";
import { startJob, type JobEnd, type RunningJob } from "../core/tuning/worker-process";
import { grouped, Progress, timeLeft } from "./progress";

/** Exit codes of every command. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

type ProgressMessage = Extract<FromWorker, { type: "progress" }>;

/** Numbers behind the bar, the most wanted first. */
export function progressDetails(message: ProgressMessage): string[] {
  const { loss, heldOutLoss, heldOutScore, tokensPerSecond, secondsLeft } = message;
  return [
    ...(secondsLeft === null || message.done >= message.total ? [] : [timeLeft(secondsLeft)]),
    ...(loss === null ? [] : [`loss ${loss.toFixed(2)}`]),
    ...(heldOutScore === null
      ? heldOutLoss === null
        ? []
        : [`held-out loss ${heldOutLoss.toFixed(2)}`]
      : [`held-out F1 ${heldOutScore.toFixed(2)}`]),
    ...(tokensPerSecond === null || tokensPerSecond === 0 ? [] : [`${grouped(tokensPerSecond)} tokens/s`]),
  ];
}

/** Requests to end that come from programs: `timeout` sends its one twice, so a second means no more than the first. */
const REQUESTS = ["SIGTERM", "SIGHUP"] as const;

/**
 * Runs a job in a worker and shows its progress on standard error. The first Ctrl-C, and any SIGTERM or SIGHUP, asks the
 * worker to save and stop; the next Ctrl-C ends it at once.
 * @param listen Gets every message of the worker; null shows none of them but progress and notes.
 */
export async function runInWorker(
  job: Job,
  listen: ((message: FromWorker, running: RunningJob) => void) | null,
  options: { quiet: boolean; begun?: (running: RunningJob) => void },
): Promise<JobEnd> {
  const progress = new Progress(process.stderr);
  const say = (line: string) => {
    if (!options.quiet) progress.say(line);
  };
  const running = startJob(path.join(__dirname, "worker.js"), job, (message) => {
    if (message.type === "progress" && !options.quiet) {
      progress.update({ ...message, details: progressDetails(message) });
    } else if (message.type === "forecast") say(message.message);
    else if (message.type === "note")
      say(message.level === "warning" ? `Note: ${message.message}` : message.message);
    listen?.(message, running);
  });
  options.begun?.(running);
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    progress.say("Stopping: the worker saves what there is. Ctrl-C again ends it at once.");
    running.stop("pause");
  };
  const interrupt = () => {
    if (!stopping) {
      stop();
      return;
    }
    running.kill();
    process.exit(EXIT.interrupted);
  };
  process.on("SIGINT", interrupt);
  for (const signal of REQUESTS) process.on(signal, stop);
  try {
    return await running.ended;
  } finally {
    progress.finish();
    process.off("SIGINT", interrupt);
    for (const signal of REQUESTS) process.off(signal, stop);
  }
}
