import * as z from "zod";
import type { Measures, Report, RivalReport } from "../schema";

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

export const DEFAULT_MEASURES: Measures = { classification: "macro-f1", generation: "rouge-l-and-chrf" };

/** Quality and rivals of a report by these measures; null where one is not defined, or not measured of a rival. */
function measured(
  { classification, generation }: Report,
  measures: Measures,
): { quality: number | null; ofRival: (rival: RivalReport) => number | null } {
  if (generation !== null) {
    const both = (rougeL: number | null, chrf: number | null) => {
      const parts = {
        "rouge-l-and-chrf": rougeL === null || chrf === null ? null : (rougeL + chrf / 100) / 2,
        "rouge-l": rougeL,
        chrf: chrf === null ? null : chrf / 100,
      };
      return measures.generation === "exact-match" ? null : parts[measures.generation];
    };
    const exact = measures.generation === "exact-match";
    return {
      quality: exact ? generation.exactMatch.value : both(generation.rougeL.value, generation.chrf.value),
      ofRival: ({ main, right, chrf }) => (exact ? right.value : both(main.value, chrf ?? null)),
    };
  }
  const of = {
    "macro-f1": [classification?.macroF1.value, ({ main }: RivalReport) => main.value],
    "micro-f1": [classification?.microF1.value, () => null],
    accuracy: [classification?.accuracy.value, ({ right }: RivalReport) => right.value],
  } as const;
  const [quality = null, ofRival] = of[measures.classification];
  return { quality, ofRival };
}

/** What the tables use of a report. */
export function resultOf(report: Report, measures: Measures = DEFAULT_MEASURES): CellResult {
  const { run, data } = report;
  const { quality, ofRival } = measured(report, measures);
  return {
    version: 1,
    status: "done",
    quality,
    rivals: Object.fromEntries(report.rivals.map((rival) => [rival.name, ofRival(rival)])),
    seconds: run.seconds,
    tokensPerSecond: run.tokensPerSecond,
    peakBytes: run.peakBytes,
    trainedParameters: run.trainedParameters,
    device: run.device,
    train: data.train,
    test: data.test,
  };
}
