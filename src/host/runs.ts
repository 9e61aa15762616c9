import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { Report } from "../core/schema/report";
import { readManifest, RUN_FILES } from "../core/tuning/run-folder";

/** A finished run of a task, with what tells it from others. */
export interface FinishedRun {
  readonly folder: string;
  readonly report: Report;
}

/** Reads report.json of a run. Throws where it is missing or not a report. */
export async function readReport(folder: string): Promise<Report> {
  const file = path.join(folder, RUN_FILES.report);
  return Report.parse(JSON.parse(await readFile(file, "utf8")));
}

/** Runs of a task that have a readable report, newest first. A folder of tasks keeps the runs of all of them together. */
export async function finishedRuns(task: string): Promise<FinishedRun[]> {
  const folder = path.join(path.dirname(task), ".plumb", "runs");
  const names = await readdir(folder).catch(() => []);
  const runs = await Promise.all(names.map((name) => finishedRun(path.join(folder, name), task)));
  return runs
    .filter((run) => run !== null)
    .sort((a, b) => b.report.run.startedAt.localeCompare(a.report.run.startedAt));
}

async function finishedRun(folder: string, task: string): Promise<FinishedRun | null> {
  try {
    const manifest = await readManifest(folder);
    if (path.resolve(folder, manifest.task.file) !== path.resolve(task)) return null;
    return { folder, report: await readReport(folder) };
  } catch {
    return null; // unfinished, or written by another version
  }
}
