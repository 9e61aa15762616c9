import { readFileSync } from "node:fs";
import path from "node:path";
import { read, type Cell, type ReadChoices, type ReadItem } from "../../../src/core/import";

export const fixtures = path.join(__dirname, "../../fixtures/import");
export const fixture = (name: string) => path.join(fixtures, name);

/** The tables that test/fixtures/import_files.py wrote into the fixtures. */
export const expected = JSON.parse(readFileSync(fixture("expected.json"), "utf8")) as Record<
  "rows" | "russian",
  string[][]
> &
  Record<"header" | "headerRussian", string[]>;

export async function itemsOf(file: string, choices: ReadChoices = {}): Promise<ReadItem[]> {
  const items: ReadItem[] = [];
  for await (const item of read(file, choices)) items.push(item);
  return items;
}

/** Rows of a file as plain objects, and what was told, as `line: code`. */
export async function readAll(
  file: string,
  choices: ReadChoices = {},
): Promise<{ rows: Record<string, Cell>[]; lines: number[]; told: string[] }> {
  const items = await itemsOf(file, choices);
  const rows = items.flatMap((item) => (item.type === "row" ? [item.row] : []));
  const told = items.flatMap((item) =>
    item.type === "problem" ? [`${item.problem.line ?? "-"}: ${item.problem.code}`] : [],
  );
  return {
    rows: rows.map(({ cells }) => Object.fromEntries(cells)),
    lines: rows.map(({ line }) => line),
    told,
  };
}

/** A table of texts as records. */
export const asRecords = (header: readonly string[], rows: readonly (readonly string[])[]) =>
  rows.map((row) => Object.fromEntries(header.map((name, at) => [name, row[at] ?? null])));
