/**
 * The first losses of a run in a given type of product, from its plan (`plumb tune --dump-plan`):
 *
 *     npx tsx bench/engine-steps.ts plan.jsonl MODEL 20 float32
 *
 * Prints them as one JSON list.
 */
import { readPlan } from "./lib/plan";
import { loadEngine, type Batch } from "../src/core/engine";
import { openBaseModel } from "../src/core/model";
import { methodSpec } from "../src/core/tuning/methods";

function packed(batch: Record<string, readonly number[]>): Batch {
  const entries = Object.entries(batch).map(([name, values]) => [
    name,
    name.endsWith("Weight") ? Float32Array.from(values) : Int32Array.from(values),
  ]);
  return Object.fromEntries(entries) as Batch;
}

async function main(): Promise<void> {
  const [plan, modelPath, count, precision] = process.argv.slice(2);
  if (
    plan === undefined ||
    modelPath === undefined ||
    (precision !== "float32" && precision !== "bfloat16")
  ) {
    throw new Error("Usage: npx tsx bench/engine-steps.ts PLAN MODEL STEPS float32|bfloat16");
  }
  const { start, steps } = await readPlan(plan, Number(count));
  const base = await openBaseModel(modelPath);
  const model = await loadEngine().openModel(base.table, { precision });
  const session = await model.openSession({ method: methodSpec(start.settings) });
  const values = await session.read();
  const prompt = session.parameters.find(({ name }) => name === "prompt.left");
  if (prompt !== undefined) values.set(await model.embed(Int32Array.from(start.promptTokens)), prompt.offset);
  await session.write(values);
  const losses: number[] = [];
  for (const { batches, options } of steps) {
    let loss = 0;
    for (const batch of batches) loss += (await session.accumulate(packed(batch))).loss;
    await session.step(options);
    losses.push(loss);
  }
  session.close();
  model.close();
  console.log(JSON.stringify(losses));
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
