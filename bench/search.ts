/**
 * Tries settings of `plumb tune` on public tasks, to find defaults:
 *
 *     npx tsx bench/search.ts --tasks question-type-en,emotion-en --seeds 1,2 -- "" "--bias-rate 4e-3" "--method bias --steps 320"
 *
 * Every argument is a list of options. Prints the mean over seeds of the main figure (macro F1; ROUGE-L for generation) for each
 * task. Runs are kept in --work: what was measured is not measured again, what was stopped goes on. Benchmarks of
 * tasks.json are refused: settings that were chosen on them could not be judged by them.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { cacheFolder } from "../scripts/lib/places.mjs";
import { knownTasks, writePublicTask } from "./lib/public-tasks";
import { tune } from "./lib/tune";

const TASKS = [
  "question-type-en",
  "emotion-en",
  "command-intent-en",
  "subjectivity-en",
  "sexism-en",
  "sms-spam-en",
];

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const key = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 12);

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      tasks: { type: "string", default: TASKS.join() },
      seeds: { type: "string", default: "1,2" },
      train: { type: "string", default: "300" },
      test: { type: "string", default: "300" },
      work: { type: "string", default: path.join(cacheFolder(), "bench", "search") },
    },
  });
  const known = await knownTasks();
  const tasks = values.tasks.split(",");
  const banned = tasks.filter((task) => known[task]?.benchmark === true);
  if (banned.length > 0) throw new Error(`Benchmarks choose no settings: ${banned.join(", ")}.`);
  const seeds = values.seeds.split(",").map(Number);
  const trials = positionals.length === 0 ? [""] : positionals;

  console.log(["options", ...tasks, "mean", "accuracy", "Brier", "seconds"].join("\t"));
  for (const trial of trials) {
    const means: number[] = [];
    const accuracies: number[] = [];
    const briers: number[] = [];
    const seconds: number[] = [];
    for (const task of tasks) {
      const scores: number[] = [];
      for (const seed of seeds) {
        const folder = path.join(values.work, `${task}-${values.train}-${values.test}-${seed}`);
        const file = path.join(folder, `${task}.plumb.json`);
        if (!existsSync(file)) {
          await writePublicTask(task, folder, {
            train: Number(values.train),
            test: Number(values.test),
            seed,
          });
        }
        const options = trial.split(" ").filter((word) => word !== "");
        const { report } = await tune(file, path.join(folder, `run-${key(trial)}`), options);
        scores.push(report?.classification?.macroF1.value ?? report?.generation?.rougeL.value ?? 0);
        const classification = report?.classification;
        if (classification !== undefined && classification !== null) {
          accuracies.push(classification.accuracy.value ?? NaN);
          briers.push(classification.calibration.brier ?? NaN);
        }
        seconds.push(report?.run.seconds ?? 0);
      }
      means.push(mean(scores));
    }
    const figures = [...means, mean(means), mean(accuracies), mean(briers)].map((value) => value.toFixed(3));
    console.log([trial || "(defaults)", ...figures, mean(seconds).toFixed(0)].join("\t"));
  }
}

main().catch((error: unknown) => {
  const { message, stderr } = error as Error & { stderr?: string };
  console.error(stderr === undefined || stderr === "" ? message : stderr);
  process.exitCode = 1;
});
