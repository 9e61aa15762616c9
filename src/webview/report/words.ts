import type { ReportWord, ReportWords } from "../../protocol";

/** A panel's words with what stands in them, and its figures, in the user's language. */
export class Words {
  private readonly numbers: Intl.NumberFormat;
  private readonly figures: Intl.NumberFormat;

  constructor(
    private readonly words: ReportWords,
    locale: string,
  ) {
    this.numbers = new Intl.NumberFormat(locale);
    this.figures = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  }

  /** A word with `{0}`, `{1}` … filled in. */
  say(word: ReportWord, ...values: (string | number)[]): string {
    return this.words[word].replace(/\{(\d)\}/g, (whole, at: string) => {
      const value = values[Number(at)];
      return value === undefined ? whole : typeof value === "number" ? this.numbers.format(value) : value;
    });
  }

  /** A figure with two decimals; a dash where it is not defined. */
  figure(value: number | null): string {
    return value === null ? "–" : this.figures.format(value);
  }
}
