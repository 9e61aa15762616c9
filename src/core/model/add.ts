import { mkdir, mkdtemp, open, readdir, rm, stat, statfs } from "node:fs/promises";
import path from "node:path";
import { PlumbError } from "../errors";
import { replace } from "../files";
import { modelsFolder } from "./cache";
import { DEFAULT_MODEL, hasContent, sha256Of } from "./default/model";
import { asFetchError, diskFull } from "./default/trouble";
import { holdModels, TEMPORARY } from "./hold";
import { partOf } from "./hub/download";
import type { FetchListener } from "./listener";
import { openBaseModel } from "./open";
import { say } from "../say";

/** Bytes that stay free. */
const SPARE = 100e6;
const PIECE = 1 << 20;

/**
 * Copies a GGUF file, or a folder in Hugging Face form, into Plumb's own folder. It is opened first: what cannot be used is
 * refused with its reason. A copy of the default model is recognised whatever it is called, and what only has its name is
 * refused.
 * @param signal Calls it off, with an error of code "interrupted"; nothing is left behind.
 * @returns Where it lies now.
 * @throws PlumbError where it cannot be used, is there already, or does not fit.
 */
export async function addModel(
  place: string,
  listener: FetchListener = { say: () => undefined, progress: () => undefined },
  signal: AbortSignal = new AbortController().signal,
): Promise<string> {
  const { table, format } = await openBaseModel(place);
  const folder = modelsFolder();
  let release: () => Promise<void> = () => Promise.resolve();
  try {
    release = await holdModels(folder, (line) => listener.say(line), signal);
    const isDefault = await hasContent(place, DEFAULT_MODEL);
    const name = isDefault ? DEFAULT_MODEL.file : path.basename(place);
    const target = path.join(folder, name);
    if (path.resolve(place) === target) return target;
    if (isDefault && (await hasContent(target, DEFAULT_MODEL))) return target;
    if (!isDefault && name === DEFAULT_MODEL.file) throw await onlyNamedSo(place);
    // What has the default model's name and not its content is broken: the right one takes its place.
    if (!isDefault && (await isThere(target))) {
      throw new PlumbError(
        "model-exists",
        say`${folder} has a model ${name} already: nothing was copied. Remove that one first, or rename this one.`,
      );
    }
    // A GGUF file may be the first of several, which have to lie beside it.
    const files =
      format === "gguf"
        ? table.files.map((from) => ({
            from,
            to: table.files.length === 1 ? target : path.join(folder, path.basename(from)),
          }))
        : await filesIn(path.resolve(place), target);
    await copyAll(files, { folder, whole: format === "gguf" ? null : target, listener, signal });
    if (isDefault) await rm(partOf(target), { force: true });
    listener.say(say`It is at ${target}.`);
    return target;
  } catch (error) {
    if (signal.aborted) {
      throw new PlumbError("interrupted", say`Stopped. Nothing was copied.`, { cause: error });
    }
    throw asFetchError(error, folder);
  } finally {
    await release();
  }
}

async function onlyNamedSo(place: string): Promise<PlumbError> {
  return new PlumbError(
    "model-checksum",
    say`${place} has the name of the default model, but not its content (SHA-256 ${await sha256Of(place)}, expected ${DEFAULT_MODEL.sha256}): it is damaged or another model. Fetch it again, or give the file another name.`,
  );
}

interface Copying {
  readonly from: string;
  readonly to: string;
}

/** All files of a folder, with where they go. */
async function filesIn(folder: string, target: string): Promise<Copying[]> {
  const files: Copying[] = [];
  for (const name of await readdir(folder, { recursive: true })) {
    const from = path.join(folder, name);
    if ((await stat(from)).isFile()) files.push({ from, to: path.join(target, name) });
  }
  return files;
}

/**
 * Copies under temporary names; the last one to get its own is the one by which the model is found.
 * @param whole Folder that appears at once, null where the files go one by one.
 */
async function copyAll(
  files: readonly Copying[],
  {
    folder,
    whole,
    listener,
    signal,
  }: {
    readonly folder: string;
    readonly whole: string | null;
    readonly listener: FetchListener;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const sizes = await Promise.all(files.map(async ({ from }) => (await stat(from)).size));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < total + SPARE) {
    throw diskFull(folder, say`${Math.floor((bavail * bsize) / 1e6)} MB are free`, total + SPARE);
  }
  const temporary = await mkdtemp(path.join(folder, TEMPORARY));
  let done = 0;
  try {
    for (const { from, to } of files) {
      const copy = path.join(temporary, path.relative(whole ?? folder, to));
      await mkdir(path.dirname(copy), { recursive: true });
      await copyFile(from, copy, signal, (bytes) => {
        done += bytes;
        listener.progress({ file: path.basename(to), done, total, fetched: done });
      });
    }
    if (whole !== null) await replace(temporary, whole);
    else {
      for (const { to } of [...files].reverse())
        await replace(path.join(temporary, path.relative(folder, to)), to);
    }
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function copyFile(
  from: string,
  to: string,
  signal: AbortSignal,
  came: (bytes: number) => void,
): Promise<void> {
  const source = await open(from, "r");
  try {
    const target = await open(to, "wx");
    try {
      const buffer = Buffer.alloc(PIECE);
      for (;;) {
        signal.throwIfAborted();
        const { bytesRead } = await source.read(buffer, 0, PIECE);
        if (bytesRead === 0) break;
        await target.writeFile(buffer.subarray(0, bytesRead));
        came(bytesRead);
      }
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function isThere(place: string): Promise<boolean> {
  return stat(place).then(
    () => true,
    () => false,
  );
}
