import type { LabelColor, TaskKind } from "../schema";
import { countLabels, joinSpellings, type AnswerChoices } from "./answers";
import { guessForm, type TaskChoices } from "./guess";
import type { Inspection } from "./inspect";
import { isReserved, leastLabels, mostLabels } from "./limits";
import type { ReadChoices } from "./types";
import type { NewTask } from "./write";

/** What a column is for. */
export const columnUses = ["text", "answer", "id", "group", "split", "keep", "none"] as const;
export type ColumnUse = (typeof columnUses)[number];
/** Uses that one column can have. */
const single: ReadonlySet<ColumnUse> = new Set(["text", "id", "group", "split"]);

export interface DraftLabel {
  /** As it stands in the file; null for one that was added by hand. */
  readonly found: string | null;
  readonly name: string;
  readonly description: string;
  /** Null for the one that follows from its place. */
  readonly color: LabelColor | null;
  /** Texts that have it. */
  readonly count: number;
  /** Whether it is no label of the task ("don't know", "?"): its texts are left without it. */
  readonly dropped: boolean;
}

/** A task that a person is making of a file. It is never changed: each choice makes a new one. */
export interface TaskDraft {
  readonly read: ReadChoices;
  readonly found: Inspection;
  /** Columns that are not named here are left out. */
  readonly uses: ReadonlyMap<string, ColumnUse>;
  readonly form: AnswerChoices;
  readonly labels: readonly DraftLabel[];
  /** Whether the answers are too many or too long to be counted as labels. */
  readonly uncountable: boolean;
  readonly name: string;
  readonly instruction: string;
  /** Null for the default one. */
  readonly baseModel: string | null;
  readonly testShare: number;
  /** Path of the new files without their endings. */
  readonly out: string;
}

/** Why a draft makes no task yet. */
export type Obstacle =
  "no-text" | "few-labels" | "many-labels" | "blank-label" | "blank-name" | "blank-file" | "wrong-share";

/** The draft that a file speaks for. */
export function draftOf(
  found: Inspection,
  read: ReadChoices,
  given: Pick<TaskDraft, "name" | "instruction" | "baseModel" | "testShare" | "out">,
): TaskDraft {
  const { guess } = found;
  const uses = new Map<string, ColumnUse>();
  if (guess !== null) {
    for (const name of guess.labels) uses.set(name, "answer");
    for (const use of ["id", "group", "split", "text"] as const) {
      const name = guess[use];
      if (name !== null) uses.set(name, use);
    }
  }
  const { name, instruction, baseModel, testShare, out } = given;
  const own = { name, instruction, baseModel, testShare, out };
  return recount({
    ...own,
    ...{ read, found, uses, labels: [], uncountable: false },
    form: guess ?? guessForm(found.columns, []),
  });
}

/** The file read in another way: what was chosen stays as far as its columns and labels are still there. */
export function withReading(draft: TaskDraft, found: Inspection, read: ReadChoices): TaskDraft {
  const next = draftOf(found, read, draft);
  const names = (one: Inspection) => JSON.stringify(one.columns.map(({ name }) => name));
  const same = names(found) === names(draft.found);
  return recount({
    ...next,
    ...(same ? { uses: draft.uses, form: formOf(found, draft.uses, draft.form.kind) } : {}),
    labels: draft.labels,
  });
}

/** Another use of a column. What only one column can be, the one that was it no longer is. */
export function withUse(draft: TaskDraft, column: string, use: ColumnUse): TaskDraft {
  const before = draft.uses.get(column) ?? "none";
  if (before === use) return draft;
  const uses = new Map(draft.uses);
  if (single.has(use)) for (const [name, other] of uses) if (other === use) uses.delete(name);
  uses.set(column, use);
  if (before !== "answer" && use !== "answer") return { ...draft, uses };
  return recount({ ...draft, uses, form: formOf(draft.found, uses, null) });
}

export function withKind(draft: TaskDraft, kind: TaskKind): TaskDraft {
  return recount({ ...draft, form: formOf(draft.found, draft.uses, kind) });
}

/** What stands between several labels in one cell; null where a cell is one label. */
export function withSeparator(draft: TaskDraft, separator: string | null): TaskDraft {
  return recount({ ...draft, form: { ...draft.form, separator } });
}

export function withLabel(
  draft: TaskDraft,
  at: number,
  change: Partial<Pick<DraftLabel, "name" | "description">>,
): TaskDraft {
  return {
    ...draft,
    labels: draft.labels.map((label, place) => (place === at ? { ...label, ...change } : label)),
  };
}

/** Another colour of a label, and of all that have become one with it; null for the one that follows from its place. */
export function withColor(draft: TaskDraft, at: number, color: LabelColor | null): TaskDraft {
  const name = draft.labels[at]?.name.trim();
  const labels = draft.labels.map((label) =>
    label.name.trim() === name && !label.dropped ? { ...label, color } : label,
  );
  return { ...draft, labels };
}

/** The classes of the task, by name, each with its colour: labels of one name are one class. */
export function classesOf({ labels }: Pick<TaskDraft, "labels">): Map<string, LabelColor | null> {
  const classes = new Map<string, LabelColor | null>();
  for (const { name, color, dropped } of labels)
    if (!dropped) classes.set(name.trim(), classes.get(name.trim()) ?? color);
  return classes;
}

/** A label that no text has yet. A name that is there already is not added again. */
export function withNewLabel(draft: TaskDraft, given: string): TaskDraft {
  const name = given.trim();
  if (name === "" || draft.labels.some((label) => label.name.trim() === name)) return draft;
  const label = { found: null, name, description: "", color: null, count: 0, dropped: false };
  return { ...draft, labels: [...draft.labels, label] };
}

/** A label that was added goes; one of the file stays in sight, as one that its texts are left without. */
export function withoutLabel(draft: TaskDraft, at: number): TaskDraft {
  const labels = draft.labels.flatMap((label, place) => {
    if (place !== at) return [label];
    return label.found === null ? [] : [{ ...label, dropped: true }];
  });
  return { ...draft, labels };
}

/** A label of the file that was left out is one again. */
export function withLabelBack(draft: TaskDraft, at: number): TaskDraft {
  const labels = draft.labels.map((label, place) => (place === at ? { ...label, dropped: false } : label));
  return { ...draft, labels };
}

export function withLabelMoved(draft: TaskDraft, from: number, to: number): TaskDraft {
  const label = draft.labels[from];
  if (label === undefined || to < 0 || to >= draft.labels.length) return draft;
  const labels = draft.labels.filter((_, place) => place !== from);
  labels.splice(to, 0, label);
  return { ...draft, labels };
}

/** What stands in the way of a task, in the order in which a page shows it. */
export function obstaclesOf(draft: TaskDraft): Obstacle[] {
  const { kind } = draft.form;
  const found: Obstacle[] = [];
  if (columnOf(draft, "text") === null) found.push("no-text");
  if (draft.name.trim() === "") found.push("blank-name");
  if (kind !== "generation") {
    const names = classesOf(draft);
    if (draft.uncountable || draft.labels.length > mostLabels) found.push("many-labels");
    else if (names.has("")) found.push("blank-label");
    else if (names.size < leastLabels(kind)) found.push("few-labels");
  }
  if (!(draft.testShare > 0 && draft.testShare < 1)) found.push("wrong-share");
  if (/(^|[\\/])$/.test(draft.out)) found.push("blank-file");
  return found;
}

/** What the draft asks for; null where no column is the text. */
export function newTaskOf(draft: TaskDraft): NewTask | null {
  const text = columnOf(draft, "text");
  if (text === null) return null;
  const { found, labels, form } = draft;
  const choices: TaskChoices = {
    ...form,
    text,
    id: columnOf(draft, "id"),
    group: columnOf(draft, "group"),
    split: columnOf(draft, "split"),
  };
  const all =
    form.kind === "generation" ? [] : labels.map((label) => ({ ...label, name: label.name.trim() }));
  const named = all.filter(({ dropped }) => !dropped);
  const instruction = draft.instruction.trim();
  return {
    read: draft.read,
    choices,
    name: draft.name.trim(),
    ...(instruction === "" ? {} : { instruction }),
    labelSet: named.map(({ name }) => name),
    renamed: new Map(
      named.flatMap(({ found: old, name }) => (old === null || old === name ? [] : [[old, name] as const])),
    ),
    dropped: new Set(all.flatMap(({ found: old, dropped }) => (old !== null && dropped ? [old] : []))),
    descriptions: new Map(named.map(({ name, description }) => [name, description.trim()])),
    colors: classesOf(draft),
    ...(draft.baseModel === null ? {} : { baseModel: draft.baseModel }),
    keep: found.columns.flatMap(({ name }) =>
      draft.uses.get(name) === "keep" && !isReserved(name) ? [name] : [],
    ),
    testShare: draft.testShare,
    out: draft.out,
  };
}

/** Columns of a use that only one has. */
const columnOf = (draft: TaskDraft, use: ColumnUse) =>
  [...draft.uses].find(([, other]) => other === use)?.[0] ?? null;

/** How the answers stand in their columns, for a kind or, where that is null, for the one that they speak for. */
function formOf(found: Inspection, uses: TaskDraft["uses"], kind: TaskKind | null): AnswerChoices {
  const names = found.columns.flatMap(({ name }) => (uses.get(name) === "answer" ? [name] : []));
  const form = guessForm(found.columns, names);
  if (kind === null || kind === form.kind) return form;
  return { ...form, kind, flags: form.flags && kind !== "generation", separator: null };
}

/** Labels as the columns have them now; those that were there before keep name, description and place. */
function recount(draft: TaskDraft): TaskDraft {
  if (draft.form.kind === "generation") return { ...draft, uncountable: false };
  const counted = countLabels(draft.found.columns, draft.form);
  const counts = new Map(counted?.map(({ label, count }) => [label, count]));
  const kept = draft.labels.flatMap((label) => {
    if (label.found === null) return counts.has(label.name) ? [] : [label];
    const count = counts.get(label.found);
    return count === undefined ? [] : [{ ...label, count }];
  });
  const known = new Set(kept.map(({ found }) => found));
  const names = joinSpellings(
    counted ?? [],
    kept.map(({ name }) => name),
  );
  const fresh = [...names].flatMap(([label, name]) =>
    known.has(label)
      ? []
      : [{ found: label, name, description: "", color: null, count: counts.get(label)!, dropped: false }],
  );
  return { ...draft, labels: [...kept, ...fresh], uncountable: counted === null };
}
