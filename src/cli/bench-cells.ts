import path from "node:path";
import type { Cell } from "../core/bench/cells";
import { expectedSeconds } from "../core/bench/expected";
import { runCells } from "../core/bench/run-cells";
import type { Ended } from "../core/bench/tables";
import { readCells } from "../core/bench/write";
import { loadEngine } from "../core/engine";
import { PlumbError } from "../core/errors";
import { askGpus } from "../core/gpus";
import { duration } from "../core/report/format";
import { placeOf } from "../core/tuning/place";
import type { EngineWishes } from "../core/tuning/protocol";
import { EXIT, runInWorker } from "./run-worker";

/** A cell as it stands, with the seconds that it will take. */
type Expected = Ended & ReturnType<typeof expectedSeconds>;

/** Every cell with the time that it is expected to take on the device that its runs get here. */
export async function expectedCells(out: string, cells: readonly Cell[]): Promise<Expected[]> {
  const all = await readCells(out, cells);
  const known = all.some(({ result }) => result?.status === "done");
  const device = known ? await deviceHere(cells[0]?.job.engine.device) : null;
  return all.map((ended) => ({ ...ended, ...expectedSeconds(ended, all, device) }));
}

/** Name of a device as results have it; null where there is no such device here, which a run will say. */
async function deviceHere(wish: EngineWishes["device"]): Promise<string | null> {
  const tools = { engine: loadEngine, gpus: () => askGpus(path.join(__dirname, "worker.js")) };
  try {
    return (await placeOf(tools, wish)).name;
  } catch (error) {
    if (error instanceof PlumbError) return null;
    throw error;
  }
}

/** How many cells are to do, and how long that will take, in a sentence. */
export function saidExpected(cells: readonly Expected[]): string {
  const open = cells.filter(({ result }) => result === null);
  const total = open.reduce((sum, { seconds }) => sum + seconds, 0);
  const source = open.some(({ measured }) => !measured)
    ? "guessed from the size of the model"
    : "from cells done on this device";
  const time = open.length === 0 ? "" : `, about ${duration(total)} (${source})`;
  return `${open.length} of ${cells.length} cells to do${time}.`;
}

/**
 * Runs all cells, whose results are shown together once each has one.
 * @returns False where some are still without: the exit code is set and what to do is said.
 */
export async function finishCells(out: string, cells: readonly Cell[], retry: boolean): Promise<boolean> {
  process.stderr.write(`${saidExpected(await expectedCells(out, cells))}\n`);
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
