import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { describeFirst } from "../core/data/issue";
import { PlumbError } from "../core/errors";
import { isSamePath } from "../core/files";
import { findTask } from "../core/runs/task-of-run";
import { Prediction } from "../core/schema";
import { Report } from "../core/schema/report";
import { say } from "../core/say";
import { systemReason } from "../core/system-error";
import { RUN_FILES } from "../core/tuning/run-folder";

/** The one thing that the editor wants of a manifest: runs of other versions have it too. */
const TaskOfRun = z.object({
  task: z.object({
    file: z.string(),
    hash: z.string().optional(),
    content: z.object({ name: z.string() }).optional(),
  }),
});

/** A finished run of a task, with what tells it from others. */
export interface FinishedRun {
  readonly folder: string;
  readonly report: Report;
}

/** What a text is in JSON; undefined where it is none. */
function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads report.json of a run. Throws, in a sentence, where it is missing or not a report. */
export async function readReport(folder: string): Promise<Report> {
  const file = path.join(folder, RUN_FILES.report);
  const content = json(await readFile(file, "utf8"));
  const { data, error } = Report.safeParse(content);
  if (data !== undefined) return data;
  throw new PlumbError("report-read", `${file}: ${describeFirst(error, content).message}`, { cause: error });
}

/**
 * Reads predictions.jsonl of a run.
 * @throws {PlumbError} in a sentence, where it is missing or a line of it is no prediction.
 */
export async function readPredictions(folder: string): Promise<Prediction[]> {
  const file = path.join(folder, RUN_FILES.predictions);
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new PlumbError("predictions-read", say`Cannot read ${file}: ${systemReason(error)}.`, {
      cause: error,
    });
  });
  return text.split("\n").flatMap((line, at) => {
    if (line.trim() === "") return [];
    try {
      return [Prediction.parse(JSON.parse(line))];
    } catch (error) {
      throw new PlumbError("predictions-read", say`${file}, line ${at + 1}: not a prediction.`, {
        cause: error,
      });
    }
  });
}
/** Absolute path of the task file that a run was made for, under its present name. Throws where the run has no manifest. */
export async function taskOfRun(folder: string): Promise<string> {
  const text = await readFile(path.join(folder, RUN_FILES.manifest), "utf8");
  return findTask(folder, TaskOfRun.parse(JSON.parse(text)).task);
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
    if (!isSamePath(await taskOfRun(folder), path.resolve(task))) return null;
    return { folder, report: await readReport(folder) };
  } catch {
    return null; // unfinished, or written by another version
  }
}
