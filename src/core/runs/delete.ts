import { rm, stat } from "node:fs/promises";
import path from "node:path";
import { PlumbError } from "../errors";
import { lockFolder } from "../lock";
import { RUN_FILES } from "../tuning/run-folder";
import { say } from "../say";

/**
 * Takes a run away with its adapter and report.
 * @throws PlumbError where a process works on it, or the folder is no run.
 */
export async function deleteRun(folder: string): Promise<void> {
  const isRun = await stat(path.join(folder, RUN_FILES.manifest)).then(
    () => true,
    () => false,
  );
  if (!isRun) throw new PlumbError("run-missing", say`${folder} is not a run: nothing was deleted.`);
  await lockFolder(folder);
  await rm(folder, { recursive: true, force: true });
}
