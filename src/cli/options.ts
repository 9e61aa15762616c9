import path from "node:path";
import { InvalidArgumentError, Option, type Command } from "commander";
import * as z from "zod";
import { LinearMapName, LoraSettings, Threads, TuningSettings, type StartOptions } from "../core/schema";
import { DEVICE, type EngineWishes } from "../core/tuning/protocol";

/** A number of one or more. */
export function count(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1) {
    throw new InvalidArgumentError("Expected a whole number from 1 on.");
  }
  return number;
}

/** A whole number from 0 on. */
export function wholeNumber(value: string): number {
  const number = Number(value);
  if (value.trim() === "" || !Number.isSafeInteger(number) || number < 0) {
    throw new InvalidArgumentError("Expected a whole number from 0 on.");
  }
  return number;
}

/** Seeds, such as `0,1,2`. */
export function seedList(value: string): number[] {
  const found = value.split(",").map(wholeNumber);
  if (new Set(found).size < found.length) throw new InvalidArgumentError("A seed stands there twice.");
  return found;
}

/** A number above 0. */
export function positive(value: string): number {
  const number = Number(value);
  if (!Number.isFinite(number) || number <= 0) throw new InvalidArgumentError("Expected a number above 0.");
  return number;
}

/** A number that the schema of the settings takes; `expected` says which. */
function setting(schema: z.ZodNumber, expected: string): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (value.trim() === "" || !schema.safeParse(number).success) {
      throw new InvalidArgumentError(`Found "${value}", expected ${expected}.`);
    }
    return number;
  };
}

export const batchSize = setting(TuningSettings.shape.batch, "a whole number from 1 to 4096");
export const learningRate = setting(TuningSettings.shape.promptRate, "a number above 0, 1000 at most");
export const threads = setting(Threads, "a whole number from 1 to 1024");
export const heldOutShare = setting(TuningSettings.shape.heldOutShare, "a number from 0 to 0.5");
export const rank = setting(LoraSettings.shape.rank, "a whole number from 1 to 1024");
export const dropout = setting(LoraSettings.shape.dropout, "a number from 0 to below 1");

/** A number from 0 to 1. */
export function share(value: string): number {
  const number = Number(value);
  if (value.trim() === "" || !(number >= 0 && number <= 1)) {
    throw new InvalidArgumentError("Expected a number from 0 to 1.");
  }
  return number;
}

/** Names of linear maps, such as `q,k,v,o`. */
export function linearMaps(value: string): z.infer<typeof LinearMapName>[] {
  const found = z.array(LinearMapName).safeParse(value.split(",").map((part) => part.trim()));
  if (found.success) return found.data;
  throw new InvalidArgumentError(
    `Found "${value}", expected names out of ${LinearMapName.options.join(",")}, with commas between.`,
  );
}

/** Where the prompt starts, or with an adapter everything that trains: `instruction`, `random`, `text:WORDS`, `adapter:RUN`. */
export function start(value: string): NonNullable<StartOptions["start"]> {
  if (value === "instruction" || value === "random") return { from: value };
  const [, from, rest] = /^(text|adapter):(.*\S.*)$/s.exec(value) ?? [];
  if (from === "text" && rest !== undefined) return { from, text: rest };
  if (from === "adapter" && rest !== undefined) return { from, adapter: path.resolve(rest) };
  throw new InvalidArgumentError(
    `Found "${value}", expected instruction, random, text:WORDS or adapter:RUN.`,
  );
}

/** Where the biases start: `zero`, `adapter:RUN`. */
export function biasStart(value: string): NonNullable<StartOptions["biasStart"]> {
  if (value === "zero") return { from: "zero" };
  const [, run] = /^adapter:(.*\S.*)$/s.exec(value) ?? [];
  if (run !== undefined) return { from: "adapter", adapter: path.resolve(run) };
  throw new InvalidArgumentError(`Found "${value}", expected zero or adapter:RUN.`);
}

/** A share that leaves something on both sides. */
export function openShare(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value > 0 && value < 1)) {
    throw new InvalidArgumentError(`Found "${text}", expected a number between 0 and 1.`);
  }
  return value;
}

/** The processor, GPUs, or what there is. */
export function device(value: string): string {
  if (value === "auto" || DEVICE.test(value)) return value;
  throw new InvalidArgumentError(
    `Found "${value}", expected auto, cpu, cuda, cuda:N, cuda:N,M or cuda:all ("plumb devices" lists them).`,
  );
}

export interface EngineFlags {
  device?: string;
  precision?: EngineWishes["precision"];
  optimizer?: EngineWishes["optimizer"];
  threads?: number;
  microBatch?: number;
}

/** In how many bits an optimiser of all parameters keeps its moments. */
export const optimizerOption = (what: string): Option =>
  new Option("--optimizer <name>", `${what} (default: 32 where they fit into memory)`).choices([
    "adamw",
    "adamw-8bit",
  ]);

/** Options of every command that runs the engine. */
export function addEngineOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--precision <type>", "type of the matrix products").choices([
        "auto",
        "float32",
        "bfloat16",
      ]),
    )
    .option("--threads <number>", "processor threads (default: all cores)", threads)
    .option(
      "--device <name>",
      'where the engine runs: "auto" (a GPU where one can be used, else the processor), "cpu", "cuda" or "cuda:N"; "cuda:N,M" or "cuda:all" tune on several GPUs (default: "auto")',
      device,
    );
}

export function engineWishes(flags: EngineFlags): EngineWishes {
  return {
    ...(flags.device === undefined || flags.device === "auto" ? {} : { device: flags.device }),
    ...(flags.precision === undefined ? {} : { precision: flags.precision }),
    ...(flags.optimizer === undefined ? {} : { optimizer: flags.optimizer }),
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
    ...(flags.microBatch === undefined ? {} : { microBatch: flags.microBatch }),
  };
}
