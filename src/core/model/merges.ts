import type { Pairs } from "./byte-pairs";
import { damaged, shown } from "./problem";
import { say } from "../say";

/** Merges by the ids of their tokens, lowest rank first: of each the left one, the right one, and what they become. */
export type MergeIds = Int32Array;

/** Looks up the tokens of all merges. @throws PlumbError naming the merge and the token that does not exist. */
export function mergeIds({ merges, vocabulary }: Pairs, file: string): MergeIds {
  const ids = new Int32Array(3 * merges.length);
  merges.forEach(([left, right], i) => {
    const leftId = vocabulary.get(left);
    const rightId = vocabulary.get(right);
    const wholeId = vocabulary.get(left + right);
    if (leftId === undefined || rightId === undefined || wholeId === undefined) {
      const lacking = leftId === undefined ? left : rightId === undefined ? right : left + right;
      throw damaged(
        file,
        say`merge ${i} joins ${shown(left)} and ${shown(right)}, but ${shown(lacking)} is no token`,
      );
    }
    ids[3 * i] = leftId;
    ids[3 * i + 1] = rightId;
    ids[3 * i + 2] = wholeId;
  });
  return ids;
}
