import { stat } from "node:fs/promises";
import path from "node:path";
import { cannotRead } from "../data";
import { PlumbError } from "../errors";
import { readManifest, RUN_FILES } from "./run-folder";
import { say } from "../say";
import { shellWord } from "../shell";

/** The adapter file of a run folder, or the file itself. */
export async function findAdapter(wanted: string): Promise<{ file: string; runFolder: string | null }> {
  const target = path.resolve(wanted);
  const found = await stat(target).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw cannotRead(target, error);
    throw new PlumbError(
      "adapter-missing",
      say`${target} does not exist. Name a run folder or an adapter file.`,
    );
  });
  if (!found.isDirectory()) {
    if (!found.isFile())
      throw new PlumbError(
        "adapter-missing",
        say`${target} is neither a file nor a folder. Name a run folder or an adapter file.`,
      );
    const beside = path.join(path.dirname(target), RUN_FILES.manifest);
    const run = await stat(beside).then(
      () => true,
      () => false,
    );
    return { file: target, runFolder: run ? path.dirname(target) : null };
  }
  const file = path.join(target, RUN_FILES.adapter);
  if (await stat(file).catch(() => null)) return { file, runFolder: target };
  const { status } = await readManifest(target);
  if (status === "finished") {
    throw new PlumbError(
      "adapter-missing",
      say`${target} is finished, but its ${RUN_FILES.adapter} is gone. Put it back from a copy, or tune anew.`,
    );
  }
  const next =
    status === "trouble"
      ? say`It was stopped; start a new run.`
      : say`Finish it first: plumb tune --resume ${shellWord(wanted)}`;
  throw new PlumbError("adapter-missing", say`${target} has no adapter yet. ${next}`);
}
