import { Heap } from "./heap";

interface Candidate {
  readonly left: number;
  readonly rank: number;
  readonly id: number;
}

/** Merges of two tokens into a third, by rank: the lowest goes first, of equals the leftmost. */
export class RankedMerges {
  private readonly pairs = new Map<number, { readonly rank: number; readonly id: number }>();

  /** @param tokens More than any id. */
  constructor(
    merges: Iterable<{ readonly left: number; readonly right: number; readonly id: number }>,
    private readonly tokens: number,
  ) {
    let rank = 0;
    for (const { left, right, id } of merges) this.pairs.set(left * tokens + right, { rank: rank++, id });
  }

  /** The tokens that are left when no two neighbours can be merged any more. */
  merge(symbols: readonly number[]): number[] {
    const ids = [...symbols];
    const after = ids.map((_, i) => (i + 1 < ids.length ? i + 1 : -1));
    const before = ids.map((_, i) => i - 1);
    const gone = new Uint8Array(ids.length);
    const heap = new Heap<Candidate>((a, b) => a.rank < b.rank || (a.rank === b.rank && a.left < b.left));
    const pairAt = (left: number) => {
      const right = after[left]!;
      return right < 0 ? undefined : this.pairs.get(ids[left]! * this.tokens + ids[right]!);
    };
    const consider = (left: number) => {
      const pair = pairAt(left);
      if (pair !== undefined) heap.push({ left, ...pair });
    };
    for (let i = 0; i < ids.length; ++i) consider(i);
    for (let best = heap.pop(); best !== undefined; best = heap.pop()) {
      const { left, id } = best;
      if (gone[left] === 1 || pairAt(left)?.id !== id) continue;
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
}
