import type { TuneWord, TuneWords } from "../../protocol";

/** The page's words with what stands in them, and its figures, in the user's language. */
export class Words {
  constructor(
    private readonly words: TuneWords,
    private readonly locale: string,
  ) {}

  /** A word with `{0}`, `{1}` … filled in. */
  say(word: TuneWord, ...values: (string | number)[]): string {
    return this.words[word].replace(/\{(\d)\}/g, (whole, at: string) => {
      const value = values[Number(at)];
      return value === undefined ? whole : typeof value === "number" ? this.number(value) : value;
    });
  }

  number(value: number): string {
    return new Intl.NumberFormat(this.locale, { maximumFractionDigits: 0 }).format(value);
  }

  /** Two decimals, as for F1 and losses. */
  figure(value: number | null): string {
    if (value === null) return "–";
    return new Intl.NumberFormat(this.locale, {
      minimumFractionDigits: 2,
      maximumFractionDigits: 2,
    }).format(value);
  }

  duration(seconds: number): string {
    if (seconds < 90) return this.unit(Math.max(1, Math.round(seconds)), "second", "long");
    if (seconds < 90 * 60) return this.unit(Math.round(seconds / 60), "minute", "long");
    return this.unit(Math.round(seconds / 360) / 10, "hour", "long");
  }

  bytes(bytes: number): string {
    return bytes >= 995e6
      ? this.unit(Math.round(bytes / 1e8) / 10, "gigabyte", "short")
      : this.unit(Math.round(bytes / 1e6), "megabyte", "short");
  }

  private unit(value: number, unit: string, unitDisplay: "long" | "short"): string {
    return new Intl.NumberFormat(this.locale, { style: "unit", unit, unitDisplay }).format(value);
  }
}
