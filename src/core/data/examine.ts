import path from "node:path";
import type { Task } from "../schema";
import { answerField } from "./answer";
import { describeValue, quoted, type ExampleFix, type Fix, type Problem } from "./problem";
import type { LoadedExample } from "./read";
import { nearestWord } from "./spelling";
import { counted, say } from "../say";

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

  // A free id is looked for only where one stands twice.
  let taken: Set<string> | null = null;
  const freeId = (id: string) => {
    taken ??= new Set(examples.map((example) => example.id));
    let free = `${id}-2`;
    for (let number = 3; taken.has(free); number++) free = `${id}-${number}`;
    taken.add(free);
    return free;
  };

  for (const example of examples) {
    const report = (
      severity: Problem["severity"],
      code: string,
      name: string,
      message: string,
      fixes: Fix[] = [],
    ) => {
      const { file, line } = example;
      problems.push({
        ...{ file, line, field: name, severity, code, message },
        ...(fixes.length === 0 ? {} : { fixes }),
      });
    };
    const fix = (
      what: ExampleFix["what"],
      from: string,
      to: string,
      set: ExampleFix["set"],
      remove: string[] = [],
    ): Fix => ({ what, from, to, id: example.id, set, remove });
    const twin = ids.get(example.id);
    if (twin === undefined) ids.set(example.id, example);
    else {
      const where =
        twin.file === example.file ? "" : say` of ${path.relative(path.dirname(example.file), twin.file)}`;
      const free = freeId(example.id);
      report(
        "error",
        "id-twice",
        "id",
        say`id ${quoted(example.id)} also stands in line ${twin.line}${where}. Every example needs its own.`,
        [fix("id", example.id, free, { id: free })],
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
        say`the answer stands in "${misplaced}", but a ${task.kind} task has it in "${field}".`,
        movable(example, misplaced).map((value) =>
          fix("field", misplaced, field, { [field]: value }, [misplaced]),
        ),
      );
      continue;
    }
    if (task.kind === "single" && example.label !== undefined)
      outside(example.label, "label", report, (label, near) => fix("label", label, near, { label: near }));
    if (task.kind === "multi" && example.labels !== undefined) {
      const all = example.labels;
      for (const label of all)
        outside(label, "labels", report, (wrong, near) =>
          fix("label", wrong, near, {
            labels: [...new Set(all.map((one) => (one === wrong ? near : one)))],
          }),
        );
      const twice = example.labels.find((label, at, all) => all.indexOf(label) < at);
      if (twice !== undefined)
        report("warning", "label-twice", "labels", say`label ${quoted(twice)} stands twice. Remove one.`, [
          fix("repeat", twice, twice, { labels: [...new Set(all)] }),
        ]);
    }
    if (task.kind === "generation" && example.target?.trim() === "") {
      report(
        "error",
        "wrong-field",
        "target",
        say`field "target": found ${describeValue(example.target)}, expected a text that can be seen.`,
      );
    }
  }
  return problems;

  function outside(
    label: string,
    name: string,
    report: (s: "error", code: string, name: string, message: string, fixes: Fix[]) => void,
    corrected: (label: string, near: string) => Fix,
  ): void {
    if (known.has(label)) return;
    const near = nearestWord(label, labels);
    const set =
      labels.length <= 12
        ? ` (${labels.join(", ")})`
        : say`, which has ${counted(labels.length, "label", "labels")}`;
    const hint =
      near === null ? say` Correct it, or add it to the task's labels.` : say` Was ${quoted(near)} meant?`;
    const fixes: Fix[] = near === null ? [] : [corrected(label, near)];
    // The set takes no label that is blank or has blanks around it.
    if (label !== "" && label === label.trim()) fixes.push({ what: "add-label", from: "", to: label });
    const message = say`label ${quoted(label)} is not in the label set${set}.${hint}`;
    report("error", "label-outside", name, message, fixes);
  }

  /** The answer in another kind's field as this task has it, where nothing of it is lost: one value, or none. */
  function movable({ label, labels: several }: LoadedExample, from: string): (string | string[])[] {
    if (task.kind === "multi" && from === "label" && label !== undefined) return [[label]];
    return task.kind === "single" && from === "labels" && several?.length === 1 ? several : [];
  }
}
