import path from "node:path";
import { isSamePath } from "../files";
import type { RunEntry } from "./list";

/**
 * Runs whose base model is one of some files or folders, or lies in one.
 * @param places Absolute paths.
 */
export function runsOn(places: readonly string[], runs: readonly RunEntry[]): RunEntry[] {
  const lies = (model: string, place: string): boolean => {
    if (isSamePath(model, place)) return true;
    const above = path.dirname(model);
    return above !== model && lies(above, place);
  };
  return runs.filter(({ basePath }) => basePath !== null && places.some((place) => lies(basePath, place)));
}
