import * as z from "zod";
import { CheckSummary, RunPlan } from "./run-plan";
import { BaseLook, Threads } from "../schema";
import { TuningOptions } from "./settings";

/** The processor, the first GPU, one by its number, several, or all. */
export const DEVICE = /^(cpu|cuda(:(all|\d{1,3}(,\d{1,3})*))?)$/;

/** How the engine should compute; what is absent is decided from the machine. */
export const EngineWishes = z.object({
  precision: z.enum(["auto", "float32", "bfloat16"]).optional(),
  /** Absent: 32 bits where they fit. */
  optimizer: z.enum(["adamw", "adamw-8bit"]).optional(),
  threads: Threads.optional(),
  /** Most tokens of one micro-batch. */
  microBatch: z.number().int().positive().optional(),
  /** Where: absent for a GPU that can be used, else the processor. */
  device: z.string().regex(DEVICE).optional(),
  /** Bytes of memory to count on; never more than there is. */
  memory: z.number().positive().optional(),
});
export type EngineWishes = z.infer<typeof EngineWishes>;

/** The run is a cell of a suite, an ablation or a curve: others of its task may work meanwhile, each with a lock of its own. */
const cell = z.literal(true).optional();

/** What a worker can be asked to do. Paths are absolute. */
export const Job = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("tune"),
    task: z.string(),
    base: z.string().optional(),
    options: TuningOptions,
    engine: EngineWishes,
    /** Training examples to draw; all where absent. */
    trainLimit: z.number().int().positive().optional(),
    folds: z.number().int().min(2).optional(),
    /** Run folder; a new one under `.plumb/runs` where absent. */
    out: z.string().optional(),
    /** Absent: where no measured rates exist. */
    probe: z.boolean().optional(),
    checkpointSeconds: z.number().nonnegative().optional(),
    cell,
  }),
  z.object({
    type: z.literal("resume"),
    run: z.string(),
    cell,
    checkpointSeconds: z.number().nonnegative().optional(),
  }),
  z.object({
    type: z.literal("eval"),
    /** Run folder or adapter file. */
    adapter: z.string(),
    /** Task whose test part is scored; the run's own where absent. */
    task: z.string().optional(),
    base: z.string().optional(),
    engine: EngineWishes,
    /** Folder for report and predictions; nothing is written where absent. */
    out: z.string().optional(),
  }),
  z.object({
    type: z.literal("predict"),
    adapter: z.string(),
    base: z.string().optional(),
    engine: EngineWishes,
  }),
  z.object({
    type: z.literal("plan"),
    task: z.string(),
    base: z.string().optional(),
    options: TuningOptions,
    engine: EngineWishes,
    trainLimit: z.number().int().positive().optional(),
    /** File of one JSON object a line. */
    file: z.string(),
  }),
  z.object({
    type: z.literal("forecast"),
    task: z.string(),
    base: z.string().optional(),
    options: TuningOptions,
    engine: EngineWishes,
    folds: z.number().int().min(2).optional(),
  }),
  z.object({
    type: z.literal("base-train"),
    list: z.string(),
    /** Folder of the new model. */
    out: z.string(),
    engine: EngineWishes,
    /** Says what it would do and cost, and writes nothing. */
    dryRun: z.boolean().optional(),
    checkpointSeconds: z.number().nonnegative().optional(),
  }),
  z.object({
    type: z.literal("base-resume"),
    folder: z.string(),
    checkpointSeconds: z.number().nonnegative().optional(),
  }),
  z.object({ type: z.literal("base-export"), base: z.string().optional(), out: z.string() }),
]);
export type Job = z.infer<typeof Job>;

/** Parent to worker. */
export const ToWorker = z.discriminatedUnion("type", [
  z.object({ type: z.literal("start"), job: Job }),
  z.object({ type: z.literal("stop"), mode: z.enum(["pause", "keep"]) }),
  /** Texts for `predict`; each number is answered once by `predictions`. */
  z.object({ type: z.literal("texts"), number: z.number().int(), texts: z.array(z.string()) }),
  /** No more texts. */
  z.object({ type: z.literal("end") }),
]);
export type ToWorker = z.infer<typeof ToWorker>;

/** How a job ended well. */
export const JobResult = z.object({
  /** Run folder, or the folder that was asked for; null where nothing was written. */
  folder: z.string().nullable(),
  /** The report as in report.json; null where there is none. */
  report: z.unknown(),
  /** Stopped by the held-out part, or by the user who wants what there is. */
  early: z.boolean(),
});
export type JobResult = z.infer<typeof JobResult>;

/** Worker to parent. */
export const FromWorker = z.discriminatedUnion("type", [
  /** Ready for a job. */
  z.object({ type: z.literal("ready") }),
  /** The model in use, and its files as they were opened, for messages about a crash. */
  z.object({
    type: z.literal("model"),
    name: z.string(),
    path: z.string(),
    files: z.array(z.object({ path: z.string(), bytes: z.number() })),
  }),
  /** Something worth knowing, in a sentence. */
  z.object({ type: z.literal("note"), level: z.enum(["info", "warning"]), message: z.string() }),
  /** What the run will do and cost, in a sentence, before its first step. */
  z.object({ type: z.literal("forecast"), message: z.string() }),
  /** The run folder exists from here on. */
  z.object({ type: z.literal("started"), folder: z.string() }),
  z.object({
    type: z.literal("progress"),
    /** `tune` and `fold` count steps, `score` texts. */
    phase: z.enum(["probe", "tune", "fold", "score"]),
    title: z.string(),
    done: z.number(),
    total: z.number(),
    loss: z.number().nullable(),
    heldOutLoss: z.number().nullable(),
    heldOutScore: z.number().nullable(),
    tokensPerSecond: z.number().nullable(),
    secondsLeft: z.number().nullable(),
    /** Resident bytes of the worker. */
    memory: z.number().optional(),
  }),
  /** `forecast`: what speaks for and against a run, and what it would do and cost. */
  z.object({ type: z.literal("checked"), check: CheckSummary }),
  z.object({ type: z.literal("planned"), plan: RunPlan }),
  /** `base-train`: a look at the held-out parts of all tasks. */
  z.object({ type: z.literal("look"), look: BaseLook }),
  /** `predict`: what the adapter answers with. */
  z.object({
    type: z.literal("opened"),
    kind: z.enum(["single", "multi", "generation"]),
    labels: z.array(z.string()),
    thresholds: z.array(z.number()).nullable(),
  }),
  z.object({
    type: z.literal("predictions"),
    number: z.number().int(),
    rows: z.array(
      z.object({ scores: z.array(z.number()).optional(), output: z.string().optional(), cut: z.boolean() }),
    ),
    tokens: z.number(),
  }),
  z.object({ type: z.literal("paused"), folder: z.string(), step: z.number().int() }),
  z.object({ type: z.literal("done"), result: JobResult }),
  z.object({
    type: z.literal("failed"),
    code: z.string(),
    message: z.string(),
    figures: z.record(z.string(), z.number()).optional(),
  }),
]);
export type FromWorker = z.infer<typeof FromWorker>;
