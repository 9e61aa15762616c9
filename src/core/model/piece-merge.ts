import { Heap } from "./heap";
import { characterLength, type Cut, type PieceTrie } from "./piece-trie";
import { PIECE, type Piece } from "./pieces";

interface Part {
  readonly start: number;
  /** `start` where the part has been taken into the one before. */
  end: number;
  before: number;
  after: number;
  readonly frozen: boolean;
}

interface Pair {
  readonly left: number;
  readonly right: number;
  readonly length: number;
  readonly score: number;
}

/** BPE: of all neighbours whose union is a piece, the best one (of equals, the leftmost) is joined, until none is left. */
export function mergePieces(
  pieces: readonly Piece[],
  trie: PieceTrie,
  frozen: PieceTrie,
): (text: Uint8Array) => Cut[] {
  return (text) => {
    const parts: Part[] = [];
    for (let start = 0; start < text.length;) {
      const fixed = frozen.longest(text, start);
      const end = Math.min(text.length, start + (fixed > 0 ? fixed : characterLength(text[start]!)));
      const i = parts.length;
      parts.push({ start, end, before: i - 1, after: end < text.length ? i + 1 : -1, frozen: fixed > 0 });
      start = end;
    }
    const heap = new Heap(precedes);
    /** How a union that must not stay was made of two. */
    const halves = new Map<string, number>();
    const key = (start: number, end: number) => Buffer.from(text.subarray(start, end)).toString("latin1");
    const consider = (left: number, right: number) => {
      const a = parts[left];
      const b = parts[right];
      if (a === undefined || b === undefined || a.frozen || b.frozen) return;
      const id = trie.at(text, a.start, b.end);
      if (id === null) return;
      heap.push({ left, right, length: b.end - a.start, score: pieces[id]!.score });
      if (pieces[id]!.kind === PIECE.unused) halves.set(key(a.start, b.end), a.end - a.start);
    };
    for (let i = 1; i < parts.length; ++i) consider(i - 1, i);
    for (let pair = heap.pop(); pair !== undefined; pair = heap.pop()) {
      const a = parts[pair.left]!;
      const b = parts[pair.right]!;
      if (a.end === a.start || b.end === b.start || b.end - a.start !== pair.length) continue;
      a.end = b.end;
      a.after = b.after;
      const next = parts[b.after];
      if (next !== undefined) next.before = pair.left;
      b.end = b.start;
      consider(a.before, pair.left);
      consider(pair.left, a.after);
    }
    const cuts: Cut[] = [];
    const emit = (start: number, end: number) => {
      const id = trie.at(text, start, end);
      const half = id !== null && pieces[id]!.kind === PIECE.unused ? halves.get(key(start, end)) : undefined;
      if (half === undefined) {
        cuts.push({ start, end, id });
        return;
      }
      emit(start, start + half);
      emit(start + half, end);
    };
    for (const { start, end } of parts) if (end > start) emit(start, end);
    return cuts;
  };
}

function precedes(a: Pair, b: Pair): boolean {
  return a.score > b.score || (a.score === b.score && a.left < b.left);
}
