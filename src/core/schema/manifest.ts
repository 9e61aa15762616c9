import * as z from "zod";
import { TuningSettings } from "./settings";
import { Task } from "./task";

/** How the engine computes. Decided from memory and processor before the first step, used again on resume. */
export const EngineChoices = z.object({
  device: z.string(),
  place: z
    .string()
    .regex(/^(cpu|cuda:\d{1,3}(,\d{1,3})*)$/)
    .default("cpu")
    .describe("The processor, or GPUs by their numbers, which each compute some of a step's micro-batches."),
  precision: z.enum(["float32", "bfloat16"]),
  products: z
    .string()
    .optional()
    .describe("What multiplies on a GPU: cuBLAS with its version, or our own kernel. Their bits differ."),
  threads: z.number().int().positive(),
  weights: z.enum(["keep", "stream"]),
  checkpoint: z.boolean().describe("Activations are computed again on the way back, to save memory."),
  optimizer: z
    .enum(["adamw", "adamw-8bit"])
    .default("adamw")
    .describe("Bits in which the moments of large tensors are kept: 32, or 8, to save memory."),
  trainRows: z.number().int().positive().describe("Most tokens of one micro-batch."),
  scoreRows: z.number().int().positive().describe("Most tokens of one batch that is only scored."),
});
export type EngineChoices = z.infer<typeof EngineChoices>;

const BatchRows = EngineChoices.pick({ trainRows: true, scoreRows: true });

/** The GPU's memory ran out once, since another program took it. */
export const SmallerBatches = z
  .object({
    at: z.string(),
    phase: z.string(),
    step: z
      .number()
      .int()
      .nullable()
      .describe("Steps of that training that were done before; null where texts were scored."),
    from: BatchRows,
    to: BatchRows.describe("What `engine` says from there on."),
  })
  .describe(
    "The GPU's memory ran out: from this step on batches have fewer tokens, and nothing is equal to the bit to a run that had enough.",
  );
export type SmallerBatches = z.infer<typeof SmallerBatches>;

/** manifest.json of a run: what went in, what was decided, how it ended. With it a run can be had again. */
export const Manifest = z.object({
  version: z.literal(1),
  id: z.string(),
  createdAt: z.string(),
  program: z.string().describe("Version of Plumb."),
  status: z.enum(["running", "paused", "trouble", "finished"]),
  reason: z.string().nullable().describe("Why it ended where it did not finish."),
  task: z.object({
    file: z.string().describe("Path from the run folder, with / on every system."),
    hash: z.string().describe("SHA-256 of the task as read, but for the colours of its labels."),
    content: Task,
  }),
  data: z.array(z.object({ file: z.string(), sha256: z.string() })),
  split: z.object({
    made: z.enum(["given", "drawn"]),
    seed: z.number().int().nullable(),
    testShare: z.number().nullable(),
    train: z.array(z.string()).describe("Ids of the training part."),
    test: z.array(z.string()),
  }),
  trainLimit: z
    .object({
      examples: z.number().int().positive().describe("Asked for."),
      of: z.number().int().positive().describe("Examples that they were drawn from."),
      seed: z.number().int().nonnegative(),
    })
    .optional()
    .describe(
      "`split.train` is a part that was drawn from the training examples; absent where it is all of them.",
    ),
  heldOut: z.array(z.string()).describe("Ids of the training part that only choose the best step."),
  contents: z
    .record(z.string(), z.string())
    .describe("Beginning of the SHA-256 of text and answer of each example used, by id."),
  texts: z
    .record(z.string(), z.string())
    .optional()
    .describe(
      "Beginning of the SHA-256 of the text alone, by id: what the run says of an example holds for this text. Absent in older runs.",
    ),
  folds: z
    .object({ count: z.number().int(), of: z.record(z.string(), z.number().int()) })
    .nullable()
    .describe("Fold of each example of the training part."),
  settings: TuningSettings,
  startedFrom: z
    .array(
      z.object({
        file: z
          .string()
          .describe("Path from the run folder. It is not read again: checkpoint/ holds a copy."),
        sha256: z.string(),
      }),
    )
    .optional()
    .describe("Adapters that the parameters start from; absent where there is none."),
  answerRoom: z.number().int().describe("Most tokens of an answer."),
  baseModel: z.object({
    name: z.string(),
    path: z.string(),
    format: z.string(),
    family: z.string(),
    fingerprint: z.string(),
    license: z.string().nullable(),
    parameterCount: z.number(),
  }),
  engine: EngineChoices,
  smallerBatches: SmallerBatches.optional(),
  cutTexts: z.number().int().describe("Texts that lost their middle because they were too long."),
  decisions: z.array(z.string()).describe("What Plumb decided by itself, in sentences."),
  resumed: z.array(z.object({ at: z.string(), step: z.number().int(), phase: z.string() })),
  bestStep: z.number().int().nullable(),
  seconds: z.number().nullable(),
});
export type Manifest = z.infer<typeof Manifest>;
