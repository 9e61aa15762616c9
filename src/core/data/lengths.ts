/** What is needed of a tokenizer to measure texts. */
export interface TokenEncoder {
  encode(text: string): readonly number[];
}

/** How long texts are for the model. All lengths in tokens of the text itself. */
export interface Lengths {
  /** Most tokens that a text may have; longer ones are cut. */
  room: number;
  /** Texts that `median` and `most` rest on: all, or an even sample of a large file. */
  measured: number;
  median: number;
  /** 99 of 100 texts are at most this long. */
  most: number;
  /** Texts longer than the room, by their index. */
  tooLong: { index: number; tokens: number; exact: boolean }[];
}

/** Texts that are tokenised for the quantiles. */
const sampleSize = 2000;
/** A text is tokenised as far as so many times the room; what lies behind is estimated. */
const measuredRooms = 4;

/**
 * Measures texts in tokens. A token is at least one byte of the text (and SentencePiece may add one), so that a text of
 * no more bytes than the room fits for certain: of a large file of short texts only a sample is tokenised.
 */
export function measureLengths(texts: readonly string[], encoder: TokenEncoder, room: number): Lengths {
  const known = new Map<number, number>();
  const tooLong: Lengths["tooLong"] = [];
  texts.forEach((text, index) => {
    if (Buffer.byteLength(text) + 1 <= room) return;
    const { tokens, exact } = countTokens(text, encoder, room);
    known.set(index, tokens);
    if (tokens > room) tooLong.push({ index, tokens, exact });
  });

  const count = Math.min(sampleSize, texts.length);
  const sample: number[] = [];
  for (let i = 0; i < count; i++) {
    const index = Math.floor((i * texts.length) / count);
    sample.push(known.get(index) ?? encoder.encode(texts[index] ?? "").length);
  }
  sample.sort((a, b) => a - b);
  const quantile = (share: number) => sample[Math.max(0, Math.ceil(share * count) - 1)] ?? 0;
  return { room, measured: count, median: quantile(0.5), most: quantile(0.99), tooLong };
}

/** Tokens of a text; of one that is many times longer than the room, an estimate from its beginning. */
function countTokens(text: string, encoder: TokenEncoder, room: number): { tokens: number; exact: boolean } {
  // Eight characters a token are more than any language needs on average.
  const reach = room * measuredRooms * 8;
  if (text.length <= reach) return { tokens: encoder.encode(text).length, exact: true };
  const tokens = encoder.encode(text.slice(0, reach)).length;
  return { tokens: Math.round((tokens * text.length) / reach), exact: false };
}
