import { flagOf, labelsOf, listIn, type AnswerChoices } from "./answers";
import type { Column } from "./columns";
import { mostLabels } from "./limits";
import { hasRole, roleOf, type Role } from "./names";

/** What the columns of a file are for. */
export interface TaskChoices extends AnswerChoices {
  text: string;
  /** Column of names of examples; null where Plumb numbers them. */
  id: string | null;
  /** Column of what must stay on one side of a split; null for none. */
  group: string | null;
  /** Column that says who is in the test part; null where Plumb draws it. */
  split: string | null;
}

/** More than this are labels only where the column's whole name says so. */
const usualLabels = 100;
const longestLabel = 60;

/** What columns most likely hold, by their names and what stands in them. Null where no column holds texts. */
export function guessTask(columns: readonly Column[], rows: number): TaskChoices | null {
  const filled = columns.filter((column) => column.filled > 0);
  const text = best(filled, textScore);
  if (text === null) return null;
  const others = filled.filter((column) => column !== text);
  const named = (role: Role, fits: (column: Column) => boolean) =>
    others.find((column) => roleOf(column.name).some((one) => one.role === role && one.full) && fits(column))
      ?.name ?? null;
  const id = named("id", (column) => column.unique && column.filled === rows);
  const split = named("split", splits);
  const group = named("group", (column) => !column.unique && column.name !== split && groups(column, rows));
  const free = others.filter(({ name }) => name !== id && name !== split && name !== group);
  return { text: text.name, id, group, split, ...guessAnswer(free) };
}

/** The kind that the chosen columns speak for, and how the answers are written in them. */
export function guessForm(columns: readonly Column[], names: readonly string[]): AnswerChoices {
  const chosen = names.flatMap((name) => columns.filter((column) => column.name === name));
  const labels = [...names];
  if (chosen.length > 1 && chosen.every(isFlag))
    return { kind: "multi", labels, flags: true, separator: null };
  if (chosen.length === 1 && chosen[0]!.values === null)
    return { kind: "generation", labels, flags: false, separator: null };
  if (chosen.length === 1 && isTarget(chosen[0]!))
    return { kind: "generation", labels, flags: false, separator: null };
  const separator = chosen.map(separatorOf).find((found) => found !== null) ?? null;
  const several = chosen.length > 1 || separator !== null || chosen.some(hasLists);
  return { kind: several ? "multi" : "single", labels, flags: false, separator };
}

function guessAnswer(columns: readonly Column[]): AnswerChoices {
  const flags = columns.filter((column) => isFlag(column) && !hasRole(column.name, "other"));
  const named = columns.filter(({ name }) => hasRole(name, "label"));
  const labelled = best(
    named.filter((column) => canBeLabels(column)),
    labelScore,
  );
  if (flags.length >= 2 && (labelled === null || flags.includes(labelled)))
    return guessForm(
      columns,
      flags.map(({ name }) => name),
    );
  if (labelled !== null) return guessForm(columns, [labelled.name]);
  const target = columns.find(
    (column) => roleOf(column.name).some(({ role }) => role === "target") && column.unique,
  );
  if (target !== undefined)
    return { kind: "generation", labels: [target.name], flags: false, separator: null };
  const rest = columns.filter(
    (column) => canBeLabels(column) && !hasRole(column.name, "other") && !hasRole(column.name, "id"),
  );
  const found = best(
    rest.filter(({ name, values }) => !hasRole(name, "group") && (values?.length ?? 0) <= 30),
    labelScore,
  );
  if (found !== null) return guessForm(columns, [found.name]);
  return { kind: "single", labels: [], flags: false, separator: null };
}

function best(columns: readonly Column[], score: (column: Column) => number): Column | null {
  let found: Column | null = null;
  let most = 0;
  for (const column of columns) {
    const points = score(column);
    if (points <= most) continue;
    found = column;
    most = points;
  }
  return found;
}

/** Texts are long, with blanks between words, and differ; a name helps. */
function textScore(column: Column): number {
  const blanks =
    column.samples.filter((sample) => /\s/.test(sample)).length / Math.max(1, column.samples.length);
  const different = column.values === null ? 1 : column.values.length / column.filled;
  let score = Math.log2(1 + column.meanLength) * (0.3 + blanks) * (0.2 + different);
  for (const { role, full } of roleOf(column.name)) {
    if (role === "text") score *= full ? 3 : 1.5;
    else if (role === "id" || role === "other") score *= 0.3;
    else score *= 0.5;
  }
  return score;
}

/** Few values that come again and again. */
function labelScore(column: Column): number {
  const values = column.values ?? [];
  let score = 1 / (1 + values.length / Math.max(1, column.filled)) + 1 / (10 + values.length);
  for (const { role, full } of roleOf(column.name)) if (role === "label") score *= full ? 3 : 2;
  return score;
}

function canBeLabels(column: Column): boolean {
  const { values, filled, meanLength } = column;
  if (values === null || meanLength > longestLabel) return false;
  const separator = separatorOf(column);
  const labels = new Set(values.flatMap(({ cell }) => labelsOf(cell, separator) ?? []));
  // A single one, where there is no other yet.
  const named = roleOf(column.name).some(({ role, full }) => role === "label" && full);
  if (labels.size < (named ? 1 : 2)) return false;
  if (labels.size > usualLabels) return named && labels.size <= Math.min(mostLabels, filled / 2);
  // A file with few rows has labels that stand there once.
  return labels.size <= filled / 2 || hasRole(column.name, "label");
}

function isFlag({ values }: Column): boolean {
  return (
    values !== null &&
    values.length <= 4 &&
    values.length > 0 &&
    values.every(({ cell }) => flagOf(cell) !== null)
  );
}

const isTarget = ({ name, unique, meanLength, filled }: Column) =>
  (hasRole(name, "target") && unique && filled > 1) || (unique && filled > 20 && meanLength > longestLabel);

const splits = ({ values }: Column) =>
  values !== null &&
  values.length <= 4 &&
  values.some(({ cell }) => typeof cell === "string" && partOf(cell) === "test") &&
  values.every(({ cell }) => typeof cell === "string" && partOf(cell) !== null);

/**
 * Of a few groups that are each a good part of the file no test part can be made as large as it is asked for: such a column
 * tells kinds of texts, not who wrote them. One that is empty in a row binds that row to nothing.
 */
const groups = ({ values }: Column, rows: number) =>
  values === null || values.every(({ count }) => count <= Math.max(mostOfGroup * rows, smallGroup));
const mostOfGroup = 0.1;
/** So many texts of one author are no kind of texts, however short the file is. */
const smallGroup = 3;

/** The side of a split that a value names; a piece for choosing settings belongs to the training part. */
export function partOf(value: string): "train" | "test" | null {
  const plain = value.trim().toLowerCase();
  if (plain === "test") return "test";
  return ["train", "training", "dev", "val", "valid", "validation"].includes(plain) ? "train" : null;
}

const hasLists = ({ values }: Column) =>
  values?.some(
    ({ cell }) => cell !== null && (typeof cell === "string" ? listIn(cell) !== null : cell.length > 1),
  ) === true;

/** What stands between labels of one value: parts then come again in other values. Null where values are whole. */
export function separatorOf({ values }: Column): string | null {
  if (values === null) return null;
  const texts = values.flatMap(({ cell, count }) =>
    typeof cell === "string" && listIn(cell) === null ? [{ text: cell, count }] : [],
  );
  for (const separator of [";", "|", "#", "\n", ","]) {
    const split = texts.filter(({ text }) => text.includes(separator));
    if (split.length === 0) continue;
    const parts = new Map<string, number>();
    for (const { text, count } of texts)
      for (const part of text.split(separator).map((one) => one.trim()))
        parts.set(part, (parts.get(part) ?? 0) + count);
    parts.delete("");
    const again = [...parts].filter(
      ([part, count]) => count > 1 || texts.some(({ text }) => text.trim() === part),
    );
    const short = [...parts.keys()].every((part) => part.length <= longestLabel);
    if (short && parts.size <= usualLabels && again.length >= 0.6 * parts.size && parts.size > 1)
      return separator;
  }
  return null;
}
