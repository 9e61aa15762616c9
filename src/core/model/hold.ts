import { mkdir, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { PlumbError } from "../errors";
import { lockFolder } from "../lock";
import { say } from "../say";

const EVERY = 500;
/** What is on its way into the models folder has a name that begins so. */
export const TEMPORARY = ".coming-";

/** Takes a folder for this process; waits, once it has said so, for another that has it. @returns Gives it back. */
export async function holdFolder(
  folder: string,
  tell: (line: string) => void,
  signal?: AbortSignal,
): Promise<() => Promise<void>> {
  for (let told = false; ; told = true) {
    try {
      return await lockFolder(folder);
    } catch (error) {
      if (!(error instanceof PlumbError && error.code === "locked")) throw error;
      if (!told) tell(say`Waiting for another process: ${error.message}`);
      await wait(EVERY, undefined, { signal });
    }
  }
}

/** Makes and takes the models folder, and clears away what processes left there that were killed. @returns Gives it back. */
export async function holdModels(
  folder: string,
  tell: (line: string) => void,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true });
  const release = await holdFolder(folder, tell, signal);
  for (const name of await readdir(folder)) {
    if (name.startsWith(TEMPORARY)) await rm(path.join(folder, name), { recursive: true, force: true });
  }
  return release;
}
