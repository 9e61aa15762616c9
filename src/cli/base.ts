import path from "node:path";
import type { Command } from "commander";
import type { BaseLook } from "../core/schema";
import type { FromWorker, Job } from "../core/tuning/protocol";
import { addEngineOptions, count, engineWishes, optimizerOption, type EngineFlags } from "./options";
import { EXIT, runInWorker } from "./run-worker";
import { shellWord } from "../core/shell";

interface TrainFlags extends EngineFlags {
  out?: string;
  resume?: string;
  dryRun?: true;
  json?: true;
}

/** `plumb base`: a base model of one's own. */
export function register(program: Command): void {
  const base = program
    .command("base")
    .summary("train a base model on many tasks, once, or write one in bfloat16")
    .description(
      "Makes base models in Hugging Face form, which Plumb, transformers and llama.cpp's converter read.",
    );
  base.addHelpText(
    "after",
    `
Example:
  plumb base train tasks.base-training.json --out my-base`,
  );
  registerTrain(base);
  registerExport(base);
}

function registerTrain(base: Command): void {
  const command = base
    .command("train")
    .summary("train all parameters of a base model on a list of tasks")
    .description(
      "Trains all parameters of a base model on many tasks together, once, and writes a model in Hugging Face form. Leaves out what stands in the benchmarks that the list names, shows the quality of every task's held-out part, and stops when their mean no longer rises. Ctrl-C saves; --resume goes on to the same result.",
    )
    .argument("[list]", "list of tasks (docs/base-training.md)")
    .option("--out <folder>", "folder of the new model; a new or an empty one")
    .option("--resume <folder>", "go on with a training that was stopped; takes no other option but --json")
    .option("--dry-run", "compare with the benchmarks, say what it would cost, and train nothing")
    .option("--json", "print events as JSON lines on standard output");
  addEngineOptions(command)
    .option("--micro-batch <tokens>", "most tokens computed at once (default: what fits into memory)", count)
    .addOption(optimizerOption("moments of 32 bits, or of 8"))
    .addHelpText(
      "after",
      `
Examples:
  plumb base train tasks.base-training.json --out my-base --dry-run
  plumb base train tasks.base-training.json --out my-base
  plumb tune messages.plumb.json --base my-base

Standard output: the folder, or JSON lines with --json. Exit code: 0 done, 1 refused or failed, 2 wrong usage,
130 stopped and saved.`,
    )
    .action((list: string | undefined, flags: TrainFlags) =>
      run(trainJob(list, flags, command), flags.json === true),
    );
}

function registerExport(base: Command): void {
  base
    .command("export")
    .summary("write a base model in Hugging Face form, in bfloat16")
    .description(
      "Writes the weights of a base model as Plumb reads them (dequantised where they are quantised) in Hugging Face form and bfloat16: the same form in which a trained base is written, so that nothing but the training differs between the two.",
    )
    .argument("[model]", "base model: a name or a path (default: the default model)")
    .requiredOption("--out <folder>", "folder of the new model; a new or an empty one")
    .addHelpText("after", "\nExample:\n  plumb base export --out plain-base")
    .action((model: string | undefined, { out }: { out: string }) =>
      run(
        { type: "base-export", out: path.resolve(out), ...(model === undefined ? {} : { base: model }) },
        false,
      ),
    );
}

function trainJob(list: string | undefined, flags: TrainFlags, command: Command): Job {
  const usage = (message: string) => command.error(`error: ${message}`, { exitCode: EXIT.usage });
  if (flags.resume !== undefined) {
    const others = command.options
      .map((option) => option.attributeName())
      .filter((name) => command.getOptionValueSource(name) === "cli" && !["json", "resume"].includes(name));
    if (list !== undefined || others.length > 0)
      usage("--resume goes on with the settings of the training; give no list and no other option");
    return { type: "base-resume", folder: path.resolve(flags.resume) };
  }
  if (list === undefined) usage("name a list of tasks, or a folder with --resume");
  if (flags.out === undefined) usage("name the folder of the new model with --out");
  return {
    type: "base-train",
    list: path.resolve(list!),
    out: path.resolve(flags.out!),
    engine: engineWishes(flags),
    ...(flags.dryRun === true ? { dryRun: true } : {}),
  };
}

async function run(job: Job, json: boolean): Promise<void> {
  const print = (event: unknown) => process.stdout.write(`${JSON.stringify(event)}\n`);
  let first: BaseLook | null = null;
  const listen = (message: FromWorker) => {
    if (json) print(message);
    else if (message.type === "look") {
      process.stderr.write(`\n${lookText(message.look, first)}\n`);
      first ??= message.look;
    }
  };
  const end = await runInWorker(job, listen, { quiet: json });
  if (end.kind === "paused") {
    if (json) print({ type: "paused", folder: end.folder, step: end.step });
    process.stderr.write(
      `Saved after step ${end.step}. Go on with:\n  plumb base train --resume ${shellWord(end.folder)}\n`,
    );
    process.exitCode = EXIT.interrupted;
    return;
  }
  if (json) print({ type: "done", ...end.result });
  else if (end.result.folder !== null) process.stdout.write(`${end.result.folder}\n`);
}

/** Quality of each task at a look, with how far it is from the first one. */
export function lookText(look: BaseLook, first: BaseLook | null): string {
  const width = Math.max(4, ...look.tasks.map(({ name }) => name.length));
  const line = (name: string, quality: number, loss: number, before: number | undefined) => {
    const change =
      before === undefined ? "" : `  ${quality < before ? "-" : "+"}${Math.abs(quality - before).toFixed(3)}`;
    return `  ${name.padEnd(width)}  ${quality.toFixed(3)}${change}  loss ${loss.toFixed(3)}`;
  };
  const before = new Map(first?.tasks.map(({ name, quality }) => [name, quality]));
  return [
    `Held-out quality after ${look.step} steps:`,
    ...look.tasks.map(({ name, quality, loss }) => line(name, quality, loss, before.get(name))),
    line("mean", look.quality, look.loss, first?.quality),
  ].join("\n");
}
