import { mkdir } from "node:fs/promises";
import path from "node:path";
import { writeFileAtomic } from "../files";
import type { Measures } from "../schema";
import { RUN_FILES, writing } from "../tuning/run-folder";
import type { Cell } from "./cells";
import { renderBenchPage } from "./page";
import { renderCsv, renderMarkdown } from "./render";
import { DEFAULT_MEASURES, resultOf } from "./result";
import { readReport, readResult, runOf } from "./run-cells";
import type { OpenedSuite } from "./suite";
import { tablesOf, type Ended, type Tables } from "./tables";

/** Cells with what is known of each. */
export async function readCells(out: string, cells: readonly Cell[]): Promise<Ended[]> {
  return Promise.all(cells.map(async (cell) => ({ cell, result: await readResult(out, cell) })));
}

/** The same by other measures, which the reports of the runs have. */
async function measuredBy(out: string, ended: readonly Ended[], measures: Measures): Promise<Ended[]> {
  if (JSON.stringify(measures) === JSON.stringify(DEFAULT_MEASURES)) return [...ended];
  return Promise.all(
    ended.map(async ({ cell, result }) => ({
      cell,
      result:
        result?.status === "done"
          ? resultOf(await readReport(path.join(runOf(out, cell), RUN_FILES.report)), measures)
          : result,
    })),
  );
}

/** Writes tables.md, tables.csv, tables.html and tables.json from what is done so far. */
export async function writeTables(
  out: string,
  suite: Pick<OpenedSuite, "name" | "regimes" | "measures">,
  cells: readonly Cell[],
): Promise<Tables> {
  const ended = await measuredBy(out, await readCells(out, cells), suite.measures);
  const tables = tablesOf(suite, ended);
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
