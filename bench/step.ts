/**
 * Time of the engine's training steps:
 *
 *     npx tsx bench/step.ts MODEL BATCHES.json float32|bfloat16 PASSES
 *
 * BATCHES.json: {"sets": {NAME: [[{tokens, answer}, ...], ...]}, "candidates": [...]}. Prints, for each set, the
 * milliseconds of every step (forward, backward, clipping, AdamW) of so many passes over its batches, behind one that warms
 * up, as JSON.
 */
import { readFileSync } from "node:fs";
import { loadEngine } from "../src/core/engine";
import { openBaseModel } from "../src/core/model";
import { type Sequence, packBatch } from "./lib/batches";

const PROMPT = 20;

async function main(): Promise<void> {
  const [modelPath = "", file = "", precision, passes] = process.argv.slice(2);
  if (precision !== "float32" && precision !== "bfloat16") throw new Error("precision: float32 or bfloat16");
  const { sets, candidates } = JSON.parse(readFileSync(file, "utf8")) as {
    sets: Record<string, Sequence[][]>;
    candidates: number[];
  };
  const base = await openBaseModel(modelPath);
  const model = await loadEngine().openModel(base.table, { precision });
  const session = await model.openSession({
    method: { promptLength: PROMPT, biases: ["q", "k", "v", "o", "gate", "up", "down"] },
  });
  const values = await session.read();
  values.set(await model.embed(Int32Array.from({ length: PROMPT }, (_, i) => 1000 + i)));
  await session.write(values);
  const times: Record<string, number[]> = {};
  for (const [name, batches] of Object.entries(sets)) {
    const packed = batches.map((batch) => packBatch(batch, PROMPT, candidates));
    const series: number[] = [];
    for (let step = -1; step < Number(passes) * packed.length; step++) {
      const batch = packed[(step + packed.length) % packed.length];
      if (batch === undefined) throw new Error(`The set ${name} has no batch.`);
      const start = performance.now();
      await session.accumulate(batch);
      await session.step({
        rates: { prompt: 5e-3, bias: 2e-3 },
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
