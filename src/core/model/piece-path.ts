import { characterLength, type Cut, type PieceTrie } from "./piece-trie";
import { PIECE, type Piece } from "./pieces";

/** How much less an unknown character is worth than the worst piece. */
const UNKNOWN_PENALTY = 10;
/** Beyond this a sum begins anew at what is being reached, as the reference's do: 32 bits lose the scores of single pieces there. */
const FARTHEST = 100_000;

/**
 * Unigram: the cut whose pieces have the greatest sum of scores, in the reference's 32-bit sums; of equal sums the one that comes
 * first. (Before 0.2.2, sentencepiece compared unrounded sums with rounded ones and cut some ties otherwise.)
 */
export function bestPieces(
  pieces: readonly Piece[],
  trie: PieceTrie,
  unknown: number,
): (text: Uint8Array) => Cut[] {
  const scores = pieces.filter(({ kind }) => kind === PIECE.normal).map(({ score }) => score);
  const least = Math.fround(scores.reduce((a, b) => Math.min(a, b), Infinity) - UNKNOWN_PENALTY);
  return (text) => {
    const best = new Float32Array(text.length + 1);
    const from = new Int32Array(text.length + 1).fill(-1);
    const ids = new Int32Array(text.length + 1);
    let reached = 0;
    const offer = (start: number, end: number, id: number, score: number) => {
      reached = Math.max(reached, end);
      const sum = Math.fround(best[start]! + Math.fround(score));
      if (from[end] !== -1 && !(sum > best[end]!)) return;
      best[end] = sum;
      from[end] = start;
      ids[end] = id;
    };
    for (let start = 0; start < text.length;) {
      const next = Math.min(text.length, start + characterLength(text[start]!));
      const here = best[start]!;
      if (Math.abs(here) > FARTHEST) {
        for (let i = start; i <= reached; ++i) if (i === start || from[i] !== -1) best[i]! -= here;
      }
      trie.each(text, start, (id, end) => {
        const { kind, score } = pieces[id]!;
        if (kind === PIECE.unused) return;
        offer(start, end, id, kind === PIECE.userDefined ? 0.1 * (end - start - 1) : score);
      });
      const single = trie.at(text, start, next);
      if (single === null || pieces[single]!.kind === PIECE.unused) offer(start, next, unknown, least);
      start = next;
    }
    const cuts: Cut[] = [];
    for (let end = text.length; end > 0; end = from[end]!) {
      cuts.push({ start: from[end]!, end, id: ids[end]! });
    }
    return cuts.reverse();
  };
}
