import os from "node:os";
import path from "node:path";

/** Where Plumb keeps what it fetched: PLUMB_CACHE, else `plumb` in XDG_CACHE_HOME or in ~/.cache. */
export function cacheFolder({ PLUMB_CACHE, XDG_CACHE_HOME }: NodeJS.ProcessEnv = process.env): string {
  return path.resolve(PLUMB_CACHE || path.join(XDG_CACHE_HOME || path.join(os.homedir(), ".cache"), "plumb"));
}

/** Where a cuBLAS for CUDA 13 lies that was fetched; the engine looks there by itself. */
export function cublasFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return path.join(cacheFolder(environment), "cublas-13");
}
