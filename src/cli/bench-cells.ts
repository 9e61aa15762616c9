import type { Cell } from "../core/bench/cells";
import { runCells } from "../core/bench/run-cells";
import { runInWorker } from "./run-worker";

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
