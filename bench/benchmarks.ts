/**
 * The fifteen benchmarks as tasks, and the suites that compare the paper's systems on them (docs/bench.md):
 *
 *     npx tsx bench/benchmarks.ts
 *     npx plumb bench ~/.cache/plumb/bench/benchmarks/methods.suite.json
 *
 * A task holds the whole training part, of which each seed draws its own examples, and the first 300 texts of the test part.
 * Suites and tasks stand in one folder (--work), which is made again with the same contents each time.
 */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import type { Suite } from "../src/core/schema";
import { cacheFolder } from "../scripts/lib/places.mjs";
import { publicDataFolder } from "../test/public-data";
import { writePublicTask } from "./lib/public-tasks";

const Published = z.looseObject({
  benchmarks: z.object({ classification: z.array(z.string()), generation: z.array(z.string()) }),
});

/** The five of the fifteen with the shortest texts. */
const SHORT = ["hatemoji-en", "darkpattern-en", "clickbait-en", "detox-en", "banking77-en"];
/** Three with short texts and more than 2,000 examples. */
const LARGE = ["hatemoji-en", "clickbait-en", "banking77-en"];

const taskFile = (name: string) => `${name}.plumb.json`;

function suites(all: readonly string[]): Record<string, z.input<typeof Suite>> {
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

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { work: { type: "string", default: path.join(cacheFolder(), "bench", "benchmarks") } },
  });
  const published = path.join(publicDataFolder(), "suite.json");
  const { benchmarks } = Published.parse(JSON.parse(await readFile(published, "utf8")));
  const all = [...SHORT, ...benchmarks.classification, ...benchmarks.generation].filter(
    (name, i, names) => names.indexOf(name) === i,
  );
  for (const name of all) await writePublicTask(name, values.work, { firstTest: 300, seed: 0 });
  for (const [name, suite] of Object.entries(suites(all))) {
    const file = path.join(values.work, `${name}.suite.json`);
    await writeFile(file, `${JSON.stringify(suite, null, 2)}\n`);
    console.log(file);
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
