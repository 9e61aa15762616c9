import type { FromWorker } from "../core/tuning/protocol";
import { formatDuration } from "../core/tuning/forecast";

export type JobProgress = Extract<FromWorker, { type: "progress" }>;

/** Where each phase begins and ends on a bar from 0 to 1. Steps take most of the time of a run. */
const SPANS: Readonly<Record<JobProgress["phase"], readonly [number, number]>> = {
  probe: [0, 0.05],
  tune: [0.05, 0.85],
  fold: [0.85, 0.95],
  score: [0.95, 1],
};

/** A bar that never goes back, over all phases of a run. */
export class ProgressBar {
  private shown = 0;

  /** @returns How far the bar moves on, in percent of its length; 0 where it stands. */
  advance({ phase, done, total }: Pick<JobProgress, "phase" | "done" | "total">): number {
    const [begin, end] = SPANS[phase];
    const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
    const reached = Math.max(this.shown, begin + share * (end - begin));
    const moved = reached - this.shown;
    this.shown = reached;
    return moved * 100;
  }
}

/** One line for a notification, e.g. `Tuning 25 % · loss 0.61 · held-out F1 0.72 · 40 seconds left`. */
export function progressLine(progress: JobProgress): string {
  const { title, done, total, loss, heldOutScore, secondsLeft } = progress;
  const parts = [total > 0 ? `${title} ${Math.floor((100 * done) / total)} %` : title];
  if (loss !== null) parts.push(`loss ${loss.toFixed(2)}`);
  if (heldOutScore !== null) parts.push(`held-out F1 ${heldOutScore.toFixed(2)}`);
  if (secondsLeft !== null) parts.push(`${formatDuration(secondsLeft)} left`);
  return parts.join(" · ");
}
