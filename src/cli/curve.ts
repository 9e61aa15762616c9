import path from "node:path";
import { Option, type Command } from "commander";
import { cellsOf } from "../core/bench/cells";
import { curveOf, curveSuite } from "../core/bench/curve-task";
import { renderCurveText } from "../core/bench/curve-page";
import { openBaseModel, resolveBaseModel } from "../core/model";
import { MethodName } from "../core/schema";
import { finishCells } from "./bench-cells";
import { addEngineOptions, count, engineWishes, seedList, type EngineFlags } from "./options";
import { EXIT } from "./run-worker";

interface CurveFlags extends EngineFlags {
  sizes?: (number | "all")[];
  seeds: number[];
  method?: MethodName;
  base?: string;
  steps?: number;
  out?: string;
  retry?: true;
  json?: true;
}

const sizes = (value: string): (number | "all")[] =>
  value.split(",").map((part) => (part.trim() === "all" ? "all" : count(part)));

/** `plumb curve`: would more labels pay? */
export function register(program: Command): void {
  const command = program
    .command("curve")
    .summary("find out whether more labels are likely to pay, and of which class")
    .description(
      "Tunes on growing parts of the training examples, always tested on the same texts, fits a curve and says whether fifty more labels are likely to pay. Stop it with Ctrl-C and start it again: it goes on where it was.",
    )
    .argument("<task>", "task file (*.plumb.json)")
    .option("--sizes <list>", "training examples, such as 50,100,200,all (default: doubling from 50)", sizes)
    .option("--seeds <list>", "seeds, each draws its own parts", seedList, [0, 1])
    .addOption(
      new Option("--method <name>", "what trains (default: the task's, else ptuning-bias)").choices(
        MethodName.options,
      ),
    )
    .option("--base <model>", "base model: a name or a path (default: the task's, else the default model)")
    .option("--steps <number>", "steps of each run (default: by the number of examples)", count)
    .option("--out <folder>", "folder of runs and page (default: .plumb/curve beside the task)")
    .option("--retry", "do runs again that have failed")
    .option("--json", "print the curve as JSON");
  addEngineOptions(command)
    .addHelpText(
      "after",
      `
Example:
  plumb curve messages.plumb.json --sizes 50,100,200,all --seeds 0,1,2

Standard output: the curve as text, or JSON with --json; curve.html in the folder shows it. Exit code: 0 done,
1 refused or failed, 130 stopped and saved.`,
    )
    .action(curve);
}

async function curve(task: string, flags: CurveFlags): Promise<void> {
  const suite = await curveSuite(path.resolve(task), {
    seeds: flags.seeds,
    ...(flags.sizes === undefined ? {} : { sizes: flags.sizes }),
    ...(flags.method === undefined ? {} : { method: flags.method }),
    ...(flags.base === undefined ? {} : { base: flags.base }),
    ...(flags.steps === undefined ? {} : { steps: flags.steps }),
  });
  const out = path.resolve(flags.out ?? path.join(path.dirname(task), ".plumb", "curve"));
  const cells = await cellsOf(suite, engineWishes(flags), { openBaseModel, resolveBaseModel });
  if (!(await finishCells(out, cells, flags.retry === true))) return;
  const { curve: found, page, failed } = await curveOf(out, cells);
  for (const { cell, reason } of failed) process.stderr.write(`Left out, failed: ${cell}: ${reason}\n`);
  process.stdout.write(
    flags.json === true ? `${JSON.stringify({ ...found, failed })}\n` : renderCurveText(found),
  );
  process.stderr.write(`\nPage: ${page}\n`);
  if (failed.length > 0) process.exitCode = EXIT.failed;
}
