import { roleOf } from "./names";
import type { Cell, Fault, RawItem } from "./types";
import { say } from "../say";

const mostTitles = 20;
/** Names of columns are shorter than texts. */
const longestName = 80;

/** How the rows of a table are to be taken. */
export interface TableShape {
  /** Rows above the header that hold a title and no values. */
  titles: number;
  header: boolean;
  columns: string[];
}

/**
 * Finds title lines and the header in the first rows of a table.
 * @param header Whether there is one, where that is known.
 * @param aligned Whether a row ends at its last cell that holds something, as in a spreadsheet: that it is short says nothing then.
 */
export function shapeOf(
  rows: readonly (readonly Cell[])[],
  header: boolean | undefined,
  aligned: boolean,
): TableShape {
  const width = mode(rows.slice(1).map((row) => row.length)) ?? rows[0]?.length ?? 0;
  const filled = mode(rows.slice(1).map(countFilled)) ?? 0;
  const isBare = (row: readonly Cell[]) => countFilled(row) <= filled / 2;
  /** A title says that a header is due, unless the row it stands in may be one of several texts without a label. */
  const share = (body: readonly (readonly Cell[])[], titled: boolean) =>
    titled && !body.some(isBare) ? 2 : 4;
  /** A row above the table: few of its cells hold something, and it is shorter, or the header comes below. */
  const isTitle = (at: number) => {
    const row = rows[at]!;
    if (width < 2 || filled < 2 || !isBare(row)) return false;
    if (row.length < width && !aligned) return true;
    const later = rows.slice(at + 1, at + 1 + mostTitles);
    return later.some((one) => one.filter(isKnownName).length >= 2) || isPaddedTitle(at);
  };
  /** In a spreadsheet, also one saved as text, a title is filled up with empty cells; so looks a first text that has no label yet. */
  const isPaddedTitle = (at: number) => {
    const [title = null, ...others] = rows[at]!;
    if (isKnownName(title) || countFilled(others) > 0) return false;
    const below = rows.findIndex((row, later) => later > at && !isBare(row));
    const head = rows[below] ?? [];
    const body = rows.slice(below + 1);
    return header === true ? canBeHeader(head, body) : isHeader(head, body, share(body, true));
  };
  let titles = 0;
  while (titles < Math.min(mostTitles, rows.length - 1) && isTitle(titles)) titles++;
  const head = rows[titles] ?? [];
  const body = rows.slice(titles + 1);
  const hasHeader = header ?? isHeader(head, body, share(body, titles > 0));
  const columns = nameColumns(hasHeader ? head : [], Math.max(hasHeader ? trimmedLength(head) : 0, width));
  return { titles: header === false ? 0 : titles, header: hasHeader, columns };
}

/** Whether nothing speaks against a header: names that differ, and none of them a value in its own column. */
function canBeHeader(head: readonly Cell[], body: readonly (readonly Cell[])[]): boolean {
  const isName = (cell: Cell, at: number) =>
    typeof cell === "string" &&
    cell.length <= longestName &&
    !isNumber(cell) &&
    !body.some((row) => row[at] === cell);
  return (
    new Set(head).size === head.length &&
    head.every((cell, at) => cell === null || cell === "" || isName(cell, at))
  );
}

/** @param repeats How often each value of a column stands there on average at least, for its name to be known by that. */
function isHeader(head: readonly Cell[], body: readonly (readonly Cell[])[], repeats: number): boolean {
  const names = head.filter((cell) => cell !== null && cell !== "");
  if (names.length === 0 || names.some((cell) => typeof cell !== "string" || cell.length > longestName))
    return false;
  if (
    head.some(
      (cell, at) => typeof cell === "string" && isKnownName(cell) && !body.some((row) => row[at] === cell),
    )
  )
    return true;
  if (names.some((cell) => isNumber(cell))) return false;
  if (new Set(names).size < names.length || body.length === 0) return false;
  let speaks = 0;
  head.forEach((name, at) => {
    const values = body
      .map((row) => row[at] ?? null)
      .filter((cell): cell is string => typeof cell === "string" && cell !== "");
    // Only the numbers of rows, in the first column, go without a name.
    if (values.length === 0 || typeof name !== "string" || (name === "" && at > 0)) return;
    if (values.includes(name)) speaks -= 2;
    else if (values.every(isNumber)) speaks += 2;
    else if (values.reduce((sum, value) => sum + value.length, 0) / values.length > 3 * name.length + 10)
      speaks++;
    else if (new Set(values).size <= values.length / repeats) speaks++;
  });
  return speaks > 0;
}

const isKnownName = (cell: Cell) =>
  typeof cell === "string" && cell.length <= longestName && roleOf(cell).some(({ full }) => full);
const isNumber = (cell: Cell) => typeof cell === "string" && /^\s*[+-]?\d+(?:[.,]\d+)?\s*$/.test(cell);
const countFilled = (row: readonly Cell[]) => row.filter((cell) => cell !== null && cell !== "").length;

/** Length of a header without the empty cells at its end. */
function trimmedLength(row: readonly Cell[]): number {
  let length = row.length;
  while (length > 0 && (row[length - 1] === null || row[length - 1] === "")) length--;
  return length;
}

function mode(numbers: readonly number[]): number | null {
  const counts = new Map<number, number>();
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1);
  let best: number | null = null;
  for (const [number, count] of counts) if (best === null || count > counts.get(best)!) best = number;
  return best;
}

/** Every column has a name of its own. */
function nameColumns(head: readonly Cell[], width: number): string[] {
  const taken = new Set<string>();
  return Array.from({ length: width }, (_, at) => {
    const given = head[at];
    const name =
      (typeof given === "string" ? given.trim() : "") ||
      (width === 1 && head.length === 0 ? "text" : `column ${at + 1}`);
    let unique = name;
    for (let n = 2; taken.has(unique); n++) unique = `${name} (${n})`;
    taken.add(unique);
    return unique;
  });
}

/**
 * A table's row by the names of its columns.
 * @param aligned Whether a cell's column is certain (a spreadsheet), so that cells beyond the header are columns too. In
 *   delimited text they say that the row has come apart.
 */
export function nameCells(
  item: RawItem & { value: readonly Cell[] },
  columns: readonly string[],
  aligned: boolean,
): { cells: Map<string, Cell> | null; faults: Fault[] } {
  const { value, line } = item;
  const faults: Fault[] = [];
  const length = trimmedLength(value);
  if (length > columns.length && !aligned) {
    const message = say`${length} values where ${columns.length} were expected; the row was left out. A delimiter or a line break in it may not be in quotes.`;
    return { cells: null, faults: [{ line, severity: "error", code: "ragged", message }] };
  }
  if (value.length < columns.length && !aligned) {
    const message =
      value.length === 1
        ? say`only one value where ${columns.length} were expected; the others count as empty.`
        : say`${value.length} values where ${columns.length} were expected; the others count as empty.`;
    faults.push({ line, severity: "warning", code: "ragged", message });
  }
  const cells = new Map<string, Cell>();
  columns.forEach((name, at) => cells.set(name, value[at] ?? null));
  for (let at = columns.length; at < length; at++) {
    const cell = value[at] ?? null;
    if (cell !== null) cells.set(`column ${at + 1}`, cell);
  }
  return { cells, faults };
}
