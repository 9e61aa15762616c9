/**
 * A public data set as a task, to try things out:
 *
 *     npx tsx bench/tasks.ts question-type-en --train 300 --seed 1 --out /tmp/question-type
 *
 * Prints the path of the task file. Without a name: the sets that tasks.json knows.
 */
import path from "node:path";
import { parseArgs } from "node:util";
import { knownTasks, writePublicTask } from "./lib/public-tasks";

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      train: { type: "string" },
      test: { type: "string" },
      seed: { type: "string", default: "0" },
      out: { type: "string" },
    },
  });
  const [name] = positionals;
  if (name === undefined) {
    for (const [task, { kind, benchmark, instruction }] of Object.entries(await knownTasks())) {
      console.log(`${task}\t${kind}\t${benchmark === true ? "benchmark" : ""}\t${instruction}`);
    }
    return;
  }
  if (values.out === undefined) throw new Error("Name a folder with --out.");
  const file = await writePublicTask(name, path.resolve(values.out), {
    seed: Number(values.seed),
    ...(values.train === undefined ? {} : { train: Number(values.train) }),
    ...(values.test === undefined ? {} : { test: Number(values.test) }),
  });
  console.log(file);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
