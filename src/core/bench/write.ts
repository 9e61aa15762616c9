import { mkdir } from "node:fs/promises";
import path from "node:path";
import { writeFileAtomic } from "../files";
import { writing } from "../tuning/run-folder";
import type { Cell } from "./cells";
import { renderBenchPage } from "./page";
import { renderCsv, renderMarkdown } from "./render";
import { readResult } from "./run-cells";
import { tablesOf, type Ended, type Tables } from "./tables";

/** Cells with what is known of each. */
export async function readCells(out: string, cells: readonly Cell[]): Promise<Ended[]> {
  return Promise.all(cells.map(async (cell) => ({ cell, result: await readResult(out, cell) })));
}

/** Writes tables.md, tables.csv, tables.html and tables.json from what is done so far. */
export async function writeTables(
  out: string,
  suite: { readonly name: string; readonly regimes: Parameters<typeof tablesOf>[1] },
  cells: readonly Cell[],
): Promise<Tables> {
  const tables = tablesOf(suite.name, suite.regimes, await readCells(out, cells));
  await writing(out, () => mkdir(out, { recursive: true }));
  const files = {
    "tables.md": renderMarkdown(tables),
    "tables.csv": renderCsv(tables),
    "tables.html": renderBenchPage(tables),
    "tables.json": `${JSON.stringify(tables, null, 2)}\n`,
  };
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(out, name);
    await writing(file, () => writeFileAtomic(file, content));
  }
  return tables;
}
