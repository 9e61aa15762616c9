import type { RunHistory } from "../../core/runs/history";
import type { FromWorker } from "../../core/tuning/protocol";
import type { TunePhase, TuneRun } from "../../protocol";

type Progress = Extract<FromWorker, { type: "progress" }>;

/** Points that a curve is drawn of at most: more than there are pixels help nobody. */
const MOST_POINTS = 400;
/** What the parts of a run take of its time, where one training takes 1. */
const PROBE = 0.1;
const SCORING = 0.15;

/** A run as its worker tells it, from the first message to the last. */
export class LiveRun {
  private progress: Progress | null = null;
  private readonly losses = new Map<number, number>();
  private readonly looks = new Map<number, { loss: number; score: number | null }>();
  private readonly notes: string[] = [];
  private mostMemory: number | null = null;
  private share = 0;
  private steps = 0;
  /** Milliseconds that the run's own training has taken in this process, as far as it is. */
  private training = 0;
  private began: number | null = null;

  /**
   * @param folds How many more trainings there will be, for out-of-fold predictions.
   * @param now Milliseconds.
   */
  constructor(
    private readonly folds: number,
    private readonly now: () => number,
  ) {}

  /** What an earlier process has done of it. */
  remember({ losses, looks }: RunHistory): void {
    for (const { step, loss } of losses) if (!this.losses.has(step)) this.losses.set(step, loss);
    for (const { step, ...look } of looks) if (!this.looks.has(step)) this.looks.set(step, look);
  }

  take(message: FromWorker): void {
    if (message.type === "note") this.notes.push(message.message);
    if (message.type !== "progress") return;
    this.progress = message;
    const { phase, done, total, loss, heldOutLoss, heldOutScore, memory } = message;
    if (memory !== undefined) this.mostMemory = Math.max(memory, this.mostMemory ?? 0);
    this.share = Math.max(this.share, this.shareOf(message));
    if (phase !== "tune") return;
    this.began ??= this.now();
    this.training = this.now() - this.began;
    this.steps = total;
    if (loss !== null && done > 0) this.losses.set(done, loss);
    if (heldOutLoss === null) return;
    // A look is told with every step behind it, until the next one.
    const last = [...this.looks.values()].at(-1);
    if (last?.loss !== heldOutLoss || last.score !== heldOutScore) {
      this.looks.set(done, { loss: heldOutLoss, score: heldOutScore });
    }
  }

  view(): TuneRun {
    const { progress } = this;
    const inOrder = <T>(points: Map<number, T>) => [...points].sort(([a], [b]) => a - b);
    const { phase, fold } = progress === null ? NOT_BEGUN : phaseOf(progress);
    return {
      phase,
      fold,
      done: progress?.done ?? 0,
      total: progress?.total ?? 0,
      share: this.share,
      secondsLeft: this.secondsLeft(),
      loss: progress?.loss ?? [...this.losses.values()].at(-1) ?? null,
      score: [...this.looks.values()].at(-1)?.score ?? null,
      heldOutLoss: [...this.looks.values()].at(-1)?.loss ?? null,
      tokensPerSecond: progress?.tokensPerSecond ?? null,
      memory: progress?.memory ?? null,
      mostMemory: this.mostMemory,
      steps: Math.max(this.steps, ...this.losses.keys(), 0),
      losses: thinned(inOrder(this.losses)).map(([step, loss]) => ({ step, loss })),
      looks: inOrder(this.looks).map(([step, look]) => ({ step, ...look })),
      notes: [...this.notes],
    };
  }

  /** Of the whole run: the phase's own, and what a training has taken for each one that is still to come. */
  private secondsLeft(): number | null {
    const { progress } = this;
    const left = progress?.secondsLeft ?? null;
    if (progress === null || left === null) return null;
    const { phase, fold } = phaseOf(progress);
    const toCome = phase === "tune" ? this.folds : fold === null ? 0 : fold.of - fold.at;
    const one = phase === "tune" ? this.training / 1000 + left : this.training / 1000;
    return left + toCome * one;
  }

  private shareOf(progress: Progress): number {
    const { done, total } = progress;
    const inside = total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
    const whole = PROBE + 1 + this.folds + SCORING;
    const { phase, fold } = phaseOf(progress);
    const before = PROBE + 1 + this.folds;
    switch (phase) {
      case "starting":
        return 0;
      case "probe":
        return (inside * PROBE) / whole;
      case "tune":
        return (PROBE + inside) / whole;
      case "fold":
      case "score-fold":
        return (
          (PROBE + 1 + (fold!.at - 1) + (phase === "fold" ? inside * 0.95 : 0.95 + inside * 0.05)) / whole
        );
      case "held-out":
      case "other":
        return (before + (SCORING * inside) / 3) / whole;
      case "test":
        return (before + (SCORING * (1 + inside)) / 3) / whole;
      case "untuned":
        return (before + (SCORING * (2 + inside)) / 3) / whole;
    }
  }
}

const NOT_BEGUN: { phase: TunePhase; fold: TuneRun["fold"] } = { phase: "starting", fold: null };

/** Which part of a run a message tells of. Titles are those of the worker's jobs. */
export function phaseOf({ phase, title }: Pick<Progress, "phase" | "title">): typeof NOT_BEGUN {
  const numbers = /(\d+) of (\d+)$/.exec(title);
  const fold = numbers === null ? null : { at: Number(numbers[1]), of: Number(numbers[2]) };
  if (phase === "fold" && fold !== null) return { phase: "fold", fold };
  if (phase === "probe" || phase === "tune") return { phase, fold: null };
  if (fold !== null && title.startsWith("Scoring fold")) return { phase: "score-fold", fold };
  if (title.includes("held-out")) return { phase: "held-out", fold: null };
  if (title.includes("test part")) return { phase: "test", fold: null };
  return { phase: title.includes("untuned") ? "untuned" : "other", fold: null };
}

/** Every n-th of too many points, and the last. */
function thinned<T>(points: readonly T[]): T[] {
  const every = Math.ceil(points.length / MOST_POINTS);
  return points.filter((_, at) => at % every === 0 || at === points.length - 1);
}
