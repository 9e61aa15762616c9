import type { Task } from "../schema";
import { answerField } from "./answer";
import { describeValue, quoted, type Problem } from "./problem";
import type { LoadedExample } from "./read";
import { nearestWord } from "./spelling";

/** What is wrong with examples that are well formed, but do not fit the task or each other. In the order of the lines. */
export function findExampleProblems({
  task,
  examples,
}: {
  task: Task;
  examples: readonly LoadedExample[];
}): Problem[] {
  const problems: Problem[] = [];
  const labels = (task.labels ?? []).map((label) => label.name);
  const known = new Set(labels);
  const ids = new Map<string, LoadedExample>();
  const field = answerField[task.kind];
  const otherFields = Object.values(answerField).filter((other) => other !== field);

  for (const example of examples) {
    const report = (severity: Problem["severity"], code: string, name: string, message: string) => {
      problems.push({ file: example.file, line: example.line, field: name, severity, code, message });
    };
    const twin = ids.get(example.id);
    if (twin === undefined) ids.set(example.id, example);
    else {
      const where = twin.file === example.file ? "" : ` of ${twin.file}`;
      report(
        "error",
        "id-twice",
        "id",
        `id ${quoted(example.id)} also stands in line ${twin.line}${where}. Every example needs its own.`,
      );
    }
    if (example.status === "skipped") continue;

    const misplaced =
      example[field] === undefined ? otherFields.find((other) => example[other] !== undefined) : undefined;
    if (misplaced !== undefined) {
      report(
        "error",
        "wrong-answer-field",
        misplaced,
        `the answer stands in "${misplaced}", but a ${task.kind} task has it in "${field}".`,
      );
      continue;
    }
    if (task.kind === "single" && example.label !== undefined) outside(example.label, "label", report);
    if (task.kind === "multi" && example.labels !== undefined) {
      for (const label of example.labels) outside(label, "labels", report);
      const twice = example.labels.find((label, at, all) => all.indexOf(label) < at);
      if (twice !== undefined)
        report("warning", "label-twice", "labels", `label ${quoted(twice)} stands twice. Remove one.`);
    }
    if (task.kind === "generation" && example.target?.trim() === "") {
      report(
        "error",
        "wrong-field",
        "target",
        `field "target": found ${describeValue(example.target)}, expected a text that can be seen.`,
      );
    }
  }
  return problems;

  function outside(
    label: string,
    name: string,
    report: (s: "error", code: string, name: string, message: string) => void,
  ): void {
    if (known.has(label)) return;
    const near = nearestWord(label, labels);
    const set = labels.length <= 12 ? ` (${labels.join(", ")})` : `, which has ${labels.length} labels`;
    const hint =
      near === null ? " Correct it, or add it to the task's labels." : ` Was ${quoted(near)} meant?`;
    report("error", "label-outside", name, `label ${quoted(label)} is not in the label set${set}.${hint}`);
  }
}
