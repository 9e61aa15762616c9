import type { Cell } from "../core/bench/cells";
import { expectedSeconds } from "../core/bench/expected";
import { runCells } from "../core/bench/run-cells";
import { readCells } from "../core/bench/write";
import { duration } from "../core/report/format";
import { EXIT, runInWorker } from "./run-worker";

/** How many cells are to do, and how long that will take, in a sentence. */
export async function expectedHere(out: string, cells: readonly Cell[]): Promise<string> {
  const all = await readCells(out, cells);
  const open = all.filter(({ result }) => result === null).map((ended) => expectedSeconds(ended, all));
  const total = open.reduce((sum, { seconds }) => sum + seconds, 0);
  const source = open.some(({ measured }) => !measured)
    ? "guessed from the size of the model"
    : "from cells done";
  const time = open.length === 0 ? "" : `, about ${duration(total)} (${source})`;
  return `${open.length} of ${cells.length} cells to do${time}.`;
}

/**
 * Runs all cells, whose results are shown together once each has one.
 * @returns False where some are still without: the exit code is set and what to do is said.
 */
export async function finishCells(out: string, cells: readonly Cell[], retry: boolean): Promise<boolean> {
  process.stderr.write(`${await expectedHere(out, cells)}\n`);
  const { paused, busy } = await runCellsHere(out, cells, retry, () => Promise.resolve());
  if (!paused && busy === 0) return true;
  const what = paused ? "Saved." : `${busy} runs are in another process's hands.`;
  process.stderr.write(`${what} The same command goes on.\n`);
  process.exitCode = paused ? EXIT.interrupted : EXIT.failed;
  return false;
}

/** Runs cells one after the other, each in a worker, and says on standard error how far it is. */
export async function runCellsHere(
  out: string,
  cells: readonly Cell[],
  retry: boolean,
  ended: () => Promise<void>,
): Promise<{ paused: boolean; busy: number }> {
  return runCells(
    out,
    cells,
    (job, cell) => {
      process.stderr.write(`\nCell ${cells.indexOf(cell) + 1} of ${cells.length}: ${cell.id}\n`);
      return runInWorker(job, null, { quiet: false });
    },
    {
      retry,
      ended: async ({ id }, result) => {
        if (result.status === "failed") process.stderr.write(`Failed: ${id}: ${result.reason}\n`);
        await ended();
      },
    },
  );
}
