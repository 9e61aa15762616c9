import { fitLogistic, type LogisticOptions, probabilities, type SparseRows } from "./logistic";
import { longWords } from "./words";

/** A bag-of-words classifier fitted on training texts. */
export interface WordCounts {
  /** P(label) for each text, in the order of the label set: summing to 1 for a single-label task, free for multi. */
  score(texts: readonly string[]): Float64Array[];
  /** Different words and pairs of words in the training texts. */
  features: number;
}

/** Training texts made ready, to be fitted in one way or several. */
export interface WordCountTexts {
  fit(options: LogisticOptions): WordCounts;
}

/**
 * TF-IDF over words and pairs of words with L2-regularised logistic regression: what scikit-learn's
 * `TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)` and `LogisticRegression` do. One softmax for a single-label
 * task, one sigmoid a label for a multi-label one. The same input gives the same model, without any seed.
 * @param answers label indices of each text
 */
export function readWordCounts(
  texts: readonly string[],
  answers: readonly (readonly number[])[],
  labelCount: number,
  kind: "single" | "multi",
): WordCountTexts {
  const vectorizer = new Vectorizer(texts);
  const rows = vectorizer.rows(texts);
  const has = Array.from({ length: labelCount }, () => new Uint8Array(texts.length));
  for (const [text, labels] of answers.entries()) for (const label of labels) has[label]![text] = 1;
  const counts = has.map((column) => column.reduce((sum, value) => sum + value, 0));
  // A label that no text has, or every text has, leaves nothing to fit: its probability is 0 or 1.
  const fixed = counts.map((count) => (count === 0 ? 0 : count === texts.length ? 1 : null));
  const open = fixed.flatMap((value, label) => (value === null ? [label] : []));
  const twoClasses = kind === "single" && open.length === 2;
  const fitted = twoClasses ? open.slice(0, 1) : open;
  const link = kind === "multi" || twoClasses ? "sigmoid" : "softmax";
  const targets = fitted.map((label) => has[label]!);
  return {
    fit: (options) => {
      const model = fitted.length === 0 ? null : fitLogistic(rows, targets, link, options);
      return {
        features: vectorizer.size,
        score: (asked) => {
          const scored = model === null ? null : probabilities(model, vectorizer.rows(asked));
          return asked.map((_, index) => {
            const scores = Float64Array.from(fixed, (value) => value ?? 0);
            for (const [column, label] of fitted.entries()) scores[label] = scored![index]![column]!;
            if (twoClasses) scores[open[1]!] = 1 - scores[open[0]!]!;
            return scores;
          });
        },
      };
    },
  };
}

/** Words and neighbouring pairs of them. */
function grams(text: string): string[] {
  const single = longWords(text);
  return single.concat(single.slice(1).map((word, index) => `${single[index]!} ${word}`));
}

/** Term weights (1 + ln count) · (ln((1 + texts) / (1 + texts with the term)) + 1), each text scaled to length 1. */
class Vectorizer {
  private readonly ids = new Map<string, number>();
  private readonly inverseFrequency: Float64Array;

  constructor(texts: readonly string[]) {
    const frequency: number[] = [];
    for (const text of texts) {
      for (const gram of new Set(grams(text))) {
        const id = this.ids.get(gram) ?? this.ids.size;
        this.ids.set(gram, id);
        frequency[id] = (frequency[id] ?? 0) + 1;
      }
    }
    this.inverseFrequency = Float64Array.from(
      frequency,
      (count) => Math.log((1 + texts.length) / (1 + count)) + 1,
    );
  }

  get size(): number {
    return this.ids.size;
  }

  /** Terms that no training text has are left out. */
  rows(texts: readonly string[]): SparseRows {
    const columns: number[] = [];
    const values: number[] = [];
    const offsets = new Int32Array(texts.length + 1);
    for (const [row, text] of texts.entries()) {
      const counts = new Map<number, number>();
      for (const gram of grams(text)) {
        const id = this.ids.get(gram);
        if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      let squares = 0;
      const start = values.length;
      for (const [id, count] of counts) {
        const weight = (1 + Math.log(count)) * this.inverseFrequency[id]!;
        squares += weight * weight;
        columns.push(id);
        values.push(weight);
      }
      const length = Math.sqrt(squares);
      for (let at = start; at < values.length; at++) values[at]! /= length;
      offsets[row + 1] = columns.length;
    }
    return {
      columnCount: this.ids.size,
      offsets,
      columns: Int32Array.from(columns),
      values: Float64Array.from(values),
    };
  }
}
