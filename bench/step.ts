/**
 * Time of the engine's training steps:
 *
 *     npx tsx bench/step.ts MODEL BATCHES.json float32|bfloat16 PASSES [full]
 *
 * BATCHES.json: {"sets": {NAME: [[{tokens, answer}, ...], ...]}, "candidates": [...]}. Prints, for each set, the
 * milliseconds of every step (forward, backward, clipping, AdamW) of so many passes over its batches, behind one that warms
 * up, as JSON. P-tuning & bias with 20 vectors; or, with full, all parameters, and 20 tokens in the vectors' place.
 */
import { readFileSync } from "node:fs";
import { loadEngine } from "../src/core/engine";
import { openBaseModel } from "../src/core/model";
import { type Sequence, packBatch, vectors } from "./lib/batches";

const PROMPT = Array.from({ length: 20 }, (_, i) => 1000 + i);

async function main(): Promise<void> {
  const [modelPath = "", file = "", precision, passes, method] = process.argv.slice(2);
  if (precision !== "float32" && precision !== "bfloat16") throw new Error("precision: float32 or bfloat16");
  const { sets, candidates } = JSON.parse(readFileSync(file, "utf8")) as {
    sets: Record<string, Sequence[][]>;
    candidates: number[];
  };
  const base = await openBaseModel(modelPath);
  const model = await loadEngine().openModel(base.table, { precision });
  const full = method === "full";
  const session = await model.openSession({
    method: full
      ? { promptLength: 0, biases: [], full }
      : { promptLength: PROMPT.length, biases: ["q", "k", "v", "o", "gate", "up", "down"] },
  });
  if (!full) {
    const values = await session.read();
    values.set(await model.embed(Int32Array.from(PROMPT)));
    await session.write(values);
  }
  const times: Record<string, number[]> = {};
  for (const [name, batches] of Object.entries(sets)) {
    const packed = batches.map((batch) =>
      packBatch(batch, full ? PROMPT : vectors(PROMPT.length), candidates),
    );
    const series: number[] = [];
    for (let step = -1; step < Number(passes) * packed.length; step++) {
      const batch = packed[(step + packed.length) % packed.length];
      if (batch === undefined) throw new Error(`The set ${name} has no batch.`);
      const start = performance.now();
      await session.accumulate(batch);
      await session.step({
        rates: full ? { full: 1e-4 } : { prompt: 5e-3, bias: 2e-3 },
        maxNorm: 1,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weightDecay: 0,
      });
      if (step >= 0) series.push(performance.now() - start);
    }
    times[name] = series;
  }
  console.log(JSON.stringify(times));
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
