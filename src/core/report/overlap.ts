import { words } from "./words";

/**
 * ROUGE-L (Lin 2004): F1 of the longest common subsequence of words, 0 to 1; 0 where either side has no word.
 * The value of rouge_score (`rougeL`, no stemming) on ASCII text, and meaningful in any script.
 */
export function rougeL(output: string, reference: string): number {
  const ids = new Map<string, number>();
  const numbered = (text: string) =>
    Int32Array.from(words(text), (word) => {
      const id = ids.get(word) ?? ids.size;
      ids.set(word, id);
      return id;
    });
  const a = numbered(output);
  const b = numbered(reference);
  const common = commonSubsequence(a, b);
  if (common === 0) return 0;
  const precision = common / a.length;
  const recall = common / b.length;
  return (2 * precision * recall) / (precision + recall);
}

/** Length of the longest common subsequence. */
function commonSubsequence(a: Int32Array, b: Int32Array): number {
  let previous = new Int32Array(b.length + 1);
  let current = new Int32Array(b.length + 1);
  for (const item of a) {
    for (let j = 0; j < b.length; j++) {
      current[j + 1] = item === b[j] ? previous[j]! + 1 : Math.max(previous[j + 1]!, current[j]!);
    }
    [previous, current] = [current, previous];
  }
  return previous[b.length]!;
}

/** What Python's `str.split` splits at: the separators U+001C to U+001F and U+0085 too, but not U+FEFF. */
const isWhiteSpace = (character: string): boolean =>
  character === "\u0085" ||
  (character >= "\u001c" && character <= "\u001f") ||
  (/\s/u.test(character) && character !== "\uFEFF");
const CHAR_ORDER = 6;
const BETA_SQUARED = 4;
export const CHRF_STATISTICS = 3 * CHAR_ORDER;

/**
 * Character n-gram counts of one output against its best reference: for each order 1 to 6 the number in the output, in
 * the reference, and in both. Sums of these over texts give the corpus score.
 * @param references at least one
 */
export function chrfStatistics(output: string, references: readonly string[]): Int32Array {
  const outputGrams = charGrams(output);
  let best: Int32Array | null = null;
  let bestScore = -1;
  for (const reference of references) {
    const referenceGrams = charGrams(reference);
    const statistics = new Int32Array(CHRF_STATISTICS);
    for (let order = 0; order < CHAR_ORDER; order++) {
      const mine = outputGrams[order]!;
      const theirs = referenceGrams[order]!;
      let common = 0;
      for (const [gram, count] of mine.counts) common += Math.min(count, theirs.counts.get(gram) ?? 0);
      // Where the reference is too short for an order, the output's grams of that order do not count against it.
      statistics.set([theirs.total === 0 ? 0 : mine.total, theirs.total, common], 3 * order);
    }
    const score = chrfScore(statistics);
    if (score > bestScore) {
      bestScore = score;
      best = statistics;
    }
  }
  if (best === null) throw new RangeError("chrF needs at least one reference");
  return best;
}

/** chrF2 (Popović 2015) from summed statistics, 0 to 100: sacrebleu's default chrF. */
export function chrfScore(statistics: ArrayLike<number>): number {
  let precision = 0;
  let recall = 0;
  let orders = 0;
  for (let at = 0; at < CHRF_STATISTICS; at += 3) {
    const inOutput = statistics[at]!;
    const inReference = statistics[at + 1]!;
    if (inOutput === 0 || inReference === 0) continue;
    precision += statistics[at + 2]! / inOutput;
    recall += statistics[at + 2]! / inReference;
    orders++;
  }
  if (precision + recall === 0) return 0;
  precision /= orders;
  recall /= orders;
  return (100 * (1 + BETA_SQUARED) * precision * recall) / (BETA_SQUARED * precision + recall);
}

/** N-grams of code points, white space left out, for orders 1 to 6. */
function charGrams(text: string): { counts: Map<string, number>; total: number }[] {
  const characters = Array.from(text).filter((character) => !isWhiteSpace(character));
  return Array.from({ length: CHAR_ORDER }, (_, order) => {
    const counts = new Map<string, number>();
    const total = Math.max(0, characters.length - order);
    for (let start = 0; start < total; start++) {
      const gram = characters.slice(start, start + order + 1).join("");
      counts.set(gram, (counts.get(gram) ?? 0) + 1);
    }
    return { counts, total };
  });
}

/** Whether the output is one of the references; differences in white space and in how accents are encoded do not count. */
export function exactMatch(output: string, references: readonly string[]): boolean {
  const plain = (text: string) => text.normalize("NFC").trim().replace(/\s+/gu, " ");
  return references.some((reference) => plain(reference) === plain(output));
}
