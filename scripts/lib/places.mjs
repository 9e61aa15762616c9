/** Where things lie: the repository, its build folder, and the cache that outlives them. */
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const oneDnnFolder = path.join(root, "build", "deps", "onednn");
export const nativeBuild = path.join(root, "build", "native");

/** Folder for downloads that several checkouts share: models, wheels, tools. */
export function cacheFolder() {
  if (process.env.PLUMB_CACHE) return path.resolve(process.env.PLUMB_CACHE);
  const base = process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache");
  return path.join(base, "plumb");
}
