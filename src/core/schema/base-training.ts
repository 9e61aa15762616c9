import * as z from "zod";
import { EngineChoices, SmallerBatches } from "./manifest";
import { TaskKind } from "./task";

const name = z.string().min(1);

/** A wording as it stands in a list: `{text}` once, and before or behind it `{instruction}` and `{labels}`. */
const Wording = z
  .string()
  .refine((text) => text.split("{text}").length === 2, "a wording holds {text} once")
  .refine((text) => !/\s$/.test(text) || text.endsWith("\n"), "a wording does not end with a space");

export const WordingLists = z.strictObject({
  single: z.array(Wording).min(1).optional(),
  multi: z.array(Wording).min(1).optional(),
  generation: z.array(Wording).min(1).optional(),
});
export type WordingLists = z.infer<typeof WordingLists>;

const TaskEntry = z.union([
  name,
  z.strictObject({
    task: name.describe("Task file, from this file's folder."),
    license: name.optional().describe("Licence of its examples, for the model's page."),
  }),
]);

/** A list of `plumb base train`: the tasks that a base model learns once, all together. */
export const BaseTraining = z
  .strictObject({
    $schema: z.string().optional(),
    version: z.literal(1).describe("Version of this file format."),
    name: name.describe("What people call the new model."),
    base: name
      .optional()
      .describe("Base model: a name, or a path from this file's folder; the default model where absent."),
    tasks: z
      .array(TaskEntry)
      .min(1)
      .describe("Task files, from this file's folder. Their training parts are learned from."),
    benchmarks: z
      .array(name)
      .default([])
      .describe(
        "Task files that the model will be judged on: no training example may be in them, not even nearly.",
      ),
    examplesPerTask: z
      .number()
      .int()
      .positive()
      .default(1000)
      .describe("Most training examples of a task. Default 1000."),
    temperature: z
      .number()
      .min(1)
      .max(100)
      .default(2)
      .describe(
        "A task of n examples is drawn with a probability proportional to n^(1/temperature): 1 by size, large values all alike. Default 2.",
      ),
    wordings: WordingLists.optional().describe(
      "Wordings by kind of task, in place of Plumb's own: {text} once, {instruction} and {labels} where they should stand. The task's own wording always stands beside them.",
    ),
    steps: z.number().int().positive().optional().describe("Default: two passes over the examples."),
    batch: z.number().int().positive().max(4096).default(16).describe("Examples of one step. Default 16."),
    rate: z.number().positive().default(5e-5).describe("Learning rate of all parameters. Default 5e-5."),
    warmup: z
      .number()
      .min(0)
      .max(1)
      .default(0.06)
      .describe("Share of the steps in which the rate grows. Default 0.06."),
    weightDecay: z.number().nonnegative().default(0).describe("Default 0."),
    seed: z.number().int().nonnegative().default(0).describe("Seed of all that is drawn. Default 0."),
    heldOutShare: z
      .number()
      .gt(0)
      .max(0.5)
      .default(0.1)
      .describe(
        "Share of a task's examples that is not learned from, but shows the quality; at most 50 of a task. Default 0.1.",
      ),
    evaluateEvery: z
      .number()
      .int()
      .positive()
      .optional()
      .describe("Steps between two looks at the held-out parts. Default: a tenth of the steps."),
    patience: z
      .number()
      .int()
      .positive()
      .default(3)
      .describe("Looks behind the best one before it stops. Default 3."),
    maxTokens: z
      .number()
      .int()
      .min(64)
      .default(512)
      .describe("Tokens of wording, text and answer together; longer texts lose their middle. Default 512."),
  })
  .meta({ title: "Plumb base training", description: "What plumb base train teaches a base model." });
export type BaseTraining = z.infer<typeof BaseTraining>;

/** Where a training text was found again. */
export const Overlap = z.object({
  id: z.string().describe("Example of the training task."),
  file: z.string(),
  line: z.number().int(),
  benchmark: z.string(),
  benchmarkId: z.string(),
  kind: z
    .enum(["same", "near", "passage"])
    .describe(
      "same: but for case, punctuation and white space. near: nearly the same. passage: a run of words in common.",
    ),
  similarity: z.number().describe("Share of common runs of characters; of a passage: its words."),
});
export type Overlap = z.infer<typeof Overlap>;

/** contamination.json: what was compared, and what was left out. Holds no texts. */
export const Contamination = z.object({
  version: z.literal(1),
  benchmarks: z.array(z.object({ name: z.string(), file: z.string(), texts: z.number().int() })),
  sharedSources: z
    .array(
      z.object({
        task: z.string(),
        benchmark: z.string(),
        by: z.enum(["name", "examples file", "source"]),
        what: z.string(),
      }),
    )
    .describe("Tasks that share a name, a file or a stated source with a benchmark."),
  tasks: z.array(
    z.object({
      name: z.string(),
      examples: z.number().int().describe("In its training part."),
      leftOut: z.array(Overlap),
    }),
  ),
});
export type Contamination = z.infer<typeof Contamination>;

/** Quality of one task's held-out part. */
export const TaskLook = z.object({
  name: z.string(),
  quality: z.number().describe("Macro-F1; for generation the mean of ROUGE-L and chrF / 100."),
  loss: z.number(),
});

/** A look at the held-out parts of all tasks. */
export const BaseLook = z.object({
  step: z.number().int().describe("Steps done before it."),
  quality: z.number().describe("Mean over the tasks."),
  loss: z.number().describe("Mean over the tasks."),
  tasks: z.array(TaskLook),
});
export type BaseLook = z.infer<typeof BaseLook>;

/** training.json of a model's folder: what went in, what was decided, how it ended. */
export const BaseManifest = z.object({
  version: z.literal(1),
  createdAt: z.string(),
  program: z.string().describe("Version of Plumb."),
  status: z.enum(["running", "paused", "trouble", "finished"]),
  reason: z.string().nullable(),
  listFile: z.string(),
  list: BaseTraining,
  steps: z.number().int(),
  evaluateEvery: z.number().int(),
  maxTokens: z.number().int(),
  baseModel: z.object({
    name: z.string(),
    path: z.string(),
    format: z.string(),
    family: z.string(),
    fingerprint: z.string(),
    license: z.string().nullable(),
    parameterCount: z.number(),
  }),
  tasks: z.array(
    z.object({
      name: z.string(),
      kind: TaskKind,
      file: z.string(),
      license: z.string().nullable(),
      share: z.number().describe("Probability with which an example of a step is of this task."),
      fit: z.array(z.string()).describe("Ids that are learned from."),
      heldOut: z.array(z.string()),
      answerRoom: z.number().int(),
      hash: z.string().describe("SHA-256 of the task and of the texts and answers used."),
    }),
  ),
  engine: EngineChoices.omit({ weights: true }),
  smallerBatches: SmallerBatches.optional(),
  decisions: z.array(z.string()),
  resumed: z.array(z.object({ at: z.string(), step: z.number().int() })),
  looks: z.array(BaseLook).describe("Filled in at the end."),
  bestStep: z.number().int().nullable(),
  seconds: z.number().nullable(),
});
export type BaseManifest = z.infer<typeof BaseManifest>;
