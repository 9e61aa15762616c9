import path from "node:path";
import type { Command } from "commander";
import { renderReportText } from "../core/report";
import { Report } from "../core/schema";
import { RUN_FILES } from "../core/tuning/run-folder";
import { addEngineOptions, engineWishes, type EngineFlags } from "./options";
import { EXIT, runInWorker } from "./run-worker";
import { reportWidth } from "./terminal";

interface EvalFlags extends EngineFlags {
  task?: string;
  base?: string;
  out?: string;
  json?: true;
}

/** `plumb eval`: an adapter on a test part. */
export function register(program: Command): void {
  const command = program
    .command("eval")
    .summary("test an adapter on labelled examples")
    .description(
      "Scores the test part of a run's own task, or of another task with the same labels, and says what is right. Counts as a look at that test part.",
    )
    .argument("<run>", "run folder or adapter file")
    .option("--task <task>", "task file whose test part is scored (default: the run's own)")
    .option("--base <model>", "base model: a name or a path (default: the run's own)")
    .option("--out <folder>", "write report.html, report.json and predictions.jsonl there")
    .option("--json", "print the report as JSON");
  addEngineOptions(command)
    .addHelpText(
      "after",
      `
Example:
  plumb eval .plumb/runs/2026-01-31T09-00-00Z-ptuning-bias --task other.plumb.json --out other-report

Standard output: the figures, or the report with --json. Exit code: 0 done, 1 refused or failed, 130 interrupted.`,
    )
    .action(async (run: string, flags: EvalFlags) => {
      const end = await runInWorker(
        {
          type: "eval",
          adapter: path.resolve(run),
          engine: engineWishes(flags),
          ...(flags.task === undefined ? {} : { task: path.resolve(flags.task) }),
          ...(flags.base === undefined ? {} : { base: flags.base }),
          ...(flags.out === undefined ? {} : { out: path.resolve(flags.out) }),
        },
        null,
        { quiet: flags.json === true },
      );
      if (end.kind === "paused") {
        process.exitCode = EXIT.interrupted;
        return;
      }
      const report = Report.parse(end.result.report);
      process.stdout.write(
        flags.json === true
          ? `${JSON.stringify(report)}\n`
          : renderReportText(report, reportWidth(process.stdout)),
      );
      if (flags.out !== undefined) process.stderr.write(`Report: ${path.join(flags.out, RUN_FILES.page)}\n`);
    });
}
