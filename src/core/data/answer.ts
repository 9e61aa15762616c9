import type { Example, Task } from "../schema";

/** The field that holds the answer of each kind of task. */
export const answerField = { single: "label", multi: "labels", generation: "target" } as const;

/** An example's answer as the task asks for it; null where there is none yet, or the example is set aside. */
export function answerOf(task: Pick<Task, "kind">, example: Example): string | string[] | null {
  if (example.status === "skipped") return null;
  return example[answerField[task.kind]] ?? null;
}

/**
 * What an example counts as when examples are drawn class by class: its label, its labels, or nothing where the answer
 * is a text. An answer without any label is a class of its own.
 */
export function strataOf(example: Example): string[] {
  if (example.label !== undefined) return [example.label];
  if (example.labels !== undefined)
    return example.labels.length === 0 ? ["\0none"] : [...new Set(example.labels)];
  return [];
}
