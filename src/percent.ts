/**
 * Shares as they stand everywhere in Plumb, in the report, in the editor and on the command line. Imports nothing, so that the
 * pages in the editor can have it too.
 */

/** A share in whole percent: `46 %`, a dash where it is not defined. What is not quite none or all is never rounded to it. */
export function percent(share: number | null): string {
  if (share === null) return "–";
  const rounded = Math.round(100 * share);
  const shown = rounded === 0 && share > 0 ? "<1" : rounded === 100 && share < 1 ? ">99" : String(rounded);
  return `${shown}\u00a0%`;
}

/** How much of some work is done, in whole percent, never more than there is. */
export const percentDone = (share: number): string => percent(Math.floor(100 * share) / 100);
