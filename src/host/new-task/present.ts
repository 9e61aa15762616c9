import path from "node:path";
import type { Inspection, ModelsHere, ReadChoices, Survey } from "../../core/import";
import { classesOf, obstaclesOf, type TaskDraft } from "../../core/import/draft";
import { isReserved } from "../../core/import/limits";
import { signsOf } from "../../core/signs";
import type { NewTaskLabel, NewTaskProblem, NewTaskReading, NewTaskView } from "../../new-task-protocol";

/** What a page shows at most; the rest is counted. */
const MOST = { columns: 60, labels: 200, problems: 200, rows: 8 } as const;
const LONGEST_CELL = 300;

/** What is known beside the draft. */
export interface Beside {
  /** What the rows come to; null until they have been gone through. */
  readonly survey: Pick<Survey, "examples" | "answered" | "problems" | "problemCount"> | null;
  /** Null until they have been looked for. */
  readonly models: ModelsHere | null;
}

export function viewOf(draft: TaskDraft, { survey, models }: Beside): NewTaskView {
  const { found, uses, form, labels } = draft;
  const columns = shownColumns(draft);
  const { problems, problemCount } = survey ?? found;
  return {
    reading: readingOf(found, draft.read),
    openable: found.encoding !== null,
    rows: found.rows,
    columns: columns.map((name) => ({ name, use: uses.get(name) ?? "none", reserved: isReserved(name) })),
    moreColumns: found.columns.length - columns.length,
    first: found.first.slice(0, MOST.rows).map(({ cells }) =>
      columns.map((name) => {
        const cell = cells.get(name) ?? "";
        return shortened(typeof cell === "string" ? cell : cell.join("; "));
      }),
    ),
    problems: problems.slice(0, MOST.problems).map(problemOf),
    problemCount,
    kind: form.kind,
    separator: form.separator,
    separable: form.kind === "multi" && !form.flags && form.labels.length > 0,
    labels: form.kind === "generation" ? [] : labelsOf(draft).slice(0, MOST.labels),
    moreLabels: form.kind === "generation" ? 0 : Math.max(0, labels.length - MOST.labels),
    name: draft.name,
    instruction: draft.instruction,
    baseModel: draft.baseModel,
    models: (models?.models ?? []).flatMap(({ name, isDefault }) => (isDefault ? [] : [name])),
    defaultModel: models === null ? null : { name: models.defaultName, here: models.defaultHere },
    testShare: Math.round(100 * draft.testShare),
    out: /[\\/]$/.test(draft.out) ? "" : path.basename(draft.out),
    texts: survey === null ? null : { all: survey.examples, answered: survey.answered },
    splitGiven: [...uses.values()].includes("split"),
    obstacles: obstaclesOf(draft),
  };
}

/** Labels with the signs that the task will give them. */
function labelsOf(draft: TaskDraft): NewTaskLabel[] {
  const classes = classesOf(draft);
  const signs = signsOf([...classes.values()]);
  const signOf = new Map([...classes.keys()].map((name, at) => [name, signs[at]!]));
  return draft.labels.map((label) => {
    const name = label.name.trim();
    return label.dropped
      ? { ...label, sign: null }
      : { ...label, color: classes.get(name)!, sign: signOf.get(name)! };
  });
}

/** Names of the columns on the page, in the file's order: those that are used, and of the others as many as fit. */
export function shownColumns({ found, uses }: Pick<TaskDraft, "found" | "uses">): string[] {
  const used = (name: string) => (uses.get(name) ?? "none") !== "none";
  let room = MOST.columns - found.columns.filter(({ name }) => used(name)).length;
  return found.columns.flatMap(({ name }) => (used(name) || room-- > 0 ? [name] : []));
}

/** How a file was read, and what was chosen since; of a file that could not be read only the latter is known. */
export function readingOf(found: Inspection | null, read: ReadChoices): NewTaskReading {
  return {
    format: read.format ?? found?.format ?? "",
    encoding: read.encoding ?? found?.encoding ?? null,
    delimiter: read.delimiter ?? found?.delimiter ?? null,
    header: read.header ?? found?.header ?? null,
    sheet: read.sheet ?? found?.sheet ?? null,
    sheets: found?.sheets ?? [],
    tool: found?.tool ?? null,
    asItStands: read.tool === null,
  };
}

const problemOf = ({ line, severity, message }: NewTaskProblem): NewTaskProblem => ({
  line,
  severity,
  message,
});

/** A cell on one line. Half of a character at the cut would be shown as a box. */
function shortened(text: string): string {
  const line = text.slice(0, LONGEST_CELL).replace(/\s+/g, " ").trim();
  return text.length > LONGEST_CELL ? `${line.replace(/[\uD800-\uDBFF]$/, "")}…` : line;
}
