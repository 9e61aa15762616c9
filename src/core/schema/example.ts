import * as z from "zod";

/** One line of an examples file: a text with its answer, or still without one. Unknown fields are kept. */
export const Example = z.looseObject({
  id: z.string().min(1).describe("Names the example; no other example of the task has it."),
  text: z.string().min(1),
  label: z.string().optional().describe("Answer of a single-label task."),
  labels: z.array(z.string()).optional().describe("Answer of a multi-label task; [] where none applies."),
  target: z.string().min(1).optional().describe("Answer of a generation task."),
  references: z
    .array(z.string())
    .optional()
    .describe("All acceptable outputs of a generation task, `target` among them."),
  status: z
    .literal("skipped")
    .optional()
    .describe("Set aside by the person who labels: never used in a run."),
  note: z.string().optional(),
  annotator: z.string().optional(),
  labeledAt: z.string().optional(),
  split: z.enum(["train", "test"]).optional(),
  source: z.string().optional(),
  group: z
    .string()
    .optional()
    .describe("Author, thread or channel: examples of one group never stand on both sides of a split."),
});
export type Example = z.infer<typeof Example>;
