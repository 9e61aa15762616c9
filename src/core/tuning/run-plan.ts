import * as z from "zod";
import { MethodName, TaskKind } from "../schema";

/** What `checkTask` found, as a worker tells it. */
export const CheckSummary = z.object({
  task: z.string(),
  name: z.string(),
  kind: TaskKind,
  runnable: z.boolean(),
  findings: z.array(
    z.object({
      severity: z.enum(["error", "warning", "info"]),
      code: z.string(),
      message: z.string(),
      places: z.array(
        z.object({ file: z.string().nullable(), line: z.number().nullable(), message: z.string() }),
      ),
    }),
  ),
  counts: z.object({
    examples: z.number(),
    answered: z.number(),
    unanswered: z.number(),
    skipped: z.number(),
  }),
  classes: z.array(
    z.object({ label: z.string().nullable(), all: z.number(), train: z.number(), test: z.number() }),
  ),
  split: z
    .object({
      made: z.enum(["given", "drawn"]),
      train: z.number(),
      test: z.number(),
      seed: z.number().nullable(),
      testShare: z.number().nullable(),
    })
    .nullable(),
});
export type CheckSummary = z.infer<typeof CheckSummary>;

/** What a run would do and cost. */
export const RunPlan = z.object({
  model: z.object({
    name: z.string(),
    path: z.string(),
    parameters: z.number(),
    license: z.string().nullable(),
  }),
  method: MethodName,
  seed: z.number(),
  steps: z.number(),
  /** Examples learned from, those that choose the best step, and those kept for the test. */
  fit: z.number(),
  heldOut: z.number(),
  test: z.number(),
  folds: z.number(),
  device: z.string(),
  precision: z.enum(["float32", "bfloat16"]),
  threads: z.number(),
  /** At most. */
  seconds: z.number(),
  /** Of memory that the process will hold, and what there is. */
  bytes: z.number(),
  available: z.number(),
  /** Texts that would lose their middle, and the most tokens that a text may have. */
  cutTexts: z.number(),
  textRoom: z.number(),
  /** Whether learning rates are tried first. */
  probe: z.boolean(),
  /** What was decided against the wish or the usual, in sentences. */
  decisions: z.array(z.string()),
});
export type RunPlan = z.infer<typeof RunPlan>;
