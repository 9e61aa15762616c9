import path from "node:path";
import type { Command } from "commander";
import { renderAblationText } from "../core/bench/ablation-page";
import { ablationSuite, writeAblation } from "../core/bench/ablation-task";
import { cellsOf } from "../core/bench/cells";
import { openBaseModel, resolveBaseModel } from "../core/model";
import { finishCells } from "./bench-cells";
import { addEngineOptions, count, engineWishes, seedList, type EngineFlags } from "./options";
import { EXIT } from "./run-worker";

interface AblateFlags extends EngineFlags {
  seeds: number[];
  base?: string;
  steps?: number;
  trainLimit?: number;
  out?: string;
  retry?: true;
  json?: true;
}

/** `plumb ablate`: which part of the method carries the gain? */
export function register(program: Command): void {
  const command = program
    .command("ablate")
    .summary("find out which part of P-tuning & bias carries the gain")
    .description(
      "Tunes the prompt vectors alone, the biases alone, the vectors with the biases of attention or of the MLP, and all together, on the same texts, and says how far each group of biases moved. Stop it with Ctrl-C and start it again: it goes on where it was.",
    )
    .argument("<task>", "task file (*.plumb.json)")
    .option("--seeds <list>", "seeds, each a run of every part", seedList, [0, 1])
    .option("--base <model>", "base model: a name or a path (default: the task's, else the default model)")
    .option("--steps <number>", "steps of each run (default: by the number of examples)", count)
    .option("--train-limit <number>", "learn from this many examples only, drawn anew by each seed", count)
    .option("--out <folder>", "folder of runs and page (default: .plumb/ablation beside the task)")
    .option("--retry", "do runs again that have failed")
    .option("--json", "print the ablation as JSON");
  addEngineOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  plumb ablate messages.plumb.json
  plumb ablate messages.plumb.json --seeds 0,1,2 --train-limit 100

Standard output: the ablation as text, or JSON with --json; ablation.html in the folder shows it. Exit code: 0 done,
1 refused or failed, 130 stopped and saved.`,
    )
    .action(ablate);
}

async function ablate(task: string, flags: AblateFlags): Promise<void> {
  const suite = await ablationSuite(path.resolve(task), {
    seeds: flags.seeds,
    ...(flags.base === undefined ? {} : { base: flags.base }),
    ...(flags.steps === undefined ? {} : { steps: flags.steps }),
    ...(flags.trainLimit === undefined ? {} : { trainLimit: flags.trainLimit }),
  });
  const out = path.resolve(flags.out ?? path.join(path.dirname(task), ".plumb", "ablation"));
  const cells = await cellsOf(suite, engineWishes(flags), { openBaseModel, resolveBaseModel });
  if (!(await finishCells(out, cells, flags.retry === true))) return;
  const { ablation, page } = await writeAblation(out, cells);
  process.stdout.write(flags.json === true ? `${JSON.stringify(ablation)}\n` : renderAblationText(ablation));
  process.stderr.write(`\nPage: ${page}\n`);
  if (ablation.failed.length > 0) process.exitCode = EXIT.failed;
}
