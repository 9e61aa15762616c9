/** A small task in a temporary folder, and a job's tools and channel around the fake engine. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Gpus } from "../../../src/core/engine";
import type { Task } from "../../../src/core/schema";
import { seededRandom } from "../../../src/core/random";
import { runJob } from "../../../src/core/tuning/job";
import type { JobTools } from "../../../src/core/tuning/job-tools";
import type { FromWorker, Job, JobResult } from "../../../src/core/tuning/protocol";
import type { StopMode } from "../../../src/core/tuning/trainer";
import { fakeBaseModel, fakeEngine, type FakeBehaviour } from "./fake-engine";

const MOODS = ["happy", "sad", "angry"] as const;
const FILLERS = ["the", " text", " of", " a", " answer", " very"];

interface Row {
  id: string;
  text: string;
  label?: string;
  labels?: string[];
  target?: string;
}

/** Texts in which a word gives the label away, mostly; all different. */
export function rows(kind: Task["kind"], count: number, seed = 5): Row[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, i) => {
    const mood = MOODS[Math.floor(random() * MOODS.length)]!;
    const other = MOODS[Math.floor(random() * MOODS.length)]!;
    const filler = Array.from(
      { length: 3 + Math.floor(random() * 6) },
      () => FILLERS[Math.floor(random() * 6)]!,
    );
    const noise = Array.from({ length: 24 }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join(
      "",
    );
    const text = `${filler.join("")} ${mood} ${noise}`;
    const id = `t${String(i).padStart(4, "0")}`;
    if (kind === "single") return { id, text, label: random() < 0.9 ? mood : other };
    if (kind === "multi") {
      const both = random() < 0.3 && other !== mood;
      return { id, text: both ? `${text} ${other}` : text, labels: both ? [mood, other] : [mood] };
    }
    return { id, text, target: mood };
  });
}

export async function makeTask(
  kind: Task["kind"],
  count: number,
  more: Record<string, unknown> = {},
): Promise<{ folder: string; file: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), "plumb-tuning-"));
  const file = path.join(folder, "moods.plumb.json");
  const task = {
    version: 1,
    name: "moods",
    kind,
    instruction: "the mood of the text",
    ...(kind === "generation" ? {} : { labels: MOODS.map((name) => ({ name })) }),
    examples: "moods.jsonl",
    ...more,
  };
  await writeFile(file, JSON.stringify(task));
  const lines = rows(kind, count).map((row) => `${JSON.stringify(row)}\n`);
  await writeFile(path.join(folder, "moods.jsonl"), lines.join(""));
  return { folder, file, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Rates and steps that the fake engine learns with in a moment. */
export const QUICK = { steps: 40, promptRate: 0.05, biasRate: 0.05, promptLength: 4, evaluateEvery: 8 };

/** One card with so many bytes of free memory. */
export const gpusWith = (freeMemory: number): Gpus => ({
  gpus: [
    {
      id: "cuda:0",
      name: "A card",
      memory: 8e9,
      freeMemory,
      capability: "8.9",
      driver: "13.0",
      precision: "bfloat16",
      cublas: null,
      cublasFile: null,
      cublasMissing: "",
    },
  ],
  cudaMissing: "",
  nccl: { version: null, file: null, missing: "NCCL was not found" },
});

export function fakeTools(behaviour: FakeBehaviour = {}, change: Partial<JobTools> = {}): JobTools {
  return {
    engine: () => fakeEngine(behaviour),
    gpus: () => Promise.resolve(fakeEngine(behaviour).gpus()),
    openBaseModel: () => Promise.resolve(fakeBaseModel()),
    resolveBaseModel: () => Promise.resolve("/models/fake.gguf"),
    readModelSource: () =>
      Promise.resolve({
        config: { model_type: "llama" },
        files: new Map([["tokenizer.json", "{}"]]),
        about: { license: "apache-2.0" },
      }),
    now: () => new Date(),
    availableMemory: () => 8e9,
    peakMemory: () => 1e8,
    version: "0.0.0",
    ...change,
  };
}

export interface Ran {
  messages: FromWorker[];
  result: JobResult | null;
  paused: { folder: string; step: number } | null;
  folder: string;
}

/** Runs a job to its end. `stop` is asked before each micro-batch and after each batch of scores. */
export async function run(
  job: Job,
  tools: JobTools = fakeTools(),
  stop: (messages: FromWorker[]) => StopMode | null = () => null,
  texts: string[][] = [],
): Promise<Ran> {
  const ran: Ran = { messages: [], result: null, paused: null, folder: "" };
  await runJob(job, tools, {
    send: (message) => {
      ran.messages.push(message);
      if (message.type === "started") ran.folder = message.folder;
      if (message.type === "done") ran.result = message.result;
      if (message.type === "paused") ran.paused = message;
    },
    stop: () => stop(ran.messages),
    async *texts() {
      for (const [number, list] of texts.entries()) yield await Promise.resolve({ number, texts: list });
    },
  });
  return ran;
}

export const tune = (task: string, more: Partial<Extract<Job, { type: "tune" }>> = {}): Job => ({
  type: "tune",
  task,
  options: QUICK,
  engine: {},
  ...more,
});
