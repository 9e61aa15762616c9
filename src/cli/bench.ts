import path from "node:path";
import type { Command } from "commander";
import { cellsOf } from "../core/bench/cells";
import { renderMarkdown, stateText } from "../core/bench/render";
import { readSuite } from "../core/bench/suite";
import { writeTables } from "../core/bench/write";
import { openBaseModel, resolveBaseModel } from "../core/model";
import { duration } from "../core/report/format";
import { expectedCells, runCellsHere, saidExpected } from "./bench-cells";
import { addEngineOptions, count, engineWishes, type EngineFlags } from "./options";
import { EXIT } from "./run-worker";

interface BenchFlags extends EngineFlags {
  out?: string;
  dryRun?: true;
  tables?: true;
  retry?: true;
  json?: true;
}

/** `plumb bench`: methods and base models side by side, on many tasks. */
export function register(program: Command): void {
  const command = program
    .command("bench")
    .summary("compare methods and base models on many tasks")
    .description(
      "Tunes every task of a suite with every base model, method, regime and seed, and makes tables with intervals and costs. Stop it with Ctrl-C and start it again: it goes on where it was, skips what is done and does anew what changed. Several may work on one suite at once.",
    )
    .argument("<suite>", "suite file (docs/bench.md)")
    .option("--out <folder>", "folder of runs and tables (default: the suite's name with .results)")
    .option("--dry-run", "list the cells with the time that each is expected to take, and run nothing")
    .option("--tables", "make the tables of what is done, and run nothing")
    .option("--retry", "do cells again that have failed")
    .option("--json", "print the tables (or the cells, with --dry-run) as JSON");
  addEngineOptions(command)
    .option("--micro-batch <tokens>", "most tokens computed at once (default: what fits into memory)", count)
    .addHelpText(
      "after",
      `
Examples:
  plumb bench suite.json --dry-run
  plumb bench suite.json

Standard output: the tables in Markdown. Exit code: 0 all cells done, 1 refused or cells failed, 130 stopped and saved.`,
    )
    .action(bench);
}

async function bench(file: string, flags: BenchFlags): Promise<void> {
  const suite = await readSuite(file);
  const out = path.resolve(flags.out ?? file.replace(/\.json$/, "") + ".results");
  const cells = await cellsOf(suite, engineWishes(flags), { openBaseModel, resolveBaseModel });
  if (flags.dryRun === true) {
    const all = await expectedCells(out, cells);
    const rows = all.map(({ cell, result, seconds, measured }) => ({
      cell: cell.id,
      status: result?.status ?? "to do",
      ...{ seconds, measured },
    }));
    process.stdout.write(
      flags.json === true
        ? `${JSON.stringify(rows)}\n`
        : [
            ...rows.map(({ cell, status, seconds }) =>
              status === "to do" ? `${cell}  about ${duration(seconds)}\n` : `${cell}  ${status}\n`,
            ),
            `${saidExpected(all)}\n`,
          ].join(""),
    );
    return;
  }
  const end =
    flags.tables === true
      ? { paused: false, busy: 0 }
      : await runCellsHere(out, cells, flags.retry === true, async () => {
          await writeTables(out, suite, cells);
        });
  const tables = await writeTables(out, suite, cells);
  process.stdout.write(flags.json === true ? `${JSON.stringify(tables)}\n` : renderMarkdown(tables));
  process.stderr.write(`\n${stateText(tables)} Tables: ${path.join(out, "tables.html")}\n`);
  if (end.busy > 0) process.stderr.write(`${end.busy} cells are in another process's hands.\n`);
  if (end.paused) process.exitCode = EXIT.interrupted;
  else if (tables.failed.length > 0) process.exitCode = EXIT.failed;
}
