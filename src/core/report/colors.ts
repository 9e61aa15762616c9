import type { Label, Report } from "../schema";

/** Colours chosen for labels, as a report has them: nothing where none is. */
export function colorsOf(labels: readonly Label[]): Pick<Report["task"], "colors"> {
  const colors = labels.map(({ color }) => color ?? null);
  return colors.every((color) => color === null) ? {} : { colors };
}

/** A report with the colours that its task's labels have by now: a class looks the same in it as where one labels. */
export function withColors(report: Report, labels: readonly Label[]): Report {
  const { colors: _, ...task } = report.task;
  const named = new Map(labels.map((label) => [label.name, label]));
  return {
    ...report,
    task: { ...task, ...colorsOf(task.labels.map((name) => named.get(name) ?? { name })) },
  };
}
