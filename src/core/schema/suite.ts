import * as z from "zod";
import { LoraSettings, TuningSettings } from "./settings";
import { MethodName } from "./task";

const name = z.string().min(1);

/** Settings of a method that a suite may fix; what is absent follows from the data, as in `plumb tune`. */
export const SuiteOptions = TuningSettings.omit({
  method: true,
  seed: true,
  lora: true,
  start: true,
  biasStart: true,
})
  .extend({ lora: LoraSettings.partial() })
  .partial()
  .strict();

const Method = z.union([
  MethodName,
  z.strictObject({
    name: name.describe("What the tables call it."),
    method: MethodName,
    options: SuiteOptions.optional(),
  }),
]);

const Base = z.union([
  name,
  z.strictObject({
    name: name.describe("What the tables call it."),
    model: name.describe("Name of a base model, or a path from this file's folder."),
  }),
]);

const Regime = z.strictObject({
  name: name.describe("What the tables call it, such as low-res."),
  examples: z
    .union([z.number().int().positive(), z.literal("all")])
    .describe("Training examples, drawn anew by each seed; all: the whole training part."),
  tasks: z.array(name).min(1).optional().describe("Tasks of this regime, as under tasks; all where absent."),
});

/** What quality is in the tables, for each kind of task. */
export const Measures = z.strictObject({
  classification: z
    .enum(["macro-f1", "micro-f1", "accuracy"])
    .default("macro-f1")
    .describe("accuracy: the share of texts with exactly the right labels."),
  generation: z
    .enum(["rouge-l-and-chrf", "rouge-l", "chrf", "exact-match"])
    .default("rouge-l-and-chrf")
    .describe("rouge-l-and-chrf: the mean of ROUGE-L and chrF / 100; chrf: chrF / 100."),
});
export type Measures = z.infer<typeof Measures>;

/** A suite of `plumb bench`: every task with every base, method, regime and seed. */
export const Suite = z
  .strictObject({
    $schema: z.string().optional(),
    version: z.literal(1).describe("Version of this file format."),
    name: name.describe("Title of the tables."),
    tasks: z.array(name).min(1).describe("Task files, from this file's folder."),
    bases: z.array(Base).min(1).optional().describe("Base models; the default model where absent."),
    methods: z.array(Method).min(1).describe("Methods, by name or with settings of their own."),
    regimes: z.array(Regime).min(1),
    seeds: z.array(z.number().int().nonnegative()).min(1),
    measures: Measures.optional().describe("Other measures of quality; no cell is run anew for them."),
  })
  .meta({ title: "Plumb suite", description: "What plumb bench compares." });
export type Suite = z.infer<typeof Suite>;
