import * as z from "zod";

/** One line of predictions.jsonl. Carries ids and scores, never the text that was judged. */
export const Prediction = z.object({
  id: z.string(),
  part: z
    .enum(["test", "held-out", "out-of-fold", "new"])
    .describe("Where the text stood when the model that scored it was fitted."),
  scores: z
    .array(z.number())
    .optional()
    .describe("P(label | text) in the order of the task's labels; absent for generation."),
  output: z.string().optional().describe("Generated answer; generation tasks only."),
  fold: z.number().int().optional(),
});
export type Prediction = z.infer<typeof Prediction>;
