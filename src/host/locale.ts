import { spokenLanguage } from "../core/say";

/** Time, sizes and figures as they are written in the language of the sentences that they stand in. */
export class Figures {
  private readonly locale = spokenLanguage();

  /** `40 seconds`, `2 minutes`, `3.5 hours`. */
  duration(seconds: number): string {
    if (seconds < 90) return this.unit(Math.max(1, Math.round(seconds)), "second");
    if (seconds < 90 * 60) return this.unit(Math.round(seconds / 60), "minute");
    return this.unit(Math.round(seconds / 360) / 10, "hour");
  }

  /** Two decimals, as for F1. */
  score(value: number): string {
    return this.decimals(value, 2);
  }

  /** `[0.77, 0.88]`; behind a decimal comma stands no other. */
  interval(low: number, high: number): string {
    const [one, other] = [this.score(low), this.score(high)];
    return `[${one}${one.includes(",") ? ";" : ","} ${other}]`;
  }

  /** One decimal. */
  tenth(value: number): string {
    return this.decimals(value, 1);
  }

  /** `0.9 GB`, `340 MB`, `12 kB`. */
  bytes(bytes: number): string {
    if (bytes >= 995e6) return this.unit(Math.round(bytes / 1e8) / 10, "gigabyte", "short");
    if (bytes >= 995e3) return this.unit(Math.round(bytes / 1e6), "megabyte", "short");
    return this.unit(Math.round(bytes / 1e3), "kilobyte", "short");
  }

  /** Day and time of a date in ISO 8601. */
  date(iso: string): string {
    const date = new Date(iso);
    return Number.isNaN(date.getTime())
      ? ""
      : new Intl.DateTimeFormat(this.locale, { dateStyle: "medium", timeStyle: "short" }).format(date);
  }

  private decimals(value: number, digits: number): string {
    const exactly = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    return new Intl.NumberFormat(this.locale, exactly).format(value);
  }

  private unit(value: number, unit: string, unitDisplay: "long" | "short" = "long"): string {
    return new Intl.NumberFormat(this.locale, { style: "unit", unit, unitDisplay }).format(value);
  }
}
