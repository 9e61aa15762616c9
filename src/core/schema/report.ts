import * as z from "zod";
import { LabelColor, MethodName, TaskKind } from "./task";

const share = z.number().min(0).max(1);
const count = z.number().int().nonnegative();

/** A value with its 95 % interval. `null`: not defined, because there was nothing to divide by. */
export const Estimate = z.object({
  value: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
});
export type Estimate = z.infer<typeof Estimate>;

/** A share of texts, with Wilson's interval. */
export const Share = Estimate.extend({ hits: count, of: count });
export type Share = z.infer<typeof Share>;

/** A value with the percentile interval of the bootstrap. */
export const BootstrapEstimate = Estimate.extend({
  undefinedResamples: count.describe(
    "Resamples in which the value, or a class that it averages over, was not defined.",
  ),
});
export type BootstrapEstimate = z.infer<typeof BootstrapEstimate>;

export const ClassReport = z.object({
  label: z.string(),
  support: count.describe("Test texts of the class."),
  predicted: count.describe("Test texts that were given the class."),
  trainSupport: count.describe("Training texts of the class."),
  tp: count,
  fp: count,
  fn: count,
  precision: Share,
  recall: Share,
  f1: BootstrapEstimate,
  few: z.boolean().describe("Too few test texts of the class to say much."),
  threshold: z
    .object({
      value: share,
      positives: count.describe("Positives among the texts that the threshold was chosen on."),
      source: z.enum(["chosen", "default"]).describe("default: too few positives, 0.5 kept."),
    })
    .nullable()
    .describe("Multi-label tasks only: the label is given from this probability on."),
});
export type ClassReport = z.infer<typeof ClassReport>;

/** How the run stands against a rival on the same test texts. */
export const Outcome = z.enum(["better", "worse", "as-well", "cannot-tell", "mixed"]);
export type Outcome = z.infer<typeof Outcome>;

export const RivalName = z.enum(["majority", "every-label", "word-counts", "untuned", "copy-input"]);
export type RivalName = z.infer<typeof RivalName>;

export const RivalReport = z.object({
  name: RivalName,
  description: z.string().describe("What the rival does, in a few words."),
  main: BootstrapEstimate.describe("Macro F1; ROUGE-L for generation."),
  right: Share.describe("Accuracy; exact match for generation."),
  chrf: z.number().min(0).max(100).optional().describe("Generation only: of the whole test part."),
  difference: Estimate.extend({
    p: share.nullable().describe("Two-sided, from the paired bootstrap."),
  }).describe("The run's main figure minus the rival's, on the same resamples."),
  mcnemar: z
    .object({ onlyRun: count, onlyRival: count, p: share })
    .describe("Texts that only one of the two got right, and the exact test on them."),
  outcome: Outcome,
});
export type RivalReport = z.infer<typeof RivalReport>;

const bin = z.object({
  from: share,
  to: share,
  count,
  stated: share.nullable().describe("Mean stated probability."),
  observed: share.nullable().describe("Share that was so."),
  interval: z.object({ low: share, high: share }).nullable(),
});

/** What was said of one test text. Ids, labels and outputs; never the text itself. */
export const ReportRow = z.object({
  id: z.string(),
  truth: z.array(z.string()).describe("Labels of the text; for generation its acceptable outputs."),
  predicted: z.array(z.string()).describe("Labels given; for generation the one output."),
  right: z.boolean(),
  confidence: share
    .nullable()
    .describe(
      "Probability of the given label; of the least sure decision for multi-label; null for generation.",
    ),
  probabilities: z
    .array(z.object({ label: z.string(), probability: share }))
    .describe("Of the true and the given labels, and of the next most likely one."),
  rougeL: share.nullable(),
  chrf: z.number().min(0).max(100).nullable(),
});
export type ReportRow = z.infer<typeof ReportRow>;

export const Report = z.object({
  version: z.literal(1),
  task: z.object({
    name: z.string(),
    kind: TaskKind,
    labels: z.array(z.string()),
    colors: z
      .array(LabelColor.nullable())
      .optional()
      .describe("Colours chosen for the labels, in their order; absent where none is."),
  }),
  run: z.object({
    id: z.string(),
    method: MethodName,
    baseModel: z.string(),
    seed: z.number(),
    startedAt: z.string(),
    seconds: z.number(),
    tokensPerSecond: z.number(),
    peakBytes: z.number(),
    trainedParameters: z.number(),
    totalParameters: z.number(),
    device: z.string(),
    precision: z.string(),
    repeat: z.string().optional().describe("The command that gives the same again."),
    history: z.array(
      z.object({
        step: z.number(),
        loss: z.number(),
        heldOutLoss: z.number().optional(),
        heldOutScore: z.number().optional(),
      }),
    ),
  }),
  data: z.object({
    train: count,
    test: count,
    testLooks: count.describe("How often the test part has been looked at, this run included."),
  }),
  resampling: z.object({
    unit: z.enum(["group", "example"]).describe("What is drawn together."),
    units: count,
    resamples: count,
    seed: z.number(),
  }),
  classification: z
    .object({
      macroF1: BootstrapEstimate,
      microF1: BootstrapEstimate,
      accuracy: Share.describe("Texts with exactly the right labels."),
      classes: z.array(ClassReport).describe("In the order of the label set."),
      confusion: z
        .array(z.array(count))
        .nullable()
        .describe("Rows true, columns given, in the order of the label set; null for multi-label tasks."),
      confused: z
        .array(z.object({ truth: z.string(), predicted: z.string(), count }))
        .describe(
          "Pairs of different labels, most frequent first. Multi-label: the first was missed where the second was wrongly given.",
        ),
      calibration: z.object({
        of: z.enum(["texts", "decisions"]).describe("decisions: each label of each text, multi-label tasks."),
        bins: z.array(bin),
        expectedCalibrationError: share.nullable(),
        brier: z
          .number()
          .nullable()
          .describe("Mean squared error of the probabilities; single-label: summed over the labels."),
      }),
      coverage: z
        .array(z.object({ abstainBelow: share, answered: count, right: count }))
        .describe("From answering the surest texts only to answering all."),
    })
    .nullable(),
  generation: z
    .object({ rougeL: BootstrapEstimate, chrf: BootstrapEstimate, exactMatch: Share })
    .nullable()
    .describe("ROUGE-L 0 to 1, the mean over texts; chrF 0 to 100, of the whole test part."),
  rivals: z.array(RivalReport),
  verdict: z.object({ outcome: Outcome, sentence: z.string() }),
  next: z.array(z.string()).describe("What to do next, most useful first."),
  notes: z.array(z.string()).describe("What a reader should keep in mind about the figures."),
  suspects: z
    .array(
      z.object({
        id: z.string(),
        truth: z.array(z.string()),
        predicted: z.array(z.string()),
        confidence: share,
      }),
    )
    .describe(
      "Training texts whose label a model that was not fitted to them contradicts, surest first. Empty without out-of-fold predictions.",
    ),
  rows: z.array(ReportRow).describe("Every test text, in the order of the test part."),
});
export type Report = z.infer<typeof Report>;
