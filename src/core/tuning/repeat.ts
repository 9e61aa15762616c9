import type { Manifest } from "../schema";
import { resolveSettings, type TuningOptions, type TuningSettings } from "./settings";
import { shellWord } from "../shell";

type Setting = Exclude<keyof TuningSettings, "method" | "seed" | "lora" | "start" | "biasStart">;

/** Options of the command line by the setting that each gives; those that others follow from come first. */
const FLAGS: readonly (readonly [string, Setting])[] = [
  ["--steps", "steps"],
  ["--batch", "batch"],
  ["--held-out", "heldOutShare"],
  ["--prompt-encoder", "promptEncoder"],
  ["--prompt-length", "promptLength"],
  ["--prompt-rate", "promptRate"],
  ["--bias-rate", "biasRate"],
  ["--biases", "biases"],
  ["--full-rate", "fullRate"],
  ["--balance", "balance"],
  ["--evaluate-every", "evaluateEvery"],
  ["--patience", "patience"],
  ["--max-tokens", "maxTokens"],
];

/** The command that tunes the same again: every setting that does not follow from the task and the others. */
export function repeatCommand(
  { settings, folds, trainLimit, split, task }: Manifest,
  contextLength: number,
): string {
  const { kind } = task.content;
  const facts = { kind, examples: split.train.length, contextLength };
  const words = ["--method", settings.method, "--seed", String(settings.seed)];
  const options: TuningOptions = { method: settings.method, seed: settings.seed };
  for (const [flag, name] of FLAGS) {
    const value = settings[name];
    if (value === undefined || String(value) === String(resolveSettings(options, facts)[name])) continue;
    words.push(flag, String(value));
    Object.assign(options, { [name]: value });
  }
  const usual = resolveSettings(options, facts);
  for (const name of ["rank", "alpha", "dropout", "rate"] as const) {
    const value = settings.lora?.[name];
    if (value !== undefined && value !== usual.lora?.[name]) words.push(`--lora-${name}`, String(value));
  }
  const { start, biasStart } = settings;
  if (start !== undefined && start.from !== "instruction") {
    words.push(
      "--start",
      start.from === "adapter"
        ? "adapter:RUN"
        : start.from === "text"
          ? shellWord(`text:${start.text}`)
          : start.from,
    );
  }
  if (biasStart !== undefined)
    words.push("--bias-start", biasStart.from === "adapter" ? "adapter:RUN" : biasStart.from);
  if (trainLimit !== undefined) words.push("--train-limit", String(trainLimit.examples));
  if (folds !== null) words.push("--folds", String(folds.count));
  return ["plumb", "tune", "TASK.plumb.json", ...words].join(" ");
}

/** The same for an evaluation. */
export const EVALUATION_COMMAND = ["plumb", "eval", "RUN", "--task", "TASK.plumb.json"].join(" ");
