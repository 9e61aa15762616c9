import path from "node:path";
import { homeFolder } from "./home";

/** Where Plumb keeps what it fetched: PLUMB_CACHE, else `plumb` in XDG_CACHE_HOME or in ~/.cache. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { PLUMB_CACHE, XDG_CACHE_HOME } = environment;
  const caches = XDG_CACHE_HOME || path.join(homeFolder(environment), ".cache");
  return path.resolve(PLUMB_CACHE || path.join(caches, "plumb"));
}

/** Where a cuBLAS for CUDA 13 lies that was fetched; the engine looks there by itself. */
export function cublasFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return path.join(cacheFolder(environment), "cublas-13");
}
