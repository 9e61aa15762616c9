/** What is needed of a tokenizer to measure texts. */
export interface TokenEncoder {
  encode(text: string): readonly number[];
}

/** Length of a text in tokens; of one that is many times longer than the room, an estimate from its beginning. */
export interface TokenCount {
  tokens: number;
  exact: boolean;
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
  tooLong: (TokenCount & { index: number })[];
}

/** Texts that are tokenised for the quantiles; fewer where they are long, so that all are about so many characters. */
const sampleSize = 2000;
const leastSample = 100;
const sampleCharacters = 1_000_000;
/** A text is tokenised as far as so many times the room; what lies behind is estimated. */
const measuredRooms = 4;

/**
 * Whether a text fits for certain, without a look at its tokens: each is at least one byte of the text (and SentencePiece
 * may add one in front).
 */
export function surelyFits(text: string, room: number): boolean {
  // A UTF-16 code unit is three bytes at most.
  return text.length * 3 + 1 <= room || Buffer.byteLength(text) + 1 <= room;
}

/**
 * Measures texts in tokens. Texts that fit for certain are not tokenised: of a large file of short texts only a sample is.
 * @param measured Counts that are known already, e.g. from threads.
 */
export function measureLengths(
  texts: readonly string[],
  encoder: TokenEncoder,
  room: number,
  measured: ReadonlyMap<string, TokenCount> = new Map(),
): Lengths {
  const known = new Map<number, number>();
  const tooLong: Lengths["tooLong"] = [];
  texts.forEach((text, index) => {
    if (surelyFits(text, room)) return;
    const { tokens, exact } = measured.get(text) ?? countTokens(text, encoder, room);
    known.set(index, tokens);
    if (tokens > room) tooLong.push({ index, tokens, exact });
  });

  const characters = texts.reduce((sum, text) => sum + text.length, 0);
  const affordable = Math.max(
    leastSample,
    Math.floor((sampleCharacters * texts.length) / Math.max(1, characters)),
  );
  const count = Math.min(sampleSize, affordable, texts.length);
  const sample: number[] = [];
  for (let i = 0; i < count; i++) {
    const index = Math.floor((i * texts.length) / count);
    sample.push(known.get(index) ?? encoder.encode(texts[index] ?? "").length);
  }
  sample.sort((a, b) => a - b);
  const quantile = (share: number) => sample[Math.max(0, Math.ceil(share * count) - 1)] ?? 0;
  return { room, measured: count, median: quantile(0.5), most: quantile(0.99), tooLong };
}

/** Tokens of a text, the whole of which is looked at only where it may fit. */
export function countTokens(text: string, encoder: TokenEncoder, room: number): TokenCount {
  // Eight characters a token are more than any language needs on average.
  const reach = room * measuredRooms * 8;
  if (text.length <= reach) return { tokens: encoder.encode(text).length, exact: true };
  const tokens = encoder.encode(text.slice(0, reach)).length;
  return { tokens: Math.round((tokens * text.length) / reach), exact: false };
}
