import type { Ended } from "./tables";

/**
 * Guess where nothing has been measured yet: two operations for each parameter and character read (a token is about four
 * characters, training costs three times reading), at 250 billion operations a second, about what two processor cores were seen to do.
 */
const guess = ({ cell }: Ended) => (2 * cell.parameters * (cell.work / 4)) / 250e9;

/**
 * Seconds that a cell will take, and whether that comes from cells of the same suite or is a guess from the size of the model.
 * @param device Name of the one that it will run on: what others took says nothing of it. Null where that is not known.
 */
export function expectedSeconds(
  ended: Ended,
  all: readonly Ended[],
  device: string | null,
): { readonly seconds: number; readonly measured: boolean } {
  const { cell } = ended;
  const done = all.filter(({ result }) => result?.status === "done" && result.device === device);
  const alike = [
    done.filter(({ cell: other }) => other.base === cell.base && other.method === cell.method),
    done.filter(({ cell: other }) => other.base === cell.base),
    done,
  ].find((each) => each.length > 0);
  if (alike === undefined) return { seconds: guess(ended), measured: false };
  // Between models time goes with their size.
  const work = (other: Ended["cell"]) => other.work * other.parameters;
  const seconds = alike.reduce(
    (sum, { result }) => sum + (result?.status === "done" ? result.seconds : 0),
    0,
  );
  const known = alike.reduce((sum, { cell: other }) => sum + work(other), 0);
  return { seconds: (seconds / known) * work(cell), measured: true };
}
