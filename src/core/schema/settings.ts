import { z } from "zod";
import { MethodName } from "./task";

/** How rare classes are helped: not at all, by the weight of their examples, or by drawing them more often. */
export const Balance = z.enum(["none", "weights", "sampling"]);
export type Balance = z.infer<typeof Balance>;

/** What a run is tuned with, every value decided. */
export const TuningSettings = z.object({
  method: MethodName,
  seed: z.number().int().nonnegative(),
  promptLength: z.number().int().nonnegative(),
  promptRate: z.number().positive(),
  biasRate: z.number().positive(),
  steps: z.number().int().positive(),
  batch: z.number().int().positive().max(4096).describe("Examples of one step."),
  warmup: z.number().min(0).max(1).describe("Share of the steps in which the rate grows."),
  maxNorm: z.number().nonnegative(),
  weightDecay: z.number().nonnegative(),
  balance: Balance,
  heldOutShare: z.number().min(0).max(0.5).describe("Share of the training part that chooses the best step."),
  evaluateEvery: z.number().int().positive().describe("Steps between two looks at the held-out part."),
  patience: z.number().int().positive().describe("Looks without a better one before a run stops early."),
  maxTokens: z.number().int().positive().describe("Tokens of prefix, text and answer together."),
});
export type TuningSettings = z.infer<typeof TuningSettings>;
