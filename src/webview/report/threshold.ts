/** Counts of a label at each threshold of a slider, as the page brings them. */
export interface Counts {
  /** Texts that would be given the label, and those of them that have it, at 0, 1 … steps. */
  readonly given: readonly number[];
  readonly hits: readonly number[];
  readonly positives: number;
}

export interface Figures {
  readonly precision: number | null;
  readonly recall: number | null;
  readonly f1: number | null;
  readonly given: number;
}

/** What a threshold does to a label. A ratio without a denominator is null. */
export function figuresAt({ given, hits, positives }: Counts, step: number): Figures {
  const [all, right] = [given[step] ?? 0, hits[step] ?? 0];
  const ratio = (part: number, whole: number) => (whole === 0 ? null : part / whole);
  return {
    precision: ratio(right, all),
    recall: ratio(right, positives),
    f1: ratio(2 * right, all + positives),
    given: all,
  };
}

/** Mean F1 of the labels that have one; null where none has. */
export function macro(figures: readonly Figures[]): number | null {
  const defined = figures.flatMap(({ f1 }) => (f1 === null ? [] : [f1]));
  return defined.length === 0 ? null : defined.reduce((sum, f1) => sum + f1, 0) / defined.length;
}
