import { seededRandom } from "../random";

export const RESAMPLES = 2000;

/** Test texts in the units that are drawn together: all texts of a group, else each text by itself. */
export interface Units {
  /** "group" where any text carries one; texts without a group are then units of their own. */
  kind: "group" | "example";
  /** Indices of texts, one list a unit, in order of first appearance. */
  members: number[][];
}

export function unitsOf(examples: readonly { group?: string | undefined }[]): Units {
  const byGroup = new Map<string, number[]>();
  const members: number[][] = [];
  for (const [index, { group }] of examples.entries()) {
    const known = group === undefined ? undefined : byGroup.get(group);
    if (known !== undefined) {
      known.push(index);
      continue;
    }
    const unit = [index];
    members.push(unit);
    if (group !== undefined) byGroup.set(group, unit);
  }
  return { kind: byGroup.size > 0 ? "group" : "example", members };
}

/**
 * Bootstrap over units: draws as many units as there are, with replacement, and hands each draw on. All judges of a test
 * part must be measured on the same draws: that makes their differences paired.
 * @param visit called `resamples` times with the drawn units' indices; the array is used again for the next draw
 */
export function resample(
  unitCount: number,
  options: { seed: number; resamples: number },
  visit: (drawn: Int32Array, index: number) => void,
): void {
  const random = seededRandom(options.seed);
  const drawn = new Int32Array(unitCount);
  for (let index = 0; index < options.resamples; index++) {
    for (let i = 0; i < unitCount; i++) drawn[i] = Math.floor(random() * unitCount);
    visit(drawn, index);
  }
}

/** Lists of numbers of different lengths in one block, for loops that run millions of times. */
export class PackedLists {
  readonly values: Int32Array;
  readonly offsets: Int32Array;
  constructor(lists: readonly (readonly number[])[]) {
    this.offsets = new Int32Array(lists.length + 1);
    for (const [index, list] of lists.entries()) this.offsets[index + 1] = this.offsets[index]! + list.length;
    this.values = Int32Array.from(lists.flat());
  }
}
