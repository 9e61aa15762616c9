import * as z from "zod";
import type { FromTune, TuneAction } from "../../protocol";

const actions = [
  "tune",
  "keep",
  "cancel",
  "resume",
  "less-memory",
  "again",
  "check",
  "label",
  "task",
  "get-model",
  "models",
  "report",
  "delete",
  "log",
  "settings",
] as const satisfies readonly TuneAction[];

/** What the tuning page may say. */
export const TuneMessage: z.ZodType<FromTune> = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready") }),
  z.object({
    type: z.literal("choose"),
    choices: z.object({
      method: z.string().nullable(),
      base: z.string().nullable(),
      folds: z.number().int().min(0).max(20),
      steps: z.number().int().positive().max(1_000_000).nullable(),
      seed: z.number().int().nonnegative().nullable(),
    }),
  }),
  z.object({ type: z.literal("act"), action: z.enum(actions) }),
  z.object({ type: z.literal("open"), file: z.string(), line: z.number().int().positive().nullable() }),
]);
