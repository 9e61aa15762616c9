import path from "node:path";
import { Option, type Command } from "commander";
import { PlumbError } from "../core/errors";
import { renderReportText } from "../core/report";
import { Balance, MethodName, PromptEncoder, Report } from "../core/schema";
import { defaultRates, FULL_RATE, LORA } from "../core/tuning/methods";
import type { FromWorker, Job } from "../core/tuning/protocol";
import type { TuningOptions } from "../core/tuning/settings";
import { keepsExamples, RUN_FILES } from "../core/tuning/run-folder";
import {
  addEngineOptions,
  batchSize,
  biasStart,
  count,
  engineWishes,
  heldOutShare,
  learningRate,
  linearMaps,
  optimizerOption,
  dropout,
  positive,
  rank,
  start,
  wholeNumber,
  type EngineFlags,
} from "./options";
import { EXIT, runInWorker } from "./run-worker";
import { reportWidth } from "./terminal";
import { shellWord } from "../core/shell";

interface TuneFlags extends EngineFlags {
  method?: MethodName;
  base?: string;
  seed?: number;
  steps?: number;
  batch?: number;
  promptLength?: number;
  promptRate?: number;
  biasRate?: number;
  biases?: TuningOptions["biases"];
  promptEncoder?: PromptEncoder;
  loraRank?: number;
  loraAlpha?: number;
  loraDropout?: number;
  loraRate?: number;
  fullRate?: number;
  start?: TuningOptions["start"];
  biasStart?: TuningOptions["biasStart"];
  balance?: Balance;
  heldOut?: number;
  patience?: number;
  evaluateEvery?: number;
  maxTokens?: number;
  folds?: number;
  trainLimit?: number;
  resume?: string;
  probe?: boolean;
  json?: true;
  out?: string;
  dumpPlan?: string;
}

/** `plumb tune`: from labelled examples to an adapter and a report. */
export function register(program: Command): void {
  const command = program
    .command("tune")
    .summary("tune an adapter on labelled examples, and report what it gets right")
    .description(
      "Tunes an adapter on the labelled examples of a task, tests it once on the examples kept apart, and writes adapter, predictions and report into a run folder beside the task. Says beforehand what it will cost. Ctrl-C saves; --resume goes on to the same result.",
    )
    .argument("[task]", "task file (*.plumb.json)")
    .addOption(
      new Option("--method <name>", "what trains (default: the task's, else ptuning-bias)").choices(
        MethodName.options,
      ),
    )
    .option("--base <model>", "base model: a name or a path (default: the task's, else the default model)")
    .option("--seed <number>", "seed of order and held-out part (default: the task's, else 0)", wholeNumber)
    .option(
      "--train-limit <number>",
      "learn from this many examples only, drawn class by class from the seed",
      count,
    )
    .option("--folds <number>", "tune this many times more, for out-of-fold predictions", count)
    .option(
      "--resume <run>",
      "go on with a run that was stopped, with task and examples as they were when it began; takes no other option but --json",
    )
    .option("--out <folder>", "run folder (default: a new one in .plumb/runs beside the task)")
    .option("--json", "print events and the report as JSON lines on standard output");
  addEngineOptions(command)
    .option("--steps <number>", "steps (default: by the number of examples)", count)
    .option("--batch <number>", "examples of one step (default: 8)", batchSize)
    .option("--prompt-length <number>", "trainable vectors at the left (default: 20)", wholeNumber)
    .option(
      "--prompt-rate <rate>",
      `learning rate of the vectors (default: ${defaultRates("prompt")})`,
      learningRate,
    )
    .option(
      "--bias-rate <rate>",
      `learning rate of the biases (default: ${defaultRates("bias")})`,
      learningRate,
    )
    .option(
      "--biases <maps>",
      "linear maps that have a trained bias, out of q,k,v,o,gate,up,down (default: all)",
      linearMaps,
    )
    .option(
      "--start <what>",
      "where the prompt starts: instruction (default), random, text:WORDS; or adapter:RUN, for all that trains",
      start,
    )
    .option(
      "--bias-start <what>",
      "where the biases start: zero, or adapter:RUN (default: as --start, else zero)",
      biasStart,
    )
    .addOption(
      new Option(
        "--prompt-encoder <kind>",
        "method ptuning: what makes the vectors while they are tuned (default: none; published: lstm)",
      ).choices(PromptEncoder.options),
    )
    .option("--lora-rank <number>", `method lora: rank of the updates (default: ${LORA.rank})`, rank)
    .option(
      "--lora-alpha <number>",
      `method lora: updates are scaled by alpha / rank (default: ${LORA.alpha})`,
      positive,
    )
    .option(
      "--lora-dropout <share>",
      `method lora: share of inputs left out (default: ${LORA.dropout})`,
      dropout,
    )
    .option("--full-rate <rate>", `method full: learning rate (default: ${FULL_RATE})`, learningRate)
    .option("--lora-rate <rate>", `method lora: learning rate (default: ${LORA.rate})`, learningRate)
    .addOption(new Option("--balance <way>", "help rare classes (default: none)").choices(Balance.options))
    .option(
      "--held-out <share>",
      "share of the training part that chooses the best step (default: 0.15, multi-label: up to a third)",
      heldOutShare,
    )
    .option(
      "--evaluate-every <number>",
      "steps between two looks at the held-out part (default: a sixth of the run)",
      count,
    )
    .option("--patience <number>", "looks that are worse before stopping (default: 3)", count)
    .option("--max-tokens <number>", "cut longer texts (default: the model's context)", count)
    .option("--micro-batch <tokens>", "most tokens computed at once (default: what fits into memory)", count)
    .addOption(optimizerOption("method full: moments of 32 bits, or of 8"))
    .option("--probe", "try learning rates first (default where none were measured for the base model)")
    .option("--no-probe", "do not try learning rates")
    .addOption(
      new Option("--dump-plan <file>", "write every batch of the run as JSON lines and stop").hideHelp(),
    )
    .addHelpText(
      "after",
      `
Examples:
  plumb tune messages.plumb.json
  plumb tune messages.plumb.json --folds 5 --seed 1
  plumb tune messages.plumb.json --start adapter:other/.plumb/runs/2026-01-30T09-00-00Z-ptuning-bias
  plumb tune --resume .plumb/runs/2026-01-31T09-00-00Z-ptuning-bias

Standard output: the run folder, or JSON lines with --json. Exit code: 0 done, 1 refused or failed,
2 wrong usage, 130 stopped and saved.`,
    )
    .action(async (task: string | undefined, flags: TuneFlags) => {
      await tune(jobOf(task, flags, command), flags);
    });
}

/** Every option that was given, but `--json`. */
function given(command: Command): string[] {
  return command.options
    .map((option) => option.attributeName())
    .filter((name) => name !== "json" && command.getOptionValueSource(name) === "cli");
}

function loraOf({ loraRank, loraAlpha, loraDropout, loraRate }: TuneFlags) {
  const wanted = definedOnly({
    rank: loraRank,
    alpha: loraAlpha,
    dropout: loraDropout,
    rate: loraRate,
  });
  return Object.keys(wanted).length === 0 ? undefined : wanted;
}

function jobOf(task: string | undefined, flags: TuneFlags, command: Command): Job {
  if (flags.resume !== undefined) {
    const others = given(command).filter((name) => name !== "resume");
    if (task !== undefined || others.length > 0) {
      command.error(
        "error: --resume goes on with the settings of the run; give no task and no other option",
        {
          exitCode: EXIT.usage,
        },
      );
    }
    return { type: "resume", run: path.resolve(flags.resume) };
  }
  if (task === undefined)
    command.error("error: name a task file, or a run with --resume", { exitCode: EXIT.usage });
  if (flags.folds === 1) command.error("error: --folds needs at least 2", { exitCode: EXIT.usage });
  const options: TuningOptions = definedOnly({
    method: flags.method,
    seed: flags.seed,
    steps: flags.steps,
    batch: flags.batch,
    promptLength: flags.promptLength,
    promptRate: flags.promptRate,
    biasRate: flags.biasRate,
    biases: flags.biases,
    promptEncoder: flags.promptEncoder,
    lora: loraOf(flags),
    fullRate: flags.fullRate,
    start: flags.start,
    biasStart: flags.biasStart,
    balance: flags.balance,
    heldOutShare: flags.heldOut,
    evaluateEvery: flags.evaluateEvery,
    patience: flags.patience,
    maxTokens: flags.maxTokens,
  });
  const common = {
    task: path.resolve(task),
    options,
    engine: engineWishes(flags),
    ...definedOnly({ base: flags.base, trainLimit: flags.trainLimit }),
  };
  if (flags.dumpPlan !== undefined) return { type: "plan", ...common, file: path.resolve(flags.dumpPlan) };
  return {
    type: "tune",
    ...common,
    ...definedOnly({
      folds: flags.folds,
      probe: flags.probe,
      out: flags.out === undefined ? undefined : path.resolve(flags.out),
    }),
  };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function definedOnly<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
}

async function tune(job: Job, flags: TuneFlags): Promise<void> {
  const json = flags.json === true;
  const print = (event: unknown) => process.stdout.write(`${JSON.stringify(event)}\n`);
  const end = await runInWorker(job, json ? (message: FromWorker) => print(message) : null, {
    quiet: json,
  }).catch((error: unknown) => {
    if (json && error instanceof PlumbError)
      print({ type: "failed", code: error.code, message: error.message });
    throw error;
  });
  if (end.kind === "paused") {
    if (json) print({ type: "paused", folder: end.folder, step: end.step });
    const kept = keepsExamples(end.folder) ? ", with texts and answers as they were when the run began" : "";
    process.stderr.write(
      `Saved after step ${end.step}${kept}. Go on with:\n  plumb tune --resume ${shellWord(shown(end.folder))}\n`,
    );
    process.exitCode = EXIT.interrupted;
    return;
  }
  if (json) print({ type: "done", ...end.result });
  const { folder, report } = end.result;
  if (json || folder === null) return;
  process.stderr.write(
    `\n${renderReportText(Report.parse(report), reportWidth(process.stderr))}\nReport: ${path.join(shown(folder), RUN_FILES.page)}\n`,
  );
  process.stdout.write(`${shown(folder)}\n`);
}

/** As a person would type it from here. */
function shown(folder: string): string {
  const relative = path.relative(process.cwd(), folder);
  return relative.startsWith("..") || relative === "" ? folder : relative;
}
