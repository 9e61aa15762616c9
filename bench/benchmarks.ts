/**
 * The fifteen benchmarks as tasks, and the suites that compare the paper's systems on them (docs/bench.md):
 *
 *     npx tsx bench/benchmarks.ts
 *     npx plumb bench ~/.cache/plumb/bench/benchmarks/methods.suite.json
 *
 * A task holds the whole training part, of which each seed draws its own examples, and the first 300 texts of the test part.
 * For the suite of base models, the improved one and the plain one in the same number type are made first:
 *
 *     npx plumb base train ~/.cache/plumb/bench/benchmarks/improved.base-training.json --out ~/.cache/plumb/bench/benchmarks/improved
 *     npx plumb base export --out ~/.cache/plumb/bench/benchmarks/plain
 *     npx plumb bench ~/.cache/plumb/bench/benchmarks/bases.suite.json --threads 1
 *
 * (Twice at once, on two cores. A number of threads that is asked for is part of a cell's name: without it, other cells are run.)
 *
 * Suites and tasks stand in one folder (--work), which is made again with the same contents each time. Finished cells and the
 * tables are copied from there to results/benchmarks, and cells from there into a folder that lacks them: called
 * again, this keeps what was measured, and a suite goes on with it elsewhere.
 */
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { CellResult } from "../src/core/bench/result";
import type { BaseTraining, MethodName, Suite } from "../src/core/schema";
import { cacheFolder } from "../scripts/lib/places.mjs";
import { publicDataFolder } from "../test/public-data";
import { writePublicTask } from "./lib/public-tasks";

const Groups = z.object({ classification: z.array(z.string()), generation: z.array(z.string()) });
const Published = z.looseObject({ benchmarks: Groups, multitask: Groups });
const ResultsBySuite = z.record(z.string(), CellResult);
type Results = z.infer<typeof ResultsBySuite>;

/** A suite in the words that are used here. */
interface Wanted extends z.input<typeof Suite> {
  readonly bases?: { name: string; model: string }[];
  readonly methods: MethodName[];
}

/** The five of the fifteen with the shortest texts. */
const SHORT = ["hatemoji-en", "darkpattern-en", "clickbait-en", "detox-en", "banking77-en"];
/** Three with short texts and more than 2,000 examples. */
const LARGE = ["hatemoji-en", "clickbait-en", "banking77-en"];
/** Examples of a task that the improved base learns from; of the few that are not English, which the default model hardly reads, less. */
const LEARNED = { english: 300, other: 50 };

const resultsFolder = path.join(__dirname, "results", "benchmarks");
const taskFile = (name: string) => `${name}.plumb.json`;

function suites(all: readonly string[]): Record<string, Wanted> {
  const low = (names: readonly string[]) => [{ name: "low-res", examples: 300, tasks: names.map(taskFile) }];
  return {
    methods: {
      version: 1,
      name: "Methods on fifteen benchmarks, 300 examples",
      tasks: all.map(taskFile),
      methods: ["ptuning-bias", "ptuning", "full"],
      regimes: low(all),
      seeds: [1],
    },
    seeds: {
      version: 1,
      name: "Methods on the five benchmarks with the shortest texts, 300 examples, three seeds",
      tasks: SHORT.map(taskFile),
      methods: ["ptuning-bias", "ptuning", "full", "prompt", "bias", "lora"],
      regimes: low(SHORT),
      seeds: [1, 2, 3],
    },
    bases: {
      version: 1,
      name: "The base and the improved base on fifteen benchmarks, 300 examples, and on five of them 50",
      tasks: all.map(taskFile),
      bases: [
        { name: "SmolLM2-135M", model: "plain" },
        { name: "SmolLM2-135M (T)", model: "improved" },
      ],
      methods: ["ptuning-bias"],
      regimes: [...low(all), { name: "fifty", examples: 50, tasks: SHORT.map(taskFile) }],
      seeds: [1],
    },
    "high-res": {
      version: 1,
      name: "Methods on three large benchmarks, all examples",
      tasks: LARGE.map(taskFile),
      methods: ["ptuning-bias", "ptuning", "full"],
      regimes: [{ name: "high-res", examples: "all" }],
      seeds: [1],
    },
  };
}

async function writeJson(file: string, value: unknown): Promise<void> {
  await writeFile(file, `${JSON.stringify(value, null, 2)}\n`);
}

async function readIfThere(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

const folderOf = (suite: string, work: string) => path.join(work, `${suite}.suite.results`);
const keptFile = (suite: string) => path.join(resultsFolder, `${suite}.json`);

/** Results that are kept, and those in the suite's folder, by cell. */
async function resultsOf(suite: string, work: string): Promise<Results> {
  const results = ResultsBySuite.parse((await readIfThere(keptFile(suite))) ?? {});
  const cells = path.join(folderOf(suite, work), "cells");
  await mkdir(cells, { recursive: true });
  for (const id of await readdir(cells)) {
    const result = await readIfThere(path.join(cells, id, "result.json"));
    if (result !== null) results[id] = CellResult.parse(result);
  }
  return results;
}

/** Whether a cell is one of the suite's: its name has the parts that make it one, then a hash. */
function isOf(
  { tasks, bases = [{ name: "default", model: "" }], methods, regimes, seeds }: Wanted,
  id: string,
): boolean {
  const parts = [
    tasks.map((task) => path.basename(task, taskFile(""))),
    bases.map(({ name }) => name.replaceAll(/[^\w.-]+/g, "_")),
    methods,
    regimes.map(({ name }) => name),
    seeds.map((seed) => `s${seed}`),
  ];
  return new RegExp(`^${parts.map((choices) => `(${choices.join("|")})`).join("-")}-[0-9a-f]+$`).test(id);
}

/**
 * Gives a suite's folder the cells that it lacks, be they its own or another suite's, and keeps those that are new in it, with
 * the tables. The hash in a cell's name holds all that its result follows from: it is the same cell in every suite.
 */
async function exchange(suite: string, wanted: Wanted, all: Results, work: string): Promise<void> {
  const results = Object.entries(all)
    .filter(([id]) => isOf(wanted, id))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (results.length === 0) return;
  const folder = folderOf(suite, work);
  for (const [id, result] of results) {
    await mkdir(path.join(folder, "cells", id), { recursive: true });
    await writeJson(path.join(folder, "cells", id, "result.json"), result);
  }
  await mkdir(resultsFolder, { recursive: true });
  await writeJson(keptFile(suite), Object.fromEntries(results));
  if ((await readdir(folder)).includes("tables.md"))
    await copyFile(path.join(folder, "tables.md"), path.join(resultsFolder, `${suite}.md`));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { work: { type: "string", default: path.join(cacheFolder(), "bench", "benchmarks") } },
  });
  const published = path.join(publicDataFolder(), "suite.json");
  const { benchmarks, multitask } = Published.parse(JSON.parse(await readFile(published, "utf8")));
  const all = [...SHORT, ...benchmarks.classification, ...benchmarks.generation].filter(
    (name, i, names) => names.indexOf(name) === i,
  );
  for (const name of all) await writePublicTask(name, values.work, { firstTest: 300, seed: 0 });
  const learned = [...multitask.classification, ...multitask.generation];
  for (const name of learned) {
    const train = name.endsWith("-en") ? LEARNED.english : LEARNED.other;
    await writePublicTask(name, values.work, { train, firstTest: 300, seed: 0 });
  }
  const training: z.input<typeof BaseTraining> = {
    version: 1,
    name: "SmolLM2-135M (T)",
    tasks: learned.map(taskFile),
    benchmarks: all.map(taskFile),
  };
  await writeJson(path.join(values.work, "improved.base-training.json"), training);
  const wanted = Object.entries(suites(all));
  const results: Results = {};
  for (const [name] of wanted) Object.assign(results, await resultsOf(name, values.work));
  for (const [name, suite] of wanted) {
    const file = path.join(values.work, `${name}.suite.json`);
    await writeJson(file, suite);
    await exchange(name, suite, results, values.work);
    console.log(file);
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
