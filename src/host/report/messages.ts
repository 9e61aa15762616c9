import * as z from "zod";
import type { FromReport } from "../../protocol";

const place = z.number().int().nonnegative();
/** Far more than a picture of a plot, or a table of all texts. */
const MOST = 32 * 1024 * 1024;
/** Far more than a model reads. */
const LONGEST_TEXT = 1_000_000;

const Cell = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("pair"), truth: place, given: place }),
  z.object({ kind: z.enum(["hit", "missed", "false"]), label: place }),
]);

/** Checks what a report's or a comparison's page says. */
export const ReportMessage: z.ZodType<FromReport> = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready") }),
  z.object({ type: z.literal("open-example"), id: z.string() }),
  z.object({ type: z.literal("texts"), ask: place, cell: Cell }),
  z.object({ type: z.literal("copy"), text: z.string().max(MOST) }),
  z.object({
    type: z.literal("save"),
    name: z.string().max(200),
    format: z.enum(["png", "svg"]),
    content: z.string().max(MOST),
  }),
  z.object({ type: z.literal("command"), command: z.enum(["compare", "export", "predict", "label"]) }),
  z.object({ type: z.literal("reference"), run: place }),
  z.object({ type: z.literal("try"), text: z.string().max(LONGEST_TEXT) }),
]);
