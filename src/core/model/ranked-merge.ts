import { Heap } from "./heap";
import type { MergeIds } from "./merges";

interface Candidate {
  readonly left: number;
  readonly rank: number;
  readonly id: number;
}

const NONE = -1;

/** Merges of two tokens into a third, by rank: the lowest goes first, of equals the leftmost. */
export class RankedMerges {
  /** Ranks by their pairs: a hash table with open addressing, at most half full, which opens many times faster than a Map. */
  private readonly slots: Int32Array;

  constructor(private readonly ids: MergeIds) {
    this.slots = new Int32Array(2 ** Math.ceil(Math.log2(ids.length + 2))).fill(NONE);
    // Of two merges of the same pair the later one counts, as in the reference.
    for (let rank = 0; 3 * rank < ids.length; rank++) {
      this.slots[this.slotOf(ids[3 * rank]!, ids[3 * rank + 1]!)] = rank;
    }
  }

  /** The tokens that are left when no two neighbours can be merged any more. */
  merge(symbols: readonly number[]): number[] {
    const ids = [...symbols];
    const after = ids.map((_, i) => (i + 1 < ids.length ? i + 1 : -1));
    const before = ids.map((_, i) => i - 1);
    const gone = new Uint8Array(ids.length);
    const heap = new Heap<Candidate>((a, b) => a.rank < b.rank || (a.rank === b.rank && a.left < b.left));
    const rankAt = (left: number) => {
      const right = after[left]!;
      return right < 0 ? NONE : this.slots[this.slotOf(ids[left]!, ids[right]!)]!;
    };
    const consider = (left: number) => {
      const rank = rankAt(left);
      if (rank !== NONE) heap.push({ left, rank, id: this.ids[3 * rank + 2]! });
    };
    for (let i = 0; i < ids.length; ++i) consider(i);
    for (let best = heap.pop(); best !== undefined; best = heap.pop()) {
      const { left, rank, id } = best;
      if (gone[left] === 1 || rankAt(left) !== rank) continue;
      const right = after[left]!;
      ids[left] = id;
      gone[right] = 1;
      const next = after[right]!;
      after[left] = next;
      if (next >= 0) before[next] = left;
      if (before[left]! >= 0) consider(before[left]!);
      consider(left);
    }
    return ids.filter((_, i) => gone[i] === 0);
  }

  /** Where the rank of a pair stands, or would. */
  private slotOf(left: number, right: number): number {
    const { slots, ids } = this;
    const mask = slots.length - 1;
    let slot = Math.imul(Math.imul(left, 0x9e3779b1) ^ right, 0x85ebca6b);
    for (slot = (slot ^ (slot >>> 15)) & mask; ; slot = (slot + 1) & mask) {
      const rank = slots[slot]!;
      if (rank === NONE || (ids[3 * rank] === left && ids[3 * rank + 1] === right)) return slot;
    }
  }
}
