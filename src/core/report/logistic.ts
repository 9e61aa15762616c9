import { minimize } from "./lbfgs";

/** Rows of a sparse matrix: row r has values[offsets[r] .. offsets[r + 1]] in the columns of the same places. */
export interface SparseRows {
  columnCount: number;
  offsets: Int32Array;
  columns: Int32Array;
  values: Float64Array;
}

/** Weights of every column for every output, then the intercepts: weights[column · outputs + output]. */
export interface LogisticModel {
  weights: Float64Array;
  outputs: number;
  link: "softmax" | "sigmoid";
}

/**
 * Logistic regression with scikit-learn's default objective: summed log loss plus half the squared weights (C = 1), the
 * intercepts free.
 * @param targets for each output a column of 0 and 1, one value a row. `softmax`: exactly one output is 1 in a row.
 */
export function fitLogistic(
  rows: SparseRows,
  targets: readonly Uint8Array[],
  link: "softmax" | "sigmoid",
): LogisticModel {
  const outputs = targets.length;
  const rowCount = rows.offsets.length - 1;
  const weightCount = rows.columnCount * outputs;
  const logits = new Float64Array(outputs);
  // The mean, not the sum, of the losses: the stopping rule then means the same for few and many texts.
  const objective = (weights: Float64Array, gradient: Float64Array): number => {
    gradient.fill(0);
    let loss = 0;
    for (let row = 0; row < rowCount; row++) {
      fillLogits(rows, row, weights, logits);
      if (link === "softmax") {
        const normalizer = softmax(logits);
        for (let k = 0; k < outputs; k++) {
          if (targets[k]![row] !== 1) continue;
          loss += normalizer - logits[k]!;
        }
        for (let k = 0; k < outputs; k++) logits[k] = Math.exp(logits[k]! - normalizer) - targets[k]![row]!;
      } else {
        for (let k = 0; k < outputs; k++) {
          const z = logits[k]!;
          const target = targets[k]![row]!;
          loss += Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - target * z;
          logits[k] = sigmoid(z) - target;
        }
      }
      for (let at = rows.offsets[row]!; at < rows.offsets[row + 1]!; at++) {
        const value = rows.values[at]!;
        const base = rows.columns[at]! * outputs;
        for (let k = 0; k < outputs; k++) gradient[base + k]! += value * logits[k]!;
      }
      for (let k = 0; k < outputs; k++) gradient[weightCount + k]! += logits[k]!;
    }
    let squares = 0;
    for (let i = 0; i < weightCount; i++) {
      squares += weights[i]! * weights[i]!;
      gradient[i] = (gradient[i]! + weights[i]!) / rowCount;
    }
    for (let i = weightCount; i < weights.length; i++) gradient[i]! /= rowCount;
    return (loss + squares / 2) / rowCount;
  };
  const weights = minimize(objective, new Float64Array(weightCount + outputs), {
    gradientTolerance: 1e-5,
    iterations: 200,
  });
  return { weights, outputs, link };
}

/** Probability of each output, one array a row. */
export function probabilities({ weights, outputs, link }: LogisticModel, rows: SparseRows): Float64Array[] {
  return Array.from({ length: rows.offsets.length - 1 }, (_, row) => {
    const logits = new Float64Array(outputs);
    fillLogits(rows, row, weights, logits);
    if (link === "sigmoid") return logits.map(sigmoid);
    const normalizer = softmax(logits);
    return logits.map((logit) => Math.exp(logit - normalizer));
  });
}

function fillLogits(rows: SparseRows, row: number, weights: Float64Array, logits: Float64Array): void {
  const outputs = logits.length;
  const intercepts = rows.columnCount * outputs;
  for (let k = 0; k < outputs; k++) logits[k] = weights[intercepts + k]!;
  for (let at = rows.offsets[row]!; at < rows.offsets[row + 1]!; at++) {
    const value = rows.values[at]!;
    const base = rows.columns[at]! * outputs;
    for (let k = 0; k < outputs; k++) logits[k]! += value * weights[base + k]!;
  }
}

const sigmoid = (z: number): number => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

/** Log of the summed exponentials. */
function softmax(logits: Float64Array): number {
  let highest = -Infinity;
  for (const logit of logits) highest = Math.max(highest, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - highest);
  return highest + Math.log(sum);
}
