import { percent } from "../../percent";
import type { Estimate, Share } from "../schema";

const NO_BREAK = "\u00a0";
const MINUS = "\u2212";
/** What stands where a figure is not defined. */
export const NOT_DEFINED = "–";

/** A figure between 0 and 1 with two decimals: `0.83`. */
export function decimals(value: number | null): string {
  if (value === null) return NOT_DEFINED;
  const text = value.toFixed(2);
  return text.startsWith("-") ? (text === "-0.00" ? "0.00" : MINUS + text.slice(1)) : text;
}

/** A difference with its sign: `+0.07`, `−0.02`, `0.00`. */
export function signed(value: number | null): string {
  const text = decimals(value);
  return value === null || text === "0.00" || text.startsWith(MINUS) ? text : `+${text}`;
}

/** `[0.77, 0.88]`; empty where there is no interval. */
export function interval({ low, high }: Pick<Estimate, "low" | "high">): string {
  return low === null || high === null ? "" : `[${decimals(low)},${NO_BREAK}${decimals(high)}]`;
}

/** `92 % [88 %, 95 %]`. */
export function shareWithInterval({ value, low, high }: Pick<Share, "value" | "low" | "high">): string {
  return low === null || high === null
    ? percent(value)
    : `${percent(value)} [${percent(low)},${NO_BREAK}${percent(high)}]`;
}

/** `p = 0.03`, `p < 0.01`. */
export function pValue(p: number | null): string {
  if (p === null) return NOT_DEFINED;
  return p < 0.005 ? "p < 0.01" : `p = ${p.toFixed(2)}`;
}

/** `1,234 texts`, `1 text`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en-GB")} ${count === 1 ? one : many}`;
}

export const quoted = (label: string): string => `“${label}”`;

/** `48 s`, `2 min 05 s`, `1 h 12 min`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (value: number) => String(value).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

/** `0.8 GB`, `640 MB`: decimal units. */
export function bytes(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(1)} GB` : `${Math.round(count / 1e6)} MB`;
}
