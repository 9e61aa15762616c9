import path from "node:path";
import { PlumbError } from "../errors";
import { holderOf, takeLock, type Owner } from "../lock";
import { dayAndTime, say } from "../say";
import { plumbFolder, removeUnused, writing } from "../tuning/run-folder";

/** Of the error where a task is worked on already. */
const CODE = "task-locked";

/** Beside the runs of the task, under its file's name: two tasks of a folder know nothing of each other. */
const lockOf = (taskFile: string) =>
  path.join(path.dirname(taskFile), ".plumb", `${path.basename(taskFile)}.lock`);

/**
 * Works on a task while no other process does. The lock of a process that is gone counts for nothing.
 * @param taskFile Absolute path.
 * @param work Gets what tells others in which folder the run lies, once it has one.
 * @throws PlumbError `task-locked` where another process that lives works on the task, with its run and since when.
 */
export async function holdingTask<T>(
  taskFile: string,
  now: Date,
  work: (tellRun: (folder: string) => Promise<void>) => Promise<T>,
): Promise<T> {
  const hidden = await plumbFolder(path.dirname(taskFile));
  const file = lockOf(taskFile);
  const since = now.toISOString();
  try {
    const lock = await writing(file, () =>
      takeLock(file, CODE, (held) => refusal(taskFile, held), { since }),
    );
    try {
      return await work((run) => writing(file, () => lock.tell({ since, run })));
    } finally {
      await lock.release();
    }
  } finally {
    await removeUnused(hidden);
  }
}

/** @throws PlumbError `task-locked` where another process that lives works on the task. Takes and writes nothing. */
export async function refuseHeldTask(taskFile: string): Promise<void> {
  const held = await holderOf(lockOf(taskFile));
  if (held !== null) throw new PlumbError(CODE, refusal(taskFile, held));
}

function refusal(taskFile: string, held: Owner | null): string {
  const task = path.basename(taskFile);
  const file = lockOf(taskFile);
  if (held === null) return say`${task} is worked on by another process. Wait for it, or remove ${file}.`;
  const { since = "", run } = held.note ?? {};
  const onward = say`Wait for it, or stop it where it was started; if process ${held.pid} on ${held.host} no longer exists, remove ${file}.`;
  return run === undefined
    ? say`A task has one run at a time, and one of ${task} has been in preparation since ${dayAndTime(since)}. ${onward}`
    : say`A task has one run at a time, and one of ${task} has been at work since ${dayAndTime(since)}: ${run}. ${onward}`;
}
