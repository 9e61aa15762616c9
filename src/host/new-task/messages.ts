import * as z from "zod";
import { columnUses } from "../../core/import/draft";
import { encodings, formats } from "../../core/import/types";
import { LabelColor, TaskKind } from "../../core/schema";
import type { FromNewTask } from "../../new-task-protocol";

const at = z.number().int().nonnegative();
/** No name or description is longer. */
const words = z.string().max(10_000);

const Reading = z.object({
  format: z.exactOptional(z.enum(formats)),
  encoding: z.exactOptional(z.enum(encodings)),
  delimiter: z.exactOptional(
    z
      .string()
      .length(1)
      .regex(/[^"\r\n]/),
  ),
  header: z.exactOptional(z.boolean()),
  sheet: z.exactOptional(words),
  asItStands: z.exactOptional(z.boolean()),
});
/** What a page may change of how its file is read. */
export type ReadingChange = z.infer<typeof Reading>;

/** Checks what the page on which a task is made says. */
export const NewTaskMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready") }),
  z.object({ type: z.literal("read"), change: Reading }),
  z.object({ type: z.literal("use"), column: at, use: z.enum(columnUses) }),
  z.object({ type: z.literal("kind"), kind: TaskKind }),
  z.object({ type: z.literal("separator"), separator: z.string().min(1).max(3).nullable() }),
  z.object({
    type: z.literal("label"),
    at,
    name: z.exactOptional(words),
    description: z.exactOptional(words),
  }),
  z.object({ type: z.literal("label-color"), at, color: LabelColor.nullable() }),
  z.object({ type: z.literal("move-label"), from: at, to: at }),
  z.object({ type: z.literal("add-label"), name: words }),
  z.object({ type: z.literal("remove-label"), at }),
  z.object({ type: z.literal("label-back"), at }),
  z.object({ type: z.literal("write-in"), field: z.enum(["name", "instruction", "out"]), value: words }),
  z.object({ type: z.literal("test-share"), percent: z.number() }),
  z.object({ type: z.literal("model"), name: words.nullable() }),
  z.object({ type: z.literal("model-file") }),
  z.object({ type: z.literal("open-line"), line: z.number().int().positive() }),
  z.object({ type: z.literal("create"), anyway: z.boolean() }),
  z.object({ type: z.literal("stop") }),
  z.object({ type: z.literal("other-file") }),
]) satisfies z.ZodType<FromNewTask>;
export type NewTaskMessage = z.infer<typeof NewTaskMessage>;
