import path from "node:path";
import type { Task } from "../../core/schema";

/** Absolute paths of a task's examples files, with the part that each is where there are two. */
export function examplesFiles(
  taskFile: string,
  { examples }: Task,
): { file: string; part: "train" | "test" | null }[] {
  const folder = path.dirname(taskFile);
  if (typeof examples === "string") return [{ file: path.resolve(folder, examples), part: null }];
  return (["train", "test"] as const).map((part) => ({ file: path.resolve(folder, examples[part]), part }));
}
