import type { TuneWord } from "../../protocol";
import { PageWords } from "../ui/words";

/** The page's words, and its figures with units. */
export class Words extends PageWords<TuneWord> {
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
