import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../fixtures");

/** What test/fixtures/metrics_reference.py recorded. */
export function recorded(name: string): unknown {
  return JSON.parse(readFileSync(path.join(folder, name), "utf8"));
}

export interface RecordedScores {
  truth: number[][];
  predicted: number[][];
  labels: number;
  precision: (number | null)[];
  recall: (number | null)[];
  f1: (number | null)[];
  support: number[];
  macroF1: number | null;
  microF1: number | null;
  accuracy: number;
  confusion: number[][] | null;
}

export interface Metrics {
  classification: { single: RecordedScores[]; multi: RecordedScores[] };
  wilson: [hits: number, trials: number, low: number, high: number][];
  mcnemar: [b: number, c: number, p: number][];
  quantiles: { values: number[]; q: number[]; expected: number[] }[];
  calibration: { probability: number[]; happened: boolean[]; counts: number[]; ece: number }[];
  rouge: [output: string, reference: string, f1: number][];
  chrf: { segments: [output: string, references: string[], score: number][]; corpus: number };
}

/** Equal up to the rounding of a few hundred float64 operations; `null` only to `null`. */
export function close(found: number | null, expected: number | null, tolerance = 1e-12): boolean {
  if (found === null || expected === null) return found === expected;
  return Math.abs(found - expected) <= tolerance * Math.max(1, Math.abs(expected));
}
