import { seededRandom } from "../random";
import { quantile } from "../report/statistics";
import type { Estimate } from "../schema";

const RESAMPLES = 2000;

/** How intervals are made, for the reader of a table. */
export const INTERVALS =
  "Intervals are 95 % percentile intervals of a two-level bootstrap (2,000 resamples): tasks are drawn with replacement, and within each drawn task its seeds. With one task and one seed there is none.";

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean over tasks of the mean over seeds, with the interval of the two-level bootstrap. */
export function average(byTask: ReadonlyMap<string, readonly number[]>): Estimate {
  const tasks = [...byTask.values()].filter((values) => values.length > 0);
  if (tasks.length === 0) return { value: null, low: null, high: null };
  const value = mean(tasks.map(mean));
  if (tasks.length === 1 && tasks[0]!.length === 1) return { value, low: null, high: null };
  const random = seededRandom(0);
  const draw = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)]!;
  const resampled = Float64Array.from({ length: RESAMPLES }, () =>
    mean(
      tasks.map(() => {
        const seeds = draw(tasks);
        return mean(seeds.map(() => draw(seeds)));
      }),
    ),
  ).sort();
  return { value, low: quantile(resampled, 0.025), high: quantile(resampled, 0.975) };
}

/** Ranks from 1, the highest value first; equal values share the mean of their ranks. */
export function ranks(values: readonly number[]): number[] {
  return values.map((value) => {
    const above = values.filter((other) => other > value).length;
    const equal = values.filter((other) => other === value).length;
    return above + (equal + 1) / 2;
  });
}
