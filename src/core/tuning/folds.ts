import { readFile } from "node:fs/promises";
import type { LoadedExample } from "../data";
import { writeFileAtomic } from "../files";
import { Prediction } from "../schema";
import { readCheckpoint } from "./checkpoint";
import { trainingHooks } from "./hooks";
import { Interrupted, scoringHook } from "./job-tools";
import { mixSeed } from "./order";
import { predictExamples } from "./predict";
import { holdOutFor, itemsOf } from "./prepare";
import { readIfThere, type Run } from "./run";
import { jsonLines, writing } from "./run-folder";
import { train } from "./trainer";
import { say } from "../say";

/**
 * Out-of-fold predictions of the training part: each text is judged by a model tuned on the other folds alone.
 * @returns Null where no folds were asked for, or the user wants what there is.
 * @throws Interrupted where the run is to be paused.
 */
export async function tuneFolds(run: Run): Promise<Prediction[] | null> {
  const { folds } = run.manifest;
  if (folds === null) return null;
  const predictions: Prediction[] = [];
  for (let fold = 0; fold < folds.count; fold++) {
    const file = run.checkpoint(`fold-${fold}.jsonl`);
    const known = await readIfThere(file, readPredictions);
    if (known === null && run.channel.stop() === "keep") return null;
    const own =
      known ??
      (await run.withinMemory(`fold ${fold + 1} of ${folds.count}`, () => tuneFold(run, fold, folds)));
    if (known === null) await writing(file, () => writeFileAtomic(file, jsonLines(own)));
    predictions.push(...own);
  }
  return predictions;
}

async function tuneFold(
  run: Run,
  fold: number,
  folds: { count: number; of: Record<string, number> },
): Promise<Prediction[]> {
  const { loaded, base, layout, manifest, channel } = run;
  const name = `${fold + 1} of ${folds.count}`;
  const examples: LoadedExample[] = [...run.parts.fit, ...run.parts.heldOut];
  const own = examples.filter(({ id }) => folds.of[id] === fold);
  const seed = mixSeed(manifest.settings.seed, 3, fold);
  const others = examples.filter(({ id }) => folds.of[id] !== fold);
  const { fit, heldOut } = holdOutFor(manifest.settings, others, seed);
  const checkpointFile = run.checkpoint(`fold-${fold}.safetensors`);
  const session = await run.openSession();
  try {
    const resume = await readIfThere(checkpointFile, readCheckpoint);
    if (resume !== null) await run.noteResumed(`fold ${name}`, resume.losses.length);
    const outcome = await train(
      {
        session,
        layout,
        fit: itemsOf(loaded.task, layout, base, fit),
        heldOut: itemsOf(loaded.task, layout, base, heldOut),
        settings: { ...manifest.settings, seed },
        budget: run.budget,
        resume,
      },
      trainingHooks(run, checkpointFile, "fold", `Fold ${name}`),
    );
    if (outcome.kind === "paused") throw new Interrupted();
    if (outcome.kind === "trouble") {
      const message = say`Fold ${fold + 1} of ${folds.count} ended early: ${outcome.trouble.message}`;
      channel.send({ type: "note", level: "warning", message });
      if (outcome.snapshot.best !== null) await session.write(outcome.snapshot.best.parameters);
    }
    const rows = await predictExamples(
      { session, layout, base, budget: run.budget.score, part: "out-of-fold" },
      own,
      scoringHook(channel, `Scoring fold ${name}`, own.length),
    );
    return rows.map((row) => ({ ...row, fold }));
  } finally {
    session.close();
  }
}

async function readPredictions(file: string): Promise<Prediction[]> {
  const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
  return lines.map((line) => Prediction.parse(JSON.parse(line)));
}
