import * as z from "zod";

/** What is asked of a text: one label, any number of labels, or a text in answer. */
export const TaskKind = z.enum(["single", "multi", "generation"]);
export type TaskKind = z.infer<typeof TaskKind>;

/** Colours that every theme of the editor has, by their names there: `charts.red`. */
export const LabelColor = z.enum(["blue", "yellow", "green", "purple", "red", "orange"]);
export type LabelColor = z.infer<typeof LabelColor>;

export const Label = z.looseObject({
  name: z.string().min(1).describe("The label as it stands in the examples."),
  word: z
    .string()
    .min(1)
    .optional()
    .describe("What the model reads and writes for it, where that differs from the name."),
  description: z.string().optional().describe("What belongs under this label, for people who label."),
  color: LabelColor.optional().describe(
    "Colour of its sign wherever it is shown. By default one that follows from its place.",
  ),
});
export type Label = z.infer<typeof Label>;

/** Which training method: which parameters train (see docs/design.md). */
export const MethodName = z.enum(["ptuning-bias", "ptuning", "prompt", "bias", "lora", "full"]);
export type MethodName = z.infer<typeof MethodName>;

export const Task = z
  .looseObject({
    $schema: z.string().optional(),
    version: z.literal(1).describe("Version of this file format."),
    name: z.string().min(1).describe("What people call the task."),
    kind: TaskKind.describe(
      "single: each text has exactly one label. multi: any number of labels. generation: a text in answer.",
    ),
    instruction: z
      .string()
      .optional()
      .describe("What is asked of the text, in a sentence or two. The prompt starts from it."),
    labels: z.array(Label).optional().describe("Label set of a single or multi task, in the order shown."),
    examples: z
      .union([z.string().min(1), z.object({ train: z.string().min(1), test: z.string().min(1) })])
      .describe(
        "JSON Lines file of examples, or one for training and one for the test. Paths start from this file's folder.",
      ),
    template: z
      .object({
        before: z.string().default("").describe("Stands before the text."),
        after: z.string().describe("Stands between the text and the answer."),
      })
      .optional()
      .describe("What surrounds the text. Default: nothing before it; after it a line break and `Answer:`."),
    baseModel: z
      .string()
      .min(1)
      .optional()
      .describe("Name or path of the base model; the default model where absent."),
    method: MethodName.optional().describe("Which parameters train. Default: ptuning-bias."),
    testShare: z
      .number()
      .gt(0)
      .lt(1)
      .optional()
      .describe("Share of the examples drawn for the test where no `split` is given. Default 0.2."),
    seed: z.number().int().nonnegative().optional().describe("Seed of all that is drawn. Default 0."),
  })
  .meta({ title: "Plumb task", description: "What is asked of a text, and where its examples are." });
export type Task = z.infer<typeof Task>;
