/** Reads what `plumb tune --dump-plan` writes, as far as the benchmarks need it. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import * as z from "zod";
import { TuningSettings } from "../../src/core/tuning/settings";

const Start = z.looseObject({
  type: z.literal("start"),
  settings: TuningSettings,
  baseModel: z.looseObject({ name: z.string(), path: z.string() }),
  promptTokens: z.array(z.number()),
});

const Step = z.looseObject({
  type: z.literal("step"),
  options: z.looseObject({
    rates: z.object({ prompt: z.number().exactOptional(), bias: z.number().exactOptional() }),
    maxNorm: z.number(),
    beta1: z.number(),
    beta2: z.number(),
    epsilon: z.number(),
    weightDecay: z.number(),
  }),
  batches: z.array(z.record(z.string(), z.array(z.number()))),
});

export interface Plan {
  readonly start: z.infer<typeof Start>;
  readonly steps: readonly z.infer<typeof Step>[];
}

/** The beginning of a plan and its first `count` steps. */
export async function readPlan(file: string, count: number): Promise<Plan> {
  let start: Plan["start"] | null = null;
  const steps: z.infer<typeof Step>[] = [];
  const stream = createReadStream(file);
  for await (const line of createInterface({ input: stream })) {
    const value: unknown = JSON.parse(line);
    if (start === null) start = Start.parse(value);
    else if (steps.length < count) steps.push(Step.parse(value));
    else break;
  }
  stream.destroy();
  if (start === null) throw new Error(`${file} holds no plan.`);
  return { start, steps };
}
