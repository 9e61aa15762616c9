import type { Batch, Segments } from "../engine";

/** Puts segments, choices and targets together, row by row, into the packed form that the engine reads. */
export class BatchBuilder {
  private readonly tokens: number[] = [];
  private readonly lengths: number[] = [];
  private readonly parents: number[] = [];
  private readonly rows: number[] = [];
  private readonly starts: number[] = [0];
  private readonly candidates: number[] = [];
  private readonly answers: number[] = [];
  private readonly weights: number[] = [];
  private readonly targetRows: number[] = [];
  private readonly targetTokens: number[] = [];
  private readonly targetWeights: number[] = [];

  /**
   * @param parent Segment that this one goes on from, -1 for none.
   * @returns Index of the segment, and the row of its first token. An empty segment is its parent.
   */
  segment(tokens: readonly number[], parent: number): { segment: number; first: number } {
    const first = this.tokens.length;
    if (tokens.length === 0) return { segment: parent, first };
    for (const token of tokens) this.tokens.push(token);
    this.lengths.push(tokens.length);
    this.parents.push(parent);
    return { segment: this.lengths.length - 1, first };
  }

  /** @returns Index of the choice. */
  choice(row: number, candidates: readonly number[], answer: number, weight: number): number {
    this.rows.push(row);
    this.candidates.push(...candidates);
    this.starts.push(this.candidates.length);
    this.answers.push(answer);
    this.weights.push(weight);
    return this.rows.length - 1;
  }

  /** @returns Index of the target. */
  target(row: number, token: number, weight: number): number {
    this.targetRows.push(row);
    this.targetTokens.push(token);
    this.targetWeights.push(weight);
    return this.targetRows.length - 1;
  }

  /** Where the candidates of a choice begin in `Scores.choices`. */
  startOf(choice: number): number {
    return this.starts[choice]!;
  }

  segments(): Segments {
    return {
      tokens: Int32Array.from(this.tokens),
      segmentLength: Int32Array.from(this.lengths),
      segmentParent: Int32Array.from(this.parents),
    };
  }

  build(): Batch {
    return {
      ...this.segments(),
      choiceRow: Int32Array.from(this.rows),
      choiceStart: Int32Array.from(this.starts),
      candidates: Int32Array.from(this.candidates),
      choiceAnswer: Int32Array.from(this.answers),
      choiceWeight: Float32Array.from(this.weights),
      targetRow: Int32Array.from(this.targetRows),
      targetToken: Int32Array.from(this.targetTokens),
      targetWeight: Float32Array.from(this.targetWeights),
    };
  }
}

/** What memory and time of a batch depend on. */
export interface BatchShape {
  readonly rows: number;
  /** Tokens of the longest path from a root to a leaf. */
  readonly longest: number;
  readonly targets: number;
}

export function shapeOf(batch: Batch): BatchShape {
  const depth: number[] = [];
  let longest = 0;
  batch.segmentLength.forEach((length, i) => {
    const parent = batch.segmentParent[i]!;
    depth[i] = length + (parent === -1 ? 0 : depth[parent]!);
    longest = Math.max(longest, depth[i]);
  });
  return { rows: batch.tokens.length, longest, targets: batch.targetRow.length };
}

/**
 * Groups items so that no group has more than `budget` rows, in the order given; an item larger than the budget stands
 * alone. The same items and budget give the same groups.
 */
export function packByRows<T>(items: readonly T[], rowsOf: (item: T) => number, budget: number): T[][] {
  const groups: T[][] = [];
  let rows = Infinity;
  for (const item of items) {
    const more = rowsOf(item);
    if (rows + more > budget) {
      groups.push([]);
      rows = 0;
    }
    groups[groups.length - 1]!.push(item);
    rows += more;
  }
  return groups;
}

/**
 * The same for so many lanes that each work on a group at the same time: no fewer turns than the budget asks for, and as
 * few rows in the largest group as these turns allow, so that no lane waits long for another.
 */
export function packEvenly<T>(
  items: readonly T[],
  rowsOf: (item: T) => number,
  budget: number,
  lanes: number,
): T[][] {
  const packed = packByRows(items, rowsOf, budget);
  if (lanes === 1) return packed;
  const most = Math.ceil(packed.length / lanes) * lanes;
  let [low, high] = [0, budget];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (packByRows(items, rowsOf, middle).length <= most) high = middle;
    else low = middle;
  }
  return packByRows(items, rowsOf, high);
}
