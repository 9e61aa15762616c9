import { seededRandom, shuffled } from "../random";
import { mixSeed } from "../tuning/order";

/** One example of a step: which task, which of its examples, in which wording, and what decides the rest (the labels' order). */
export interface Draw {
  readonly task: number;
  readonly example: number;
  /** 0: the task's own. */
  readonly wording: number;
  readonly seed: number;
}

/** What a task is to the mixture. */
export interface MixtureTask {
  /** Examples to learn from. */
  readonly examples: number;
  /** Wordings, the task's own included. */
  readonly wordings: number;
}

/** p ~ n^(1/temperature): by size at 1, all alike for large values. */
export function taskShares(sizes: readonly number[], temperature: number): number[] {
  const weights = sizes.map((size) => size ** (1 / temperature));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/**
 * What each step learns from, a function of the seed and the step alone: a resumed training needs nothing else. Tasks are
 * drawn by their shares; a task's examples come pass after pass, each in an order of its own, so that none comes twice before
 * all have come.
 */
export class Mixture {
  readonly shares: readonly number[];
  /** Examples drawn of each task before `next`. */
  private counts: number[];
  private next = 0;
  private readonly passes: ({ pass: number; order: readonly number[] } | undefined)[] = [];

  constructor(
    private readonly tasks: readonly MixtureTask[],
    private readonly options: { readonly temperature: number; readonly batch: number; readonly seed: number },
  ) {
    this.shares = taskShares(
      tasks.map(({ examples }) => examples),
      options.temperature,
    );
    this.counts = tasks.map(() => 0);
  }

  /** Examples of a step counted from 0. */
  at(step: number): Draw[] {
    if (step < this.next) {
      this.counts = this.tasks.map(() => 0);
      this.next = 0;
    }
    while (this.next < step) this.draw(this.next++);
    this.next++;
    return this.draw(step);
  }

  private draw(step: number): Draw[] {
    const { batch, seed } = this.options;
    const random = seededRandom(mixSeed(seed, 21, step));
    return Array.from({ length: batch }, () => {
      const task = this.pick(random());
      const { examples, wordings } = this.tasks[task]!;
      const count = this.counts[task]!;
      this.counts[task] = count + 1;
      return {
        task,
        example: this.pass(task, Math.floor(count / examples))[count % examples]!,
        wording: Math.floor(random() * wordings),
        seed: Math.floor(random() * 2 ** 32),
      };
    });
  }

  /** The task that a number in [0, 1) falls on. */
  private pick(at: number): number {
    let rest = at;
    const found = this.shares.findIndex((share) => (rest -= share) < 0);
    return found === -1 ? this.shares.length - 1 : found;
  }

  private pass(task: number, pass: number): readonly number[] {
    const known = this.passes[task];
    if (known?.pass === pass) return known.order;
    const all = Array.from({ length: this.tasks[task]!.examples }, (_, index) => index);
    const order = shuffled(all, seededRandom(mixSeed(this.options.seed, 22, task, pass)));
    this.passes[task] = { pass, order };
    return order;
  }
}
