import type { NewTaskWord, NewTaskWords } from "../../new-task-protocol";

/** The page's words with what stands in them, in the user's language. */
export class Words {
  private readonly numbers: Intl.NumberFormat;

  constructor(
    private readonly words: NewTaskWords,
    locale: string,
  ) {
    this.numbers = new Intl.NumberFormat(locale);
  }

  /** A word with `{0}`, `{1}` … filled in. */
  say(word: NewTaskWord, ...values: (string | number)[]): string {
    return this.words[word].replace(/\{(\d)\}/g, (whole, at: string) => {
      const value = values[Number(at)];
      return value === undefined ? whole : typeof value === "number" ? this.numbers.format(value) : value;
    });
  }

  number(value: number): string {
    return this.numbers.format(value);
  }
}
