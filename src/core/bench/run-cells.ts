import { mkdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { EngineError } from "../engine";
import { PlumbError } from "../errors";
import { writeFileAtomic } from "../files";
import { Report } from "../schema";
import { lockFolder } from "../lock";
import type { Job } from "../tuning/protocol";
import { readManifest, RUN_FILES, writing } from "../tuning/run-folder";
import type { JobEnd } from "../tuning/worker-process";
import type { Cell } from "./cells";
import { CellResult, resultOf } from "./result";

/** Folders of a cell: its own with lock and result, and the run's. The run's name tells its looks at the test part apart. */
const folderOf = (out: string, { id }: Cell) => path.join(out, "cells", id);
export const runOf = (out: string, { id }: Cell) => path.join(out, "runs", id);

/** How a cell ended; null where it has not. @throws PlumbError where its result is damaged. */
export async function readResult(out: string, cell: Cell): Promise<CellResult | null> {
  const file = path.join(folderOf(out, cell), "result.json");
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    return CellResult.parse(JSON.parse(text));
  } catch (error) {
    throw new PlumbError(
      "cell-result",
      `${file} is damaged or comes from another version. Remove it: its run is still there and is read again.`,
      { cause: error },
    );
  }
}

/** Starts a job and follows it to its end. */
export type Start = (job: Job, cell: Cell) => Promise<JobEnd>;

/** Why a run could not go on that has nothing to do with its cell: the next one would fare no better. */
const OF_THE_MACHINE = new Set(["write", "worker-start", "interrupted", "gpu-failed"]);

/**
 * Does all cells that are not done. What stands in the folder is looked at first: what cannot be read, as what another
 * version has written, is refused before hours are spent. Several processes may do so in one folder at once: each cell is done by one of them.
 * @param options.retry Do cells again that have failed.
 * @param options.ended Told of each cell that this process has ended.
 * @returns paused: the run was asked to stop. busy: cells that another process has in hand.
 */
export async function runCells(
  out: string,
  cells: readonly Cell[],
  start: Start,
  options: { retry: boolean; ended: (cell: Cell, result: CellResult) => Promise<void> | void },
): Promise<{ paused: boolean; busy: number }> {
  for (const cell of cells) if ((await readResult(out, cell)) === null) await refuseUnreadable(out, cell);
  let waiting = [...cells];
  const tried = new Set<string>();
  for (;;) {
    const busy: Cell[] = [];
    let ended = 0;
    for (const cell of waiting) {
      const folder = folderOf(out, cell);
      await writing(folder, () => mkdir(folder, { recursive: true }));
      const unlock = await lockFolder(folder).catch((error: unknown) => {
        if (error instanceof PlumbError && error.code === "locked") return null;
        throw error;
      });
      if (unlock === null) {
        busy.push(cell);
        continue;
      }
      try {
        const known = await readResult(out, cell);
        const again = known?.status === "failed" && options.retry && !tried.has(cell.id);
        if (known !== null && !again) continue;
        tried.add(cell.id);
        const result = await runCell(out, cell, start);
        if (result === null) return { paused: true, busy: busy.length };
        const file = path.join(folder, "result.json");
        await writing(file, () => writeFileAtomic(file, `${JSON.stringify(result, null, 2)}\n`));
        ended++;
        await options.ended(cell, result);
      } finally {
        await unlock();
      }
    }
    // Another process may have been stopped meanwhile: what it left is looked at once more.
    if (busy.length === 0 || ended === 0) return { paused: false, busy: busy.length };
    waiting = busy;
  }
}

/**
 * Runs a cell from where it is; null where it was paused. Where the GPU fails, it is gone on with once from what was saved, in a
 * process of its own, which changes no bit: a suite of a night does not end with one fault of a card that works.
 */
async function runCell(out: string, cell: Cell, start: Start, again = false): Promise<CellResult | null> {
  const run = runOf(out, cell);
  try {
    const status = await statusOf(run);
    if (status === "finished") return resultOf(await reportOf(run));
    if (status === "trouble") await rm(run, { recursive: true, force: true });
    const goOn = status === "running" || status === "paused";
    const end = await start(
      goOn ? { type: "resume", run, cell: true } : { ...cell.job, out: run, cell: true },
      cell,
    );
    return end.kind === "paused" ? null : resultOf(Report.parse(end.result.report));
  } catch (error) {
    if (!(error instanceof PlumbError) && !(error instanceof EngineError)) throw error;
    if (error.code === "interrupted") return null;
    if (error.code === "gpu-failed" && !again) return runCell(out, cell, start, true);
    if (OF_THE_MACHINE.has(error.code)) throw error;
    return { version: 1, status: "failed", code: error.code, reason: error.message };
  }
}

/** @throws PlumbError where the run of a cell that is not done cannot be gone on with. */
async function refuseUnreadable(out: string, cell: Cell): Promise<void> {
  const run = runOf(out, cell);
  try {
    await statusOf(run);
  } catch (error) {
    if (!(error instanceof PlumbError)) throw error;
    throw new PlumbError(error.code, `${error.message} Remove ${run} to do its cell anew.`, { cause: error });
  }
}

async function statusOf(run: string): Promise<string | null> {
  try {
    return (await readManifest(run)).status;
  } catch (error) {
    if (error instanceof PlumbError && error.code === "run-missing") return null;
    throw error;
  }
}

async function reportOf(run: string): Promise<Report> {
  return readReport(path.join(run, RUN_FILES.report));
}

/** @throws PlumbError where it is missing or damaged. */
export async function readReport(file: string): Promise<Report> {
  try {
    return Report.parse(JSON.parse(await readFile(file, "utf8")));
  } catch (error) {
    throw new PlumbError(
      "report-damaged",
      `${file} cannot be read. Remove its run folder and run the cell anew.`,
      {
        cause: error,
      },
    );
  }
}
