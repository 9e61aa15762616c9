import { createHash } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { access, mkdir, readdir, readFile, rm, rmdir } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { describeFirst } from "../data/issue";
import { PlumbError } from "../errors";
import { writeFileAtomic } from "../files";
import { waitForLock } from "../lock";
import { Manifest, type Label, type Task } from "../schema";
import { say } from "../say";
import { shellWord } from "../shell";

/** Names inside a run folder. */
export const RUN_FILES = {
  manifest: "manifest.json",
  log: "log.jsonl",
  adapter: "adapter.safetensors",
  predictions: "predictions.jsonl",
  report: "report.json",
  page: "report.html",
  checkpoints: "checkpoint",
} as const;

const REPORT_FILES = [RUN_FILES.report, RUN_FILES.page, RUN_FILES.predictions];

/** Among the checkpoints: what the run starts from, where another adapter gives it. */
export const START_FILE = "start.safetensors";

/** Among the checkpoints, as long as a run has not ended: the examples that it began with. */
export const keptExamplesFile = (folder: string): string =>
  path.join(folder, RUN_FILES.checkpoints, "examples.jsonl");

/** Whether a run goes on with its examples as they were when it began, and not as they are now. */
export const keepsExamples = (folder: string): boolean => existsSync(keptExamplesFile(folder));

/** Errors of the file system as clauses. */
const reasons = (): Readonly<Record<string, string>> => ({
  ENOSPC: say`no space left on the disk; free some`,
  EDQUOT: say`the disk quota is used up; free some space`,
  EACCES: say`no permission to write there; change it, or choose another folder`,
  EPERM: say`no permission to write there; change it, or choose another folder`,
  // Node says so, too, where a folder cannot be made on a read-only disk.
  ENOENT: say`its folder is not there and cannot be made, as on a read-only disk; choose another folder`,
  EROFS: say`the disk is read-only; choose another folder`,
  ENOTDIR: say`a part of that path is a file, not a folder; choose another folder`,
  EEXIST: say`a file of that name is in the way; move it, or choose another folder`,
  EBUSY: say`another program has it open; close that program`,
  EFBIG: say`the file would be too large for this disk`,
});

/** What the file system says, as a sentence; other errors come back as they are. */
export function explainWriteError(error: unknown, target: string): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  const reason = code === undefined ? undefined : reasons()[code];
  if (reason === undefined || error instanceof PlumbError) return error;
  return new PlumbError("write", say`Cannot write ${target}: ${reason}.`, { cause: error });
}

/** Runs `work`, and names `target` where the file system refuses. */
export async function writing<T>(target: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explainWriteError(error, target);
  }
}

const HIDING = ".gitignore";

/** `.plumb` beside the task, hidden from git. Created where it is missing. */
export async function plumbFolder(taskFolder: string): Promise<string> {
  const folder = path.join(taskFolder, ".plumb");
  await writing(folder, async () => {
    await mkdir(folder, { recursive: true });
    const hiding = path.join(folder, HIDING);
    if (!(await exists(hiding))) await writeFileAtomic(hiding, "*\n");
  }).catch(async (error: unknown) => {
    await removeUnused(folder);
    throw error;
  });
  return folder;
}

/** Takes `.plumb` away where it holds nothing but what hides it. */
export async function removeUnused(folder: string): Promise<void> {
  await rmdir(path.join(folder, "runs")).catch(() => undefined);
  const content = await readdir(folder).catch(() => [""]);
  if (content.some((name) => name !== HIDING)) return;
  await rm(path.join(folder, HIDING), { force: true });
  await rmdir(folder).catch(() => undefined); // Another run has begun.
}

/** @throws PlumbError where a folder that a run was given holds a run already, or a file that the run would write over. */
export async function refuseTaken(out: string): Promise<void> {
  const folder = path.resolve(out);
  if (await exists(path.join(folder, RUN_FILES.manifest))) {
    throw new PlumbError(
      "run-exists",
      say`${folder} holds a run already. Go on with it by --resume ${shellWord(out)}, or name another folder.`,
    );
  }
  const { log, adapter } = RUN_FILES;
  await refuseWrittenOver(folder, [log, adapter, ...REPORT_FILES]);
}

async function refuseWrittenOver(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const file = path.join(folder, name);
    if (!(await exists(file))) continue;
    throw new PlumbError(
      "run-exists",
      say`${file} is there already, and would be written over. Move it, or name another folder.`,
    );
  }
}

/**
 * A folder for the report of an evaluation. `discard` takes away what was written into it, and the folder where it was made.
 * @throws PlumbError where it holds a report, as each run's own folder does, or nothing can be written there.
 */
export async function createReportFolder(folder: string): Promise<{ discard: () => Promise<void> }> {
  await refuseWrittenOver(folder, REPORT_FILES);
  const made = await writing(folder, async () => {
    const first = await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    return first;
  });
  const discard = async () => {
    for (const name of REPORT_FILES) await rm(path.join(folder, name), { force: true });
    if (made !== undefined) await rmdir(folder).catch(() => undefined); // Not empty: not ours alone.
  };
  return { discard };
}

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

export interface NewRunFolder {
  readonly id: string;
  readonly folder: string;
  /** Takes away what the run has made, where nothing has begun: a folder that was there before stays, with all its files. */
  readonly discard: () => Promise<void>;
}

/**
 * A new folder `.plumb/runs/<UTC time>-<method>`, or `out` where one is given.
 * @throws PlumbError where `out` holds a run already, or nothing can be written.
 */
export async function createRunFolder(
  taskFolder: string,
  method: string,
  now: Date,
  out?: string,
): Promise<NewRunFolder> {
  if (out !== undefined) {
    await refuseTaken(out);
    const folder = path.resolve(out);
    const made = await writing(folder, () => mkdir(folder, { recursive: true }));
    const discard = made === undefined ? () => discardContent(folder) : () => discardFolder(folder);
    await makeCheckpoints(folder, discard);
    return { id: path.basename(folder), folder, discard };
  }
  const hidden = await plumbFolder(taskFolder);
  const runs = path.join(hidden, "runs");
  const stem = `${now.toISOString().slice(0, 19).replaceAll(":", "-")}Z-${method}`;
  try {
    await writing(runs, () => mkdir(runs, { recursive: true }));
    const folder = await makeFolder(runs, stem);
    const discard = async () => {
      await discardFolder(folder);
      await removeUnused(hidden);
    };
    await makeCheckpoints(folder, discard);
    return { id: path.basename(folder), folder, discard };
  } catch (error) {
    await removeUnused(hidden);
    throw error;
  }
}

/** A new folder of this name, or with a number behind it where the name is taken. */
async function makeFolder(parent: string, stem: string): Promise<string> {
  for (let i = 1; ; i++) {
    const folder = path.join(parent, i === 1 ? stem : `${stem}-${i}`);
    try {
      await mkdir(folder);
      return folder;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw explainWriteError(error, folder);
    }
  }
}

async function makeCheckpoints(folder: string, discard: () => Promise<void>): Promise<void> {
  const made = path.join(folder, RUN_FILES.checkpoints);
  try {
    await writing(made, () => mkdir(made, { recursive: true }));
  } catch (error) {
    await discard();
    throw error;
  }
}

const discardFolder = (folder: string) => rm(folder, { recursive: true, force: true });

async function discardContent(folder: string): Promise<void> {
  const checkpoints = path.join(folder, RUN_FILES.checkpoints);
  await rm(path.join(checkpoints, START_FILE), { force: true });
  await rm(keptExamplesFile(folder), { force: true });
  await rm(path.join(folder, RUN_FILES.manifest), { force: true });
  await rmdir(checkpoints).catch(() => undefined); // Not empty: not ours.
}

const SAVED =
  "(?:final\\.safetensors|start\\.safetensors|fold-\\d+\\.(?:safetensors|jsonl)|examples\\.jsonl)";
/** A file of the checkpoints, or one that a kill left half written. */
const ofCheckpoints = new RegExp(`^(?:${SAVED}|\\.${SAVED}\\.[\\da-f-]{36}\\.tmp)$`);

/** The run has ended, and nothing reads what it went on from: that goes. Files of the user's in a folder of that name stay. */
export async function removeCheckpoints(folder: string): Promise<void> {
  const checkpoints = path.join(folder, RUN_FILES.checkpoints);
  const names = await readdir(checkpoints).catch(() => []);
  for (const name of names)
    if (ofCheckpoints.test(name)) await rm(path.join(checkpoints, name), { force: true });
  await rmdir(checkpoints).catch(() => undefined); // Not empty: not ours alone.
}

export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const file = path.join(folder, RUN_FILES.manifest);
  await writing(file, () => writeFileAtomic(file, `${JSON.stringify(manifest, null, 2)}\n`));
}

/** @throws PlumbError where the folder holds no run or its manifest is damaged. */
export async function readManifest(folder: string): Promise<Manifest> {
  const file = path.join(folder, RUN_FILES.manifest);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new PlumbError(
      "run-missing",
      say`${folder} is not a run: it has no ${RUN_FILES.manifest}. Runs stand in .plumb/runs beside the task.`,
      { cause: error },
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new PlumbError("manifest", say`${file} is not JSON. The file is damaged; start the run anew.`);
  }
  const parsed = Manifest.safeParse(json);
  if (!parsed.success) {
    throw new PlumbError(
      "manifest",
      say`${file}: ${describeFirst(parsed.error, json).message} Start the run anew.`,
    );
  }
  return parsed.data;
}

/** Rows as JSON Lines. */
export const jsonLines = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

/** SHA-256 of a text or of bytes, in hex. */
export function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** A task without what changes nothing about a run: the colours of its labels. */
export const withoutColors = (task: Task): Task =>
  task.labels === undefined
    ? task
    : { ...task, labels: task.labels.map(({ color: _, ...label }): Label => label) };

/** Of a task as it was read, but for the colours of its labels. */
export const taskHash = (task: Task): string => sha256(JSON.stringify(withoutColors(task)));

/** Of a text, as runs and suggestions name it: what they say of one does not hold once it has been changed. */
export const textHash = (text: string): string => sha256(text).slice(0, 16);

const Looks = z.object({
  looks: z.array(z.object({ run: z.string(), at: z.string(), test: z.string() })),
});

/**
 * Counts how often a test part has been looked at. One run counts once, however often it is resumed.
 * @param testIds Ids of the test part: another test part has a count of its own.
 * @returns Looks so far, this one included.
 */
export async function countTestLook(
  taskFolder: string,
  run: string,
  testIds: readonly string[],
  now: Date,
): Promise<number> {
  const file = path.join(await plumbFolder(taskFolder), "test-looks.json");
  const test = sha256([...testIds].sort().join("\n"));
  const lock = await writing(file, () => waitForLock(`${file}.lock`));
  try {
    let looks: z.infer<typeof Looks>["looks"] = [];
    try {
      looks = Looks.parse(JSON.parse(await readFile(file, "utf8"))).looks;
    } catch {
      // Absent, or not ours to read: a count from now on.
    }
    if (!looks.some((look) => look.run === run && look.test === test)) {
      looks.push({ run, at: now.toISOString(), test });
      await writing(file, () => writeFileAtomic(file, `${JSON.stringify({ looks }, null, 2)}\n`));
    }
    return looks.filter((look) => look.test === test).length;
  } finally {
    await lock.release();
  }
}
