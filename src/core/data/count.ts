import type { Task } from "../schema";
import { answerOf } from "./answer";
import { readExamples } from "./read";

/** How far an examples file is. */
export interface ExampleCounts {
  readonly answered: number;
  readonly open: number;
  readonly skipped: number;
  /** Lines that are no example. */
  readonly broken: number;
  /** In the order of the task's labels; what is not among them is left out. None for generation. */
  readonly classes: readonly { readonly label: string; readonly count: number }[];
}

/** Counts the examples of a file. @throws PlumbError where it cannot be read. */
export async function countExamples(
  file: string,
  task: Pick<Task, "kind" | "labels">,
): Promise<ExampleCounts> {
  const { examples, lines } = await readExamples(file);
  const skipped = examples.filter(({ status }) => status === "skipped").length;
  const counts = new Map((task.labels ?? []).map(({ name }) => [name, 0]));
  let answered = 0;
  for (const example of examples) {
    const answer = answerOf(task, example);
    if (answer === null) continue;
    answered++;
    if (task.kind === "generation") continue;
    for (const label of new Set([answer].flat())) {
      const before = counts.get(label);
      if (before !== undefined) counts.set(label, before + 1);
    }
  }
  return {
    answered,
    open: examples.length - skipped - answered,
    skipped,
    broken: lines - examples.length,
    classes: [...counts].map(([label, count]) => ({ label, count })),
  };
}
