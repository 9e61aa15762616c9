import * as z from "zod";
import type { Report } from "../schema";

const quality = z.number().nullable();

/** result.json of a cell: how its run ended. */
export const CellResult = z.discriminatedUnion("status", [
  z.object({
    version: z.literal(1),
    status: z.literal("done"),
    quality: quality.describe("Macro-F1; for generation the mean of ROUGE-L and chrF / 100."),
    rivals: z.record(z.string(), quality).describe("The same of each rival, by name."),
    seconds: z.number(),
    tokensPerSecond: z.number(),
    peakBytes: z.number(),
    trainedParameters: z.number(),
    device: z.string(),
    train: z.number().describe("Training examples."),
    test: z.number(),
  }),
  z.object({
    version: z.literal(1),
    status: z.literal("failed"),
    code: z.string(),
    reason: z.string(),
  }),
]);
export type CellResult = z.infer<typeof CellResult>;

const both = (rougeL: number | null, chrf: number | null | undefined) =>
  rougeL === null || chrf === null || chrf === undefined ? null : (rougeL + chrf / 100) / 2;

/** What the tables use of a report. */
export function resultOf(report: Report): CellResult {
  const { classification, generation, run, data } = report;
  return {
    version: 1,
    status: "done",
    quality:
      generation === null
        ? (classification?.macroF1.value ?? null)
        : both(generation.rougeL.value, generation.chrf.value),
    rivals: Object.fromEntries(
      report.rivals.map(({ name, main, chrf }) => [
        name,
        generation === null ? main.value : both(main.value, chrf),
      ]),
    ),
    seconds: run.seconds,
    tokensPerSecond: run.tokensPerSecond,
    peakBytes: run.peakBytes,
    trainedParameters: run.trainedParameters,
    device: run.device,
    train: data.train,
    test: data.test,
  };
}
