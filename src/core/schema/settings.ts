import * as z from "zod";
import { MethodName } from "./task";

/** How rare classes are helped: not at all, by the weight of their examples, or by drawing them more often. */
export const Balance = z.enum(["none", "weights", "sampling"]);
export type Balance = z.infer<typeof Balance>;

/** A prompt encoder: none, a network of linear maps, or a bidirectional LSTM with linear maps behind it. */
export const PromptEncoder = z.enum(["none", "mlp", "lstm"]);
export type PromptEncoder = z.infer<typeof PromptEncoder>;

/** The linear maps inside a layer. */
export const LinearMapName = z.enum(["q", "k", "v", "o", "gate", "up", "down"]);

/** Of the processor. The engine takes no more. */
export const Threads = z.number().int().positive().max(1024);

/** The engine takes none above. */
const LearningRate = z.number().positive().max(1000);

export const LoraSettings = z.object({
  rank: z.number().int().positive().max(1024),
  alpha: z.number().positive().describe("The update is scaled by alpha / rank."),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .describe("Share of a map's inputs that a training pass keeps from the update."),
  rate: LearningRate,
});
export type LoraSettings = z.infer<typeof LoraSettings>;

const STARTS = [
  z.object({ from: z.literal("instruction") }),
  z.object({ from: z.literal("random") }),
  z.object({ from: z.literal("text"), text: z.string().min(1) }),
] as const;
const StartFile = z.object({ from: z.literal("adapter"), sha256: z.string() });
const StartPath = z.object({ from: z.literal("adapter"), adapter: z.string().min(1) });
const Zero = z.object({ from: z.literal("zero") });

/** Where parameters start, as a person asks for it: an adapter is named by its file or its run. */
export const StartOptions = z.object({
  start: z.discriminatedUnion("from", [...STARTS, StartPath]).optional(),
  biasStart: z.discriminatedUnion("from", [Zero, StartPath]).optional(),
});
export type StartOptions = z.infer<typeof StartOptions>;

/** What a run is tuned with, every value decided. */
export const TuningSettings = z.object({
  method: MethodName,
  seed: z.number().int().nonnegative(),
  promptLength: z.number().int().nonnegative(),
  promptRate: LearningRate,
  biasRate: LearningRate,
  promptEncoder: PromptEncoder.optional().describe(
    "`ptuning` only: what makes the vectors while they are tuned.",
  ),
  lora: LoraSettings.optional().describe("`lora` only."),
  biases: z
    .array(LinearMapName)
    .min(1)
    .optional()
    .describe("`ptuning-bias` and `bias`: linear maps that have a trained bias; absent: all."),
  fullRate: LearningRate.optional().describe("`full` only: learning rate of all parameters."),
  start: z
    .discriminatedUnion("from", [...STARTS, StartFile])
    .optional()
    .describe(
      "Where the prompt starts, and from an adapter everything that trains; absent: instruction and label words.",
    ),
  biasStart: z
    .discriminatedUnion("from", [Zero, StartFile])
    .optional()
    .describe("Where the biases start; absent: as `start` says, else at zero."),
  steps: z.number().int().positive(),
  batch: z.number().int().positive().max(4096).describe("Examples of one step."),
  warmup: z.number().min(0).max(1).describe("Share of the steps in which the rate grows."),
  maxNorm: z.number().nonnegative(),
  weightDecay: z.number().nonnegative(),
  balance: Balance,
  heldOutShare: z.number().min(0).max(0.5).describe("Share of the training part that chooses the best step."),
  evaluateEvery: z.number().int().positive().describe("Steps between two looks at the held-out part."),
  patience: z.number().int().positive().describe("Looks behind the chosen one before a run stops early."),
  maxTokens: z.number().int().positive().describe("Tokens of prefix, text and answer together."),
});
export type TuningSettings = z.infer<typeof TuningSettings>;
