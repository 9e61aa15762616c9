import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { isFolderLocked } from "../lock";
import { BootstrapEstimate, type Estimate } from "../schema/report";
import { keepsExamples, RUN_FILES } from "../tuning/run-folder";
import { findTask } from "./task-of-run";
import { say } from "../say";

/**
 * How a run stands. `running`: a process works on it; `cut-off`: none does, though it had not ended; `paused`: saved when it
 * was stopped; `trouble`: it would end the same way again; `damaged`: its manifest cannot be read.
 */
export type RunState = "finished" | "running" | "cut-off" | "paused" | "trouble" | "damaged";

/** A run folder, as far as its manifest and its report's headline tell. */
export interface RunEntry {
  readonly folder: string;
  readonly id: string;
  readonly state: RunState;
  /** Why it ended where it did not finish, or cannot be read. */
  readonly reason: string | null;
  /** Absolute path of the task file, under its present name; null where damaged. */
  readonly task: string | null;
  readonly taskName: string;
  /** ISO 8601; "" where damaged. */
  readonly createdAt: string;
  readonly method: string;
  readonly baseModel: string;
  /** Where it lay, absolute; null where damaged or not recorded. */
  readonly basePath: string | null;
  readonly folds: number;
  /** The report's main figure; null where there is no report. */
  readonly score: (Estimate & { readonly of: "macroF1" | "rougeL" }) | null;
  /** Bytes of the adapter; null where there is none. */
  readonly adapter: number | null;
  /** Whether it would go on with task and examples as they were when it began, and not as they are now. */
  readonly keepsExamples: boolean;
}

const Manifest = z.object({
  createdAt: z.string(),
  status: z.enum(["running", "paused", "trouble", "finished"]),
  reason: z.string().nullish(),
  task: z.object({ file: z.string(), hash: z.string().optional(), content: z.object({ name: z.string() }) }),
  settings: z.object({ method: z.string() }),
  baseModel: z.object({ name: z.string(), path: z.string().optional() }),
  folds: z.object({ count: z.number() }).nullish(),
});

const Headline = z.object({
  classification: z.object({ macroF1: BootstrapEstimate }).nullable(),
  generation: z.object({ rougeL: BootstrapEstimate }).nullable(),
});

/** Folder of the runs of all tasks in a folder. */
export function runsFolder(taskFolder: string): string {
  return path.join(taskFolder, ".plumb", "runs");
}

/** Runs of all tasks of a folder, newest first, whatever state they are in. */
export async function listRuns(taskFolder: string): Promise<RunEntry[]> {
  const folder = runsFolder(taskFolder);
  const names = await readdir(folder).catch((): string[] => []);
  const runs = await Promise.all(names.map((name) => readRun(path.join(folder, name))));
  return runs
    .filter((run) => run !== null)
    .sort((a, b) => b.createdAt.localeCompare(a.createdAt) || b.id.localeCompare(a.id));
}

/** Null where the folder holds no run: a stray file, or a run that has just been taken away. */
export async function readRun(folder: string): Promise<RunEntry | null> {
  const id = path.basename(folder);
  let manifest: z.infer<typeof Manifest>;
  try {
    const text = await readFile(path.join(folder, RUN_FILES.manifest), "utf8");
    manifest = Manifest.parse(JSON.parse(text));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    return {
      ...{ folder, id, state: "damaged", reason: say`${RUN_FILES.manifest} cannot be read`, task: null },
      ...{ taskName: "", createdAt: "", method: "", baseModel: "", basePath: null },
      ...{ folds: 0, score: null, adapter: null, keepsExamples: false },
    };
  }
  const unended = manifest.status === "running" || manifest.status === "paused";
  const locked = unended && (await isFolderLocked(folder));
  const state = locked ? "running" : manifest.status === "running" ? "cut-off" : manifest.status;
  return {
    folder,
    id,
    state,
    reason: manifest.reason ?? null,
    task: await findTask(folder, manifest.task),
    taskName: manifest.task.content.name,
    createdAt: manifest.createdAt,
    method: manifest.settings.method,
    baseModel: manifest.baseModel.name,
    basePath: manifest.baseModel.path ?? null,
    folds: manifest.folds?.count ?? 0,
    score: state === "finished" ? await scoreOf(folder) : null,
    adapter: await sizeOf(path.join(folder, RUN_FILES.adapter)),
    keepsExamples: keepsExamples(folder),
  };
}

/** The main figure of a report. */
export function headlineOf({ classification, generation }: z.infer<typeof Headline>): RunEntry["score"] {
  if (classification !== null) return { ...classification.macroF1, of: "macroF1" };
  return generation === null ? null : { ...generation.rougeL, of: "rougeL" };
}

async function scoreOf(folder: string): Promise<RunEntry["score"]> {
  try {
    const text = await readFile(path.join(folder, RUN_FILES.report), "utf8");
    return headlineOf(Headline.parse(JSON.parse(text)));
  } catch {
    return null; // written by another version
  }
}

async function sizeOf(file: string): Promise<number | null> {
  return stat(file).then(
    ({ size }) => size,
    () => null,
  );
}
