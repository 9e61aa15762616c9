import { open } from "node:fs/promises";
import path from "node:path";
import { loadTask } from "../data";
import type { Batch } from "../engine";
import { SCORE_ROWS, TRAIN_ROWS } from "./forecast";
import type { JobTools } from "./job-tools";
import { promptTokens, type Item, type Layout } from "./layout";
import { DataOrder, exampleWeights } from "./order";
import { checkData, prepareRun } from "./prepare";
import type { Job } from "./protocol";
import { writing } from "./run-folder";
import { planScoring, planTargets } from "./score";
import { stepOptions } from "./settings";
import { microBatches } from "./trainer";

/** A batch as plain lists. */
function plainBatch(batch: Batch) {
  return Object.fromEntries(
    Object.entries(batch).map(([name, values]) => [name, Array.from(values as Int32Array)]),
  );
}

/**
 * Writes what a run would do, for another implementation to do the same. One JSON object a line:
 * - `start`: settings, base model, prompt tokens, prefix, labels with their paths through the branches;
 * - `step`: rates and micro-batches of each step, from the first to the last;
 * - `score`: batches over the held-out and the test part, with ids, true answers and where each branch's candidates begin.
 * No engine is used, and nothing else is written.
 */
export async function planJob(job: Extract<Job, { type: "plan" }>, tools: JobTools): Promise<void> {
  const loaded = await loadTask(job.task);
  checkData(loaded);
  const { task, base, settings, layout, fit, heldOut, test } = await prepareRun(loaded, job, tools);
  const order = new DataOrder(fit, settings.batch, settings.seed, settings.balance);
  const weightsOf = exampleWeights(fit, layout.labels.length, settings.balance);
  const budget = job.engine.microBatch ?? TRAIN_ROWS[0];

  const lines = function* () {
    yield {
      type: "start",
      settings,
      baseModel: { name: base.name, path: base.path, fingerprint: base.fingerprint },
      bos: base.tokenizer.bos,
      endOfText: layout.endOfText,
      promptTokens: promptTokens(task, base.tokenizer, settings),
      prefix: layout.prefix,
      kind: layout.kind,
      labels: layout.labels,
      tree: layout.tree,
      slots: layout.slots,
      answerRoom: layout.answerRoom,
    };
    for (let step = 0; step < settings.steps; step++) {
      const items = order.at(step);
      yield {
        type: "step",
        step,
        ids: items.map(({ id }) => id),
        options: stepOptions(settings, step),
        batches: microBatches(layout, items, weightsOf, budget).map(plainBatch),
      };
    }
    yield* scoreLines("held-out", layout, heldOut);
    yield* scoreLines("test", layout, test);
  };
  const file = path.resolve(job.file);
  await writing(file, async () => {
    const handle = await open(file, "w");
    try {
      for (const line of lines()) await handle.write(`${JSON.stringify(line)}\n`);
    } finally {
      await handle.close();
    }
  });
}

function* scoreLines(part: string, layout: Layout, items: readonly Item[]) {
  const named = (indices: readonly number[]) =>
    indices.map((index) => ({ id: items[index]?.id, answer: items[index]?.answer }));
  if (layout.kind === "generation") {
    for (const { indices, batch, targets } of planTargets(layout, items, SCORE_ROWS)) {
      const prompts = indices.map((index) => items[index]?.text.tokens);
      yield { type: "score", part, examples: named(indices), batch: plainBatch(batch), targets, prompts };
    }
    return;
  }
  const texts = items.map(({ text }) => text);
  for (const { indices, scoring } of planScoring(layout, texts, SCORE_ROWS)) {
    yield {
      type: "score",
      part,
      examples: named(indices),
      batch: plainBatch(scoring.batch),
      starts: scoring.starts,
    };
  }
}
