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

/** How strongly a fit is held back, and what a row counts. */
export interface LogisticOptions {
  /** Inverse of the penalty, scikit-learn's `C`: higher follows the training rows more closely. */
  inversePenalty: number;
  /**
   * scikit-learn's `class_weight="balanced"`. For `softmax` a row weighs rows / (outputs · rows of its class); for
   * `sigmoid` each output by itself: rows / (2 · rows that have it) where a row has it, rows / (2 · rows without it) where not.
   */
  balanced: boolean;
}

/**
 * Logistic regression with scikit-learn's objective: summed log loss of the weighted rows plus ‖W‖² / (2C), the intercepts
 * free.
 *
 * The best weights are a sum of the training rows: W = Xᵀ·A. There are far fewer rows than columns, so the search runs
 * over A, and each point carries its logits Z = X·W along: the inner product of two weight matrices is then Σ A·Z, and
 * sums and multiples of points stay points.
 * @param targets for each output a column of 0 and 1, one value a row, both occurring. `softmax`: exactly one output is 1
 *   in a row.
 */
export function fitLogistic(
  rows: SparseRows,
  targets: readonly Uint8Array[],
  link: "softmax" | "sigmoid",
  { inversePenalty, balanced }: LogisticOptions,
): LogisticModel {
  const outputs = targets.length;
  const rowCount = rows.offsets.length - 1;
  const size = rowCount * outputs;
  const times = gramTimes(rows, outputs);
  const logits = new Float64Array(outputs);
  const rowWeights = balanced ? balancedWeights(targets, rowCount, link) : null;

  const dot = (a: Float64Array, b: Float64Array): number => {
    let sum = 0;
    for (let i = 0; i < size; i++) sum += a[i]! * b[size + i]!;
    for (let i = 2 * size; i < a.length; i++) sum += a[i]! * b[i]!;
    return sum;
  };
  // The mean, not the sum, of the losses: the stopping rule then means the same for few and many texts.
  const objective = (point: Float64Array, gradient: Float64Array): number => {
    let loss = 0;
    gradient.fill(0, 2 * size);
    for (let row = 0; row < rowCount; row++) {
      for (let k = 0; k < outputs; k++) logits[k] = point[size + row * outputs + k]! + point[2 * size + k]!;
      const normalizer = link === "softmax" ? logSumExp(logits) : 0;
      for (let k = 0; k < outputs; k++) {
        const z = logits[k]!;
        const target = targets[k]![row]!;
        const weight = rowWeights === null ? 1 : rowWeights[row * outputs + k]!;
        const residual = weight * ((link === "softmax" ? Math.exp(z - normalizer) : sigmoid(z)) - target);
        if (link === "sigmoid")
          loss += weight * (Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - target * z);
        else if (target === 1) loss += weight * (normalizer - z);
        gradient[row * outputs + k] = residual;
        gradient[2 * size + k]! += residual;
      }
    }
    times(gradient.subarray(0, size), gradient.subarray(size, 2 * size));
    let squares = 0;
    for (let i = 0; i < size; i++) squares += point[i]! * point[size + i]!;
    for (let i = 0; i < 2 * size; i++) gradient[i] = (gradient[i]! + point[i]! / inversePenalty) / rowCount;
    for (let i = 2 * size; i < gradient.length; i++) gradient[i]! /= rowCount;
    return (loss + squares / (2 * inversePenalty)) / rowCount;
  };

  const best = minimize(objective, dot, new Float64Array(2 * size + outputs), {
    gradientTolerance: 1e-4,
    iterations: 200,
  });
  const weights = new Float64Array(rows.columnCount * outputs + outputs);
  addTransposed(rows, best, weights, outputs);
  weights.set(best.subarray(2 * size), rows.columnCount * outputs);
  return { weights, outputs, link };
}

/** What each row counts for each output, weights[row · outputs + output]: every class as much as another. */
function balancedWeights(
  targets: readonly Uint8Array[],
  rowCount: number,
  link: "softmax" | "sigmoid",
): Float64Array {
  const outputs = targets.length;
  const having = targets.map((column) => column.reduce((sum, value) => sum + value, 0));
  const weights = new Float64Array(rowCount * outputs);
  for (let row = 0; row < rowCount; row++) {
    const class_ = targets.findIndex((column) => column[row] === 1);
    for (let k = 0; k < outputs; k++) {
      weights[row * outputs + k] =
        link === "softmax"
          ? rowCount / (outputs * having[class_]!)
          : rowCount / (2 * (targets[k]![row] === 1 ? having[k]! : rowCount - having[k]!));
    }
  }
  return weights;
}

/** Probability of each output, one array a row. */
export function probabilities({ weights, outputs, link }: LogisticModel, rows: SparseRows): Float64Array[] {
  const logits = new Float64Array((rows.offsets.length - 1) * outputs);
  multiply(rows, weights, logits, outputs);
  const intercepts = weights.subarray(rows.columnCount * outputs);
  return Array.from({ length: rows.offsets.length - 1 }, (_, row) => {
    const z = logits.slice(row * outputs, (row + 1) * outputs).map((logit, k) => logit + intercepts[k]!);
    if (link === "sigmoid") return z.map(sigmoid);
    const normalizer = logSumExp(z);
    return z.map((logit) => Math.exp(logit - normalizer));
  });
}

/**
 * The product with X·Xᵀ. Most columns occur in one row only and meet nothing but that row: their squares are summed up
 * front, and the rest of the matrix is several times smaller.
 */
function gramTimes(rows: SparseRows, outputs: number): (input: Float64Array, output: Float64Array) => void {
  const rowCount = rows.offsets.length - 1;
  const occurrences = new Int32Array(rows.columnCount);
  for (const column of rows.columns) occurrences[column]!++;
  const renumbered = new Int32Array(rows.columnCount);
  let columnCount = 0;
  for (const [column, count] of occurrences.entries()) renumbered[column] = count > 1 ? columnCount++ : -1;
  const diagonal = new Float64Array(rowCount);
  const columns: number[] = [];
  const values: number[] = [];
  const offsets = new Int32Array(rowCount + 1);
  for (let row = 0; row < rowCount; row++) {
    for (let at = rows.offsets[row]!; at < rows.offsets[row + 1]!; at++) {
      const column = renumbered[rows.columns[at]!]!;
      const value = rows.values[at]!;
      if (column < 0) diagonal[row]! += value * value;
      else {
        columns.push(column);
        values.push(value);
      }
    }
    offsets[row + 1] = columns.length;
  }
  const shared: SparseRows = {
    columnCount,
    offsets,
    columns: Int32Array.from(columns),
    values: Float64Array.from(values),
  };
  const between = new Float64Array(columnCount * outputs);
  return (input, output) => {
    between.fill(0);
    addTransposed(shared, input, between, outputs);
    for (let i = 0; i < output.length; i++) output[i] = diagonal[Math.floor(i / outputs)]! * input[i]!;
    multiply(shared, between, output, outputs);
  };
}

/** Adds Xᵀ·input to `sum`; both row-major with `width` columns. */
function addTransposed(rows: SparseRows, input: Float64Array, sum: Float64Array, width: number): void {
  for (let row = 0; row + 1 < rows.offsets.length; row++) {
    const from = row * width;
    for (let at = rows.offsets[row]!; at < rows.offsets[row + 1]!; at++) {
      const value = rows.values[at]!;
      const to = rows.columns[at]! * width;
      for (let k = 0; k < width; k++) sum[to + k]! += value * input[from + k]!;
    }
  }
}

/** Adds X·input to `sum`. */
function multiply(rows: SparseRows, input: Float64Array, sum: Float64Array, width: number): void {
  for (let row = 0; row + 1 < rows.offsets.length; row++) {
    const to = row * width;
    for (let at = rows.offsets[row]!; at < rows.offsets[row + 1]!; at++) {
      const value = rows.values[at]!;
      const from = rows.columns[at]! * width;
      for (let k = 0; k < width; k++) sum[to + k]! += value * input[from + k]!;
    }
  }
}

const sigmoid = (z: number): number => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

/** Log of the summed exponentials. */
function logSumExp(logits: Float64Array): number {
  let highest = -Infinity;
  for (const logit of logits) highest = Math.max(highest, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - highest);
  return highest + Math.log(sum);
}
