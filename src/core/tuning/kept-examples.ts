import path from "node:path";
import { readExamples, readTask, type LoadedExample } from "../data";
import { PlumbError } from "../errors";
import { writeLargeFileAtomic } from "../files";
import type { Manifest } from "../schema";
import { contentHash, hashFile } from "./prepare";
import { readIfThere } from "./run";
import { jsonLines, keptExamplesFile, taskHash, writing } from "./run-folder";
import { say } from "../say";

/** Examples that are written at once. */
const PIECE = 1000;

/**
 * Keeps what a run uses of its examples, as they are when it begins: it goes on with them whatever is labelled meanwhile. The
 * task stands in the manifest. Nobody but the file's owner may read it, and it goes with `removeCheckpoints`.
 */
export async function keepExamples(folder: string, examples: readonly LoadedExample[]): Promise<void> {
  const file = keptExamplesFile(folder);
  const used = examples.map(({ id, text, label, labels, target, references, group }) => ({
    ...{ id, text, label, labels, target, references, group },
  }));
  const fill = async (write: (bytes: Uint8Array) => Promise<void>) => {
    for (let from = 0; from < used.length; from += PIECE)
      await write(Buffer.from(jsonLines(used.slice(from, from + PIECE))));
  };
  await writing(file, () => writeLargeFileAtomic(file, fill, 0o600));
}

/**
 * The examples of a run as they were when it began; null where it kept none, as older ones.
 * @throws PlumbError where the copy is not what the manifest says.
 */
export async function readKeptExamples(
  folder: string,
  { task, contents }: Pick<Manifest, "task" | "contents">,
): Promise<LoadedExample[] | null> {
  const file = keptExamplesFile(folder);
  const read = await readIfThere(file, readExamples);
  if (read === null) return null;
  const kept = new Map(read.examples.map((example) => [example.id, example]));
  for (const [id, hash] of Object.entries(contents)) {
    const example = kept.get(id);
    if (example !== undefined && contentHash(task.content, example) === hash) continue;
    throw new PlumbError(
      "kept-examples",
      say`${file}, the copy of the run's examples, is damaged: "${id}" is not in it as it was. Remove that file to go on with the examples as they are now, or start a new run.`,
    );
  }
  return read.examples;
}

/** Whether task or examples files are others than when the run began. */
export async function haveInputsChanged(
  folder: string,
  taskFile: string,
  { task, data }: Pick<Manifest, "task" | "data">,
): Promise<boolean> {
  const now = await readTask(taskFile).then(
    (read) => taskHash(read.task),
    () => null,
  );
  if (now !== task.hash) return true;
  const files = await Promise.all(
    data.map(async ({ file, sha256: then }) => {
      const hash = await hashFile(path.resolve(folder, file)).catch(() => null);
      return hash !== then;
    }),
  );
  return files.includes(true);
}
