import { countTokens, surelyFits } from "../data/lengths";
import type { TextTokenizer } from "../model";
import { sharesOfCut, type Layout } from "../tuning/layout";

/** The part of a text that the model does not read, in UTF-16 code units: its first, and the one past its last. */
export interface LeftOut {
  readonly from: number;
  readonly to: number;
}

/**
 * What a run leaves out of a text that is too long for it; null where it reads all. Where a token reaches across an end, the
 * end is some characters off: the text's own tokens are counted anew for each piece.
 */
export function leftOut(
  layout: Pick<Layout, "textRoom" | "mark">,
  tokenizer: Pick<TextTokenizer, "encode">,
  text: string,
): LeftOut | null {
  if (surelyFits(text, layout.textRoom)) return null;
  if (countTokens(text, tokenizer, layout.textRoom).tokens <= layout.textRoom) return null;
  const { head, tail } = sharesOfCut(layout);
  const fits = (piece: string, tokens: number) => tokenizer.encode(piece).length <= tokens;
  const from = longest(text.length, head, (length) => fits(text.slice(0, length), head));
  const kept = longest(text.length, tail, (length) => fits(text.slice(text.length - length), tail));
  return { from: whole(text, from), to: whole(text, Math.max(from, text.length - kept)) };
}

/**
 * The greatest length that fits, where every shorter one does too.
 * @param guess Where to begin: the way to a length far below `most` is short.
 */
function longest(most: number, guess: number, fits: (length: number) => boolean): number {
  let low = 0;
  let high = Math.min(most, Math.max(1, guess));
  while (high < most && fits(high)) {
    low = high;
    high = Math.min(most, high * 2);
  }
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** A character of two code units is not cut in two. */
function whole(text: string, at: number): number {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00 ? at - 1 : at;
}
