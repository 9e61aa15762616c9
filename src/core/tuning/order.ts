import { seededRandom, shuffled } from "../random";
import type { Item, ItemWeights } from "./layout";
import type { Balance } from "./settings";

/** One number from several, so that each use of a seed has a sequence of its own. */
export function mixSeed(...parts: readonly number[]): number {
  let hash = 0x811c9dc5;
  for (const part of parts) {
    for (let shift = 0; shift < 32; shift += 8) {
      hash = Math.imul(hash ^ ((part >>> shift) & 0xff), 0x01000193) >>> 0;
    }
  }
  return hash;
}

/** Classes that an example counts for when rare classes are helped. Empty for generation and for "no label applies". */
function classesOf(item: Item): number[] {
  if (item.answer.kind === "single") return [item.answer.label];
  if (item.answer.kind === "multi")
    return item.answer.applies.flatMap((applies, label) => (applies ? [label] : []));
  return [];
}

/**
 * Which examples each step learns from, a function of the seed and the step alone: a resumed run needs nothing else.
 * Without sampling: pass after pass over all examples, each in an order of its own. With it: every class (and "none
 * applies") is drawn equally often.
 */
export class DataOrder {
  private readonly byClass: number[][];
  private passCache: { pass: number; order: number[] } | null = null;

  constructor(
    private readonly items: readonly Item[],
    private readonly batch: number,
    private readonly seed: number,
    private readonly balance: Balance,
  ) {
    const groups = new Map<number, number[]>();
    items.forEach((item, index) => {
      const classes = classesOf(item);
      for (const label of classes.length === 0 ? [-1] : classes) {
        groups.set(label, [...(groups.get(label) ?? []), index]);
      }
    });
    this.byClass = [...groups].sort(([a], [b]) => a - b).map(([, members]) => members);
  }

  /** Examples of a step counted from 0. */
  at(step: number): Item[] {
    const count = this.items.length;
    const indices: number[] = [];
    if (this.balance === "sampling") {
      const random = seededRandom(mixSeed(this.seed, 2, step));
      for (let i = 0; i < this.batch; i++) {
        const members = this.byClass[Math.floor(random() * this.byClass.length)]!;
        indices.push(members[Math.floor(random() * members.length)]!);
      }
    } else {
      for (let position = step * this.batch; position < (step + 1) * this.batch; position++) {
        indices.push(this.pass(Math.floor(position / count))[position % count]!);
      }
    }
    return indices.map((index) => this.items[index]!);
  }

  private pass(pass: number): number[] {
    if (this.passCache?.pass !== pass) {
      const all = this.items.map((_, index) => index);
      this.passCache = { pass, order: shuffled(all, seededRandom(mixSeed(this.seed, 1, pass))) };
    }
    return this.passCache.order;
  }
}

/**
 * Weight of each example, 1 on average. With `weights` a class counts by one over the square root of its share
 * (`multi`: a label that applies, by the root of its odds against): rare classes gain, without a few examples
 * ruling the run.
 */
export function exampleWeights(
  items: readonly Item[],
  labels: number,
  balance: Balance,
): (item: Item) => ItemWeights {
  if (balance !== "weights" || items.length === 0) return () => ({ example: 1 });
  const counts = new Array<number>(labels).fill(0);
  for (const item of items) for (const label of classesOf(item)) counts[label] = counts[label]! + 1;
  if (items[0]?.answer.kind === "multi") {
    const positive = counts.map((count) => Math.sqrt((items.length - count + 1) / (count + 1)));
    return () => ({ example: 1, positive });
  }
  const raw = (item: Item) => {
    const label = classesOf(item)[0];
    return label === undefined ? 1 : 1 / Math.sqrt(counts[label]!);
  };
  const mean = items.reduce((sum, item) => sum + raw(item), 0) / items.length;
  return (item) => ({ example: raw(item) / mean });
}
