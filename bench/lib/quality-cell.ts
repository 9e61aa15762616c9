/** One cell of the quality suite: a task and a seed, tuned by Plumb and by PyTorch. */
import { existsSync } from "node:fs";
import { mkdir, readFile, rename } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import * as z from "zod";
import { loadTask, type LoadedExample } from "../../src/core/data";
import { PlumbError } from "../../src/core/errors";
import { writeFileAtomic } from "../../src/core/files";
import { openBaseModel } from "../../src/core/model";
import { buildReport } from "../../src/core/report";
import type { Prediction, Report } from "../../src/core/schema";
import { TuningSettings } from "../../src/core/tuning/settings";
import { readPlan } from "./plan";
import { writePublicTask } from "./public-tasks";
import { plumb, root, run, tune } from "./tune";

/** How many losses of the two are compared; against float64 for the first seed of each task alone, which takes long. */
const FIRST_STEPS = 20;
const exactSteps = (seed: number) => (seed === 1 ? FIRST_STEPS : 0);
/** How often PyTorch does these again from a start that is moved by a rounding. */
const REPEATS = 5;
const TRAIN_EXAMPLES = 300;

const Estimate = z.object({
  value: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
});

/** What is kept of a report. */
const Figures = z.object({
  main: Estimate.describe("Macro F1; ROUGE-L for generation."),
  right: Estimate.describe("Accuracy; exact match for generation."),
  chrf: Estimate.nullable(),
  rivals: z.array(z.object({ name: z.string(), main: Estimate, right: Estimate, outcome: z.string() })),
  verdict: z.string(),
});
export type Figures = z.infer<typeof Figures>;

const PlumbSide = z.object({
  figures: Figures.nullable().describe("Null where a detector stopped the run."),
  trouble: z.string().nullable(),
  seconds: z.number(),
  bestStep: z.number().nullable(),
  losses: z.array(z.number()).describe("Of the first steps."),
  float32Losses: z.array(z.number()).describe("Of the first steps, with float32 products."),
  precision: z.string(),
  threads: z.number(),
});

const TorchSide = z.object({
  figures: Figures,
  seconds: z.number(),
  bestStep: z.number(),
  losses: z.array(z.number()).describe("Of the first steps."),
  float64Losses: z.array(z.number()).describe("Of the first steps, computed in float64."),
  repeatedLosses: z
    .array(z.array(z.number()))
    .default([])
    .describe("Of the first steps, from starts that differ by a rounding."),
  versions: z.record(z.string(), z.string()),
  threads: z.number(),
});

export const Cell = z.object({
  task: z.string(),
  kind: z.enum(["single", "multi", "generation"]),
  seed: z.number(),
  train: z.number(),
  test: z.number(),
  baseModel: z.string(),
  processor: z.string(),
  settings: TuningSettings,
  plumb: PlumbSide.nullable(),
  torch: TorchSide.nullable(),
});
export type Cell = z.infer<typeof Cell>;

export interface CellOptions {
  readonly task: string;
  readonly seed: number;
  /** Folder of the suite's results; a cell is one file in it. */
  readonly results: string;
  /** Folder for run folders, plans and predictions. */
  readonly work: string;
  /** Python with bench/python/requirements.txt; null leaves PyTorch's side out. */
  readonly python: string | null;
  readonly say: (line: string) => void;
}

const name = ({ task, seed }: { task: string; seed: number }) => `${task}-${seed}`;

export function cellFile(options: Pick<CellOptions, "task" | "seed" | "results">): string {
  return path.join(options.results, `${name(options)}.json`);
}

/** What was measured of a cell so far; null for nothing. */
export async function readCell(file: string): Promise<Cell | null> {
  return existsSync(file) ? Cell.parse(JSON.parse(await readFile(file, "utf8"))) : null;
}

/** Measures what is missing of a cell. A half-done run of Plumb goes on where it stopped. */
export async function measureCell(options: CellOptions): Promise<Cell> {
  const file = cellFile(options);
  const before = await readCell(file);
  const lacksRepeats = before?.torch?.repeatedLosses.length === 0 && exactSteps(options.seed) > 0;
  if (
    before !== null &&
    before.plumb !== null &&
    ((before.torch !== null && !lacksRepeats) || options.python === null)
  )
    return before;
  const folder = path.join(options.work, name(options));
  const task = path.join(folder, `${options.task}.plumb.json`);
  if (!existsSync(task)) {
    await writePublicTask(options.task, folder, { train: TRAIN_EXAMPLES, seed: options.seed });
  }
  const plan = path.join(folder, "plan.jsonl");
  if (!existsSync(plan)) {
    options.say("plan");
    await plumb(["tune", task, "--dump-plan", `${plan}.part`]);
    await rename(`${plan}.part`, plan);
  }
  const { start } = await readPlan(plan, 0);
  const loaded = await loadTask(task);
  let cell: Cell = before ?? {
    task: options.task,
    kind: loaded.task.kind,
    seed: options.seed,
    train: loaded.examples.filter(({ split }) => split === "train").length,
    test: loaded.examples.filter(({ split }) => split === "test").length,
    baseModel: start.baseModel.name,
    processor: os.cpus()[0]?.model.trim() ?? "unknown",
    settings: start.settings,
    plumb: null,
    torch: null,
  };
  const save = async (change: Partial<Cell>) => {
    cell = { ...cell, ...change };
    await mkdir(options.results, { recursive: true });
    await writeFileAtomic(file, `${JSON.stringify(cell, null, 2)}\n`);
  };
  if (cell.plumb === null) {
    options.say("Plumb");
    await save({
      plumb: await plumbSide(folder, task, plan, start.baseModel.path, exactSteps(options.seed)),
    });
  }
  if (cell.torch === null && options.python !== null) {
    options.say("PyTorch");
    await save({
      torch: await torchSide(
        folder,
        task,
        plan,
        start.baseModel.path,
        options.python,
        exactSteps(options.seed),
      ),
    });
  }
  if (cell.torch?.repeatedLosses.length === 0 && exactSteps(options.seed) > 0 && options.python !== null) {
    options.say("PyTorch, from starts that differ by a rounding");
    const repeatedLosses = await torchRepeats(plan, start.baseModel.path, options.python);
    // The plan was perhaps made anew: it must be the one that the other losses are of.
    const [exact = NaN] = cell.torch.float64Losses;
    if (repeatedLosses.some(([first = NaN]) => !(Math.abs(first - exact) < 1e-4 * exact)))
      throw new Error(`${plan} begins with another loss than ${file}: measure that cell anew with --fresh.`);
    await save({ torch: { ...cell.torch, repeatedLosses } });
  }
  return cell;
}

async function torchRepeats(plan: string, model: string, python: string): Promise<number[][]> {
  const script = path.join(root, "bench", "python", "same_steps.py");
  const args = [script, "--plan", plan, "--model", model, "--out", path.dirname(plan)];
  args.push("--threads", String(os.availableParallelism()));
  args.push("--float64-steps", String(FIRST_STEPS), "--repeats", String(REPEATS));
  const { stdout } = await run(python, args, { env: { ...process.env, OMP_WAIT_POLICY: "PASSIVE" } });
  return z.array(z.array(z.number())).parse(JSON.parse(stdout));
}

async function plumbSide(
  folder: string,
  task: string,
  plan: string,
  model: string,
  exact: number,
): Promise<Cell["plumb"]> {
  const { manifest, report } = await tune(task, path.join(folder, "run"), []);
  const steps = [path.join(root, "bench", "engine-steps.ts"), plan, model, String(exact), "float32"];
  const tsx = path.join(root, "node_modules", ".bin", "tsx");
  const env = { ...process.env, OMP_WAIT_POLICY: "PASSIVE" };
  const { stdout } = exact === 0 ? { stdout: "[]" } : await run(tsx, steps, { env });
  return {
    figures: report === null ? null : figuresOf(report),
    trouble: report === null ? manifest.reason : null,
    seconds: report?.run.seconds ?? 0,
    bestStep: manifest.bestStep,
    losses: (report?.run.history ?? []).slice(0, FIRST_STEPS).map(({ loss }) => loss),
    float32Losses: z.array(z.number()).parse(JSON.parse(stdout)),
    precision: manifest.engine.precision,
    threads: manifest.engine.threads,
  };
}

const Outcome = z.object({
  losses: z.array(z.number()),
  float64Losses: z.array(z.number()),
  bestStep: z.number(),
  seconds: z.number(),
  threads: z.number(),
  trainedParameters: z.number(),
  versions: z.record(z.string(), z.string()),
});

const Row = z.object({
  id: z.string(),
  scores: z.array(z.number()).optional(),
  tokens: z.array(z.number()).optional(),
});

async function torchSide(
  folder: string,
  task: string,
  plan: string,
  model: string,
  python: string,
  exact: number,
): Promise<Cell["torch"]> {
  const out = path.join(folder, "torch");
  const outcomeFile = path.join(out, "outcome.json");
  if (!existsSync(outcomeFile)) {
    const script = path.join(root, "bench", "python", "same_steps.py");
    const threads = String(os.availableParallelism());
    const args = [script, "--plan", plan, "--model", model, "--out", out, "--threads", threads];
    args.push("--float64-steps", String(exact));
    await run(python, args, { env: { ...process.env, OMP_WAIT_POLICY: "PASSIVE" }, maxBuffer: 1 << 28 });
  }
  const outcome = Outcome.parse(JSON.parse(await readFile(outcomeFile, "utf8")));
  const { tokenizer, parameterCount, name: baseModel } = await openBaseModel(model);
  const predictions = async (file: string, part: Prediction["part"]): Promise<Prediction[]> => {
    const lines = (await readFile(path.join(out, file), "utf8")).split("\n").filter((line) => line !== "");
    return lines.map((line) => {
      const { id, scores, tokens } = Row.parse(JSON.parse(line));
      if (scores !== undefined) return { id, part, scores };
      if (tokens === undefined) throw new Error(`${file}: ${id} has neither scores nor tokens.`);
      return { id, part, output: tokenizer.decode(tokens).trim() };
    });
  };
  const loaded = await loadTask(task);
  const heldOut = await predictions("held-out.jsonl", "held-out");
  const byId = new Map(loaded.examples.map((example) => [example.id, example]));
  const find = (id: string): LoadedExample => {
    const example = byId.get(id);
    if (example === undefined) throw new Error(`${task} has no example ${id}.`);
    return example;
  };
  const report = buildReport({
    task: loaded.task,
    train: loaded.examples.filter(({ split }) => split !== "test"),
    test: loaded.examples.filter(({ split }) => split === "test"),
    predictions: await predictions("predictions.jsonl", "test"),
    untuned: null,
    heldOut: { examples: heldOut.map(({ id }) => find(id)), predictions: heldOut },
    outOfFold: null,
    testLooks: 1,
    run: {
      id: "torch",
      method: "ptuning-bias",
      baseModel,
      seed: loaded.task.seed ?? 0,
      startedAt: new Date().toISOString(),
      seconds: outcome.seconds,
      tokensPerSecond: 0,
      peakBytes: 0,
      trainedParameters: outcome.trainedParameters,
      totalParameters: parameterCount,
      device: "PyTorch",
      precision: "float32",
      history: outcome.losses.map((loss, step) => ({ step: step + 1, loss })),
    },
  });
  return {
    figures: figuresOf(report),
    seconds: outcome.seconds,
    bestStep: outcome.bestStep,
    losses: outcome.losses.slice(0, FIRST_STEPS),
    float64Losses: outcome.float64Losses,
    repeatedLosses: [],
    versions: outcome.versions,
    threads: outcome.threads,
  };
}

function figuresOf(report: Report): Figures {
  const { classification, generation } = report;
  const main = classification?.macroF1 ?? generation?.rougeL;
  const right = classification?.accuracy ?? generation?.exactMatch;
  if (main === undefined || right === undefined) throw new PlumbError("report", "A report without figures.");
  return Figures.parse({
    main,
    right,
    chrf: generation?.chrf ?? null,
    rivals: report.rivals,
    verdict: report.verdict.sentence,
  });
}
