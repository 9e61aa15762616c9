import { fillPlaces } from "../../forms";

/** A page's words with what stands in them, in the language that they are in. */
export class PageWords<Word extends string> {
  private readonly numbers: Intl.NumberFormat;

  /** @param locale Of the words: it decides the forms of what is counted too. */
  constructor(
    private readonly words: Readonly<Record<Word, string>>,
    protected readonly locale: string,
  ) {
    this.numbers = new Intl.NumberFormat(locale);
  }

  /** A word with its places filled, as `fillPlaces` has them. */
  say(word: Word, ...values: (string | number)[]): string {
    return fillPlaces(this.words[word], this.locale, (at) => {
      const value = values[at];
      if (value === undefined) return undefined;
      return { said: typeof value === "number" ? this.number(value) : value, count: Number(value) };
    });
  }

  number(value: number): string {
    return this.numbers.format(value);
  }

  /** A figure with two decimals, as for F1 and losses; a dash where it is not defined. */
  figure(value: number | null): string {
    if (value === null) return "–";
    const digits = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
    return new Intl.NumberFormat(this.locale, digits).format(value);
  }
}
