import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { cp, mkdir, rename, rm, stat, statfs } from "node:fs/promises";
import path from "node:path";
import { PlumbError } from "../errors";
import { DEFAULT_MODEL, modelsFolder } from "./cache";
import { openBaseModel } from "./open";

/** Bytes that stay free. */
const SPARE = 100e6;

/**
 * Copies a GGUF file, or a folder in Hugging Face form, into Plumb's own folder. It is opened first: what cannot be used is
 * refused with its reason. A copy of the default model is recognised whatever it is called.
 * @returns Where it lies now.
 * @throws PlumbError where it cannot be used, is there already, or does not fit.
 */
export async function addModel(place: string): Promise<string> {
  const { table, format } = await openBaseModel(place);
  const folder = modelsFolder();
  await mkdir(folder, { recursive: true });
  const name = (await isDefault(place)) ? DEFAULT_MODEL.file : path.basename(place);
  const target = path.join(folder, name);
  if (path.resolve(place) === target) return target;
  if (await isThere(target)) {
    throw new PlumbError(
      "model-exists",
      `${folder} has a model ${name} already: nothing was copied. Remove that one first, or rename this one.`,
    );
  }
  // A GGUF file may be the first of several, which have to lie beside it.
  const sources = format === "gguf" ? table.files : [path.resolve(place)];
  const sizes = await Promise.all(table.files.map(async (file) => (await stat(file)).size));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < bytes + SPARE) {
    throw new PlumbError(
      "disk-full",
      `Not enough room in ${folder}: ${Math.round((bavail * bsize) / 1e6)} MB are free, ${Math.ceil((bytes + SPARE) / 1e6)} MB are needed.`,
    );
  }
  for (const source of [...sources].reverse()) {
    const last = sources.length === 1 ? target : path.join(folder, path.basename(source));
    const temporary = path.join(folder, `.copy-${process.pid}-${path.basename(last)}`);
    try {
      await cp(source, temporary, { recursive: true, dereference: true });
      await rename(temporary, last);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }
  return target;
}

async function isThere(place: string): Promise<boolean> {
  return stat(place).then(
    () => true,
    () => false,
  );
}

async function isDefault(place: string): Promise<boolean> {
  const info = await stat(place);
  if (!info.isFile() || info.size !== DEFAULT_MODEL.bytes) return false;
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(place, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex") === DEFAULT_MODEL.sha256;
}
