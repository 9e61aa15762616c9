import { characterLength, type Cut, type PieceTrie } from "./piece-trie";
import { PIECE, type Piece } from "./pieces";

/** How much less an unknown character is worth than the worst piece. */
const UNKNOWN_PENALTY = 10;
/** The reference takes no less than this for the best score: the smallest normal 32-bit number. */
const LEAST_BEST = 2 ** -126;

/** Unigram: the cut whose pieces have the greatest sum of scores, in the reference's 32-bit sums. */
export function bestPieces(
  pieces: readonly Piece[],
  trie: PieceTrie,
  unknown: number,
): (text: Uint8Array) => Cut[] {
  const scores = pieces.filter(({ kind }) => kind === PIECE.normal).map(({ score }) => score);
  const least = Math.fround(scores.reduce((a, b) => Math.min(a, b), Infinity) - UNKNOWN_PENALTY);
  const most = scores.reduce((a, b) => Math.max(a, b), LEAST_BEST);
  return (text) => {
    const best = new Float32Array(text.length + 1);
    const from = new Int32Array(text.length + 1).fill(-1);
    const ids = new Int32Array(text.length + 1);
    const offer = (start: number, end: number, id: number, sum: number) => {
      if (from[end] !== -1 && !(sum > best[end]!)) return;
      best[end] = sum;
      from[end] = start;
      ids[end] = id;
    };
    for (let start = 0; start < text.length;) {
      const next = Math.min(text.length, start + characterLength(text[start]!));
      const here = best[start]!;
      trie.each(text, start, (id, end) => {
        const { kind, score } = pieces[id]!;
        if (kind === PIECE.unused) return;
        offer(start, end, id, here + (kind === PIECE.userDefined ? (end - start) * most - 0.1 : score));
      });
      const single = trie.at(text, start, next);
      if (single === null || pieces[single]!.kind === PIECE.unused)
        offer(start, next, unknown, Math.fround(least + here));
      start = next;
    }
    const cuts: Cut[] = [];
    for (let end = text.length; end > 0; end = from[end]!) {
      cuts.push({ start: from[end]!, end, id: ids[end]! });
    }
    return cuts.reverse();
  };
}
