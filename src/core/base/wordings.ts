import type { Task, TaskKind, WordingLists } from "../schema";

/** What stands around a text, with `{instruction}` and `{labels}` still to be filled in. */
export interface Wording {
  readonly before: string;
  readonly after: string;
}

/**
 * Wordings of Plumb's own: a model that sees a task in several of them learns the task and not one wording. The task's own
 * (instruction, label list, the task's template) stands beside them and is not listed here.
 */
const OWN: Readonly<Record<TaskKind, readonly string[]>> = {
  single: [
    "{instruction}\n\nText: {text}\n\nOptions: {labels}\nAnswer:",
    "{text}\n\n{instruction}\nChoose one of: {labels}.\nAnswer:",
    "Task: {instruction}\nPossible answers: {labels}\nInput: {text}\nOutput:",
    "Read this:\n{text}\n\nQuestion: {instruction} ({labels})\nThe answer is:",
    "{instruction}\n{text}\nLabel:",
  ],
  multi: [
    "{instruction}\n\nText: {text}\n\nSay yes or no to each of these: {labels}.\nAnswer:",
    "{text}\n\n{instruction}\nAny number of them may apply: {labels}.\nAnswer:",
    "Task: {instruction}\nLabels: {labels}\nInput: {text}\nOutput:",
    "{instruction}\n{text}\nApplies:",
  ],
  generation: [
    "{instruction}\n\nText: {text}\n\nAnswer:",
    "{text}\n\n{instruction}\nAnswer:",
    "Task: {instruction}\nInput: {text}\nOutput:",
    "Here is a text.\n{text}\n\nWhat to do with it: {instruction}\nResult:",
    "{instruction}\n{text}\n=>",
  ],
};

/** The wordings of a kind of task, besides the task's own. */
export function wordingsOf(kind: TaskKind, lists: WordingLists = {}): Wording[] {
  return (lists[kind] ?? OWN[kind]).map((text) => {
    const [before = "", after = ""] = text.split("{text}");
    return { before, after };
  });
}

/** What is asked, in the task's words. */
const instructionOf = (task: Task) => task.instruction ?? task.name;

/** Puts instruction and labels into one side of a wording; what they hold is not looked into again. */
export function fillWording(part: string, task: Task, labels: readonly string[]): string {
  const values: Readonly<Record<string, string>> = {
    instruction: instructionOf(task),
    labels: labels.join(", "),
  };
  return part.replace(/\{(instruction|labels)\}/g, (_, name: string) => values[name] ?? "");
}
