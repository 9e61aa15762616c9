/** Batches that the engine, the bare products and PyTorch all compute. */
import type { Batch } from "../../src/core/engine";

export interface Sequence {
  /** Token ids of text and answer, without the prompt. */
  readonly tokens: readonly number[];
  /** How many of them, at the end, are the answer. */
  readonly answer: number;
}

/** The trained vectors of a prompt, as they stand among tokens. */
export const vectors = (count: number): number[] => Array.from({ length: count }, (_, i) => -1 - i);

/** One segment a text behind the prompt's; the answer is chosen among `candidates`. Texts weigh the same. */
export function packBatch(
  sequences: readonly Sequence[],
  prompt: readonly number[],
  candidates: readonly number[],
): Batch {
  const tokens = [...prompt];
  const lengths = [prompt.length];
  const rows: number[] = [];
  const answers: number[] = [];
  for (const { tokens: sequence, answer } of sequences) {
    const text = sequence.slice(0, sequence.length - answer);
    tokens.push(...text);
    lengths.push(text.length);
    rows.push(tokens.length - 1);
    answers.push(candidates.indexOf(sequence[text.length] ?? -1));
  }
  return {
    tokens: Int32Array.from(tokens),
    segmentLength: Int32Array.from(lengths),
    segmentParent: Int32Array.from(lengths, (_, i) => (i === 0 ? -1 : 0)),
    choiceRow: Int32Array.from(rows),
    choiceStart: Int32Array.from({ length: rows.length + 1 }, (_, i) => i * candidates.length),
    candidates: Int32Array.from(rows.flatMap(() => candidates)),
    choiceAnswer: Int32Array.from(answers),
    choiceWeight: Float32Array.from(rows, () => 1 / rows.length),
    targetRow: new Int32Array(),
    targetToken: new Int32Array(),
    targetWeight: new Float32Array(),
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle) - 1] ?? NaN)) / 2;
}
