import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import { PlumbError } from "../errors";
import { lockFolder } from "../lock";
import { modelsFolder } from "./cache";
import type { FoundModel } from "./found";
import { hubCache } from "./hub/environment";
import { say } from "../say";

const FIRST_PART = /^(.*)-00001(-of-\d{5}\.gguf)$/;

/** What goes where a model is removed. */
export interface Removal {
  /** Files or folders; of a file in parts, all of them. */
  readonly paths: readonly string[];
  /** Whether Hugging Face's other tools use it too. */
  readonly shared: boolean;
}

/**
 * What removing a model takes away: its file or folder in Plumb's own folder; of the cache of Hugging Face the whole
 * repository, whose revisions share their files.
 * @returns null for models of other programs, which keep their own books.
 */
export async function removalOf({
  source,
  path: place,
}: Pick<FoundModel, "source" | "path">): Promise<Removal | null> {
  const own = modelsFolder();
  if (source === "Plumb" && path.dirname(place) === own) {
    const [, stem, end] = FIRST_PART.exec(path.basename(place)) ?? [];
    if (stem === undefined || end === undefined) return { paths: [place], shared: false };
    const isPart = (name: string) =>
      name.startsWith(`${stem}-`) && name.endsWith(end) && name.length === path.basename(place).length;
    return { paths: (await readdir(own)).filter(isPart).map((name) => path.join(own, name)), shared: false };
  }
  if (source !== "Hugging Face") return null;
  const cache = hubCache();
  const [repo] = path.relative(cache, place).split(path.sep);
  if (repo?.startsWith("models--") !== true) return null;
  return { paths: [path.join(cache, repo), path.join(cache, ".locks", repo)], shared: true };
}

/** Removes a model. @throws PlumbError where another program keeps it, or a fetch of it is under way. */
export async function removeModel(model: Pick<FoundModel, "name" | "source" | "path">): Promise<void> {
  const removal = await removalOf(model);
  if (removal === null) {
    throw new PlumbError(
      "model-elsewhere",
      say`${model.name} is kept by ${model.source}, which has books of its own: remove it there (${model.path}).`,
    );
  }
  if (removal.shared) {
    // Throws where another process fetches it just now.
    await lockFolder(removal.paths[1]!).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    });
  }
  for (const place of removal.paths) await rm(place, { recursive: true, force: true });
}
