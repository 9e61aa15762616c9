import { stat } from "node:fs/promises";
import path from "node:path";
import { PlumbError } from "../errors";
import { readManifest, RUN_FILES } from "./run-folder";
import { say } from "../say";

/** The adapter file of a run folder, or the file itself. */
export async function findAdapter(wanted: string): Promise<{ file: string; runFolder: string | null }> {
  const target = path.resolve(wanted);
  const found = await stat(target).catch(() => null);
  if (found === null) {
    throw new PlumbError(
      "adapter-missing",
      say`${target} does not exist. Name a run folder or an adapter file.`,
    );
  }
  if (!found.isDirectory()) {
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
      : say`Finish it first: plumb tune --resume ${wanted}`;
  throw new PlumbError("adapter-missing", say`${target} has no adapter yet. ${next}`);
}
