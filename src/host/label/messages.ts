import * as z from "zod";
import type { FromLabel } from "../../protocol";

const line = z.number().int().nonnegative();
const id = z.string();
const edit = z.number().int();
/** Far more than a screen and what may come next. */
const lines = z.array(line).max(2000);

const LabelFilter = z.union([
  z.object({ show: z.enum(["all", "open", "answered", "skipped", "noted", "broken", "wrong", "suggested"]) }),
  z.object({ show: z.literal("label"), label: z.string() }),
]);

const LabelView = z.object({
  order: z.enum(["file", "random", "uncertain", "disagree"]),
  filter: LabelFilter,
  search: z.string(),
});

/** Checks what a label editor's page says. */
export const LabelMessage: z.ZodType<FromLabel> = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready") }),
  z.object({ type: z.literal("arrange"), view: LabelView, keep: line.nullable() }),
  z.object({ type: z.literal("at"), line, ahead: lines }),
  z.object({ type: z.literal("rows"), lines }),
  z.object({
    type: z.literal("answer"),
    edit,
    line,
    id,
    answer: z.union([z.string().min(1), z.array(z.string()), z.null()]),
  }),
  z.object({ type: z.literal("skip"), edit, line, id, skipped: z.boolean() }),
  z.object({ type: z.literal("note"), edit, line, id, note: z.string() }),
  z.object({ type: z.literal("remove"), line, id }),
  z.object({ type: z.literal("remove-broken"), line, raw: z.string().min(1) }),
  z.object({ type: z.enum(["undo", "redo"]) }),
  z.object({ type: z.literal("jump"), to: z.string() }),
  z.object({ type: z.literal("suggest"), line, id }),
  z.object({ type: z.literal("stop-suggesting") }),
  z.object({ type: z.literal("fix-test") }),
  z.object({ type: z.literal("open-text"), line: line.nullable() }),
  z.object({ type: z.literal("open-task") }),
]);
