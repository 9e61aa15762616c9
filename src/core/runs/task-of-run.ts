import { access, readdir } from "node:fs/promises";
import path from "node:path";
import { readTask } from "../data";
import type { Task } from "../schema";
import { taskHash } from "../tuning/run-folder";

/** What a manifest says of its task. Manifests of other versions may lack more than the file. */
export interface RecordedTask {
  /** Path from the run folder. */
  readonly file: string;
  readonly hash?: string | undefined;
  readonly content?: Pick<Task, "name"> | undefined;
}

/**
 * Absolute path of the task file that a run was made for. Where it is no longer there, it may have been renamed: then it is the
 * only task beside it with the same content or, where that has been edited since, with the same name.
 */
export async function findTask(runFolder: string, { file, hash, content }: RecordedTask): Promise<string> {
  const recorded = path.resolve(runFolder, file);
  if (await isThere(recorded)) return recorded;
  const folder = path.dirname(recorded);
  const names = await readdir(folder).catch((): string[] => []);
  const tasks = await Promise.all(
    names
      .filter((name) => name.endsWith(".plumb.json"))
      .map(async (name) => {
        const other = path.join(folder, name);
        const task = await readTask(other).then(
          (read) => read.task,
          () => null, // whatever it is, it is not known to be this one
        );
        return { other, task };
      }),
  );
  const same = tasks.filter(({ task }) => task !== null && taskHash(task) === hash);
  const alike = tasks.filter(({ task }) => task !== null && task.name === content?.name);
  const found = same.length > 0 ? same : alike;
  return found.length === 1 ? found[0]!.other : recorded;
}

const isThere = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );
