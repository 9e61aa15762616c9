/**
 * Steps of P-tuning & bias on an NVIDIA GPU, and PyTorch's with transformers and PEFT on the same texts:
 *
 *     npx tsx bench/gpu.ts [--shapes open-llama-3b,smollm2-135m] [--sets 60,256,2048,~60,~256] [--rows 8192] [--steps 10]
 *         [--layers N] [--python PYTHON] [--out docs/performance-gpu.md]
 *
 * A model of the shape has random weights in bfloat16. A step is one micro-batch of about so many tokens (--rows), behind a
 * prompt of 20: forward, backward, clipping and AdamW. A set 60 has texts of 60 tokens; ~60 has texts as they come, of 60 on
 * average and lognormal around it. PyTorch computes the first with the head at the last position alone, which is more than its
 * usual training does; the second in the usual way: padded, with logits at all positions. Rows are also kept in bench/results/gpu.json, where a later call for
 * another shape or length adds to them. --layers: fewer layers, for a profiler. Ends with 77 where there is no GPU.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { loadEngine, type DecoderConfig, type Gpu } from "../src/core/engine";
import { seededRandom } from "../src/core/random";
import { median, packBatch, vectors } from "./lib/batches";
import { table, writeBetween } from "./lib/page";
import { layerWeights, randomModel, SHAPES, type ShapeName } from "./lib/random-model";

const root = path.resolve(__dirname, "..");
const RESULTS = path.join(root, "bench/results/gpu.json");
const PROMPT = 20;
const CANDIDATES = [1000, 2000, 3000, 4000];
const NO_GPU = 77;
/** Dense bfloat16 products with float32 sums in FLOP/s, as NVIDIA's data sheets have them. */
const PEAKS: [RegExp, number][] = [
  [/H100 80GB HBM3|H200|H100 SXM/, 989e12],
  [/H100 PCIe/, 756e12],
  [/A100/, 312e12],
  [/L40S/, 362e12],
  [/L4\b/, 121e12],
  [/RTX 4090/, 165e12],
  [/RTX 3090/, 71e12],
];

interface Row {
  readonly gpu: string;
  readonly driver: string;
  readonly day: string;
  readonly shape: ShapeName;
  /** "60", or "~60" where lengths vary. */
  readonly set: string;
  readonly texts: number;
  readonly checkpoint: boolean;
  readonly products: string;
  /** Milliseconds of a step, median. */
  readonly step: number;
  readonly tokensPerSecond: number;
  readonly flops: number;
  readonly bytes: number;
  readonly forecast: number;
  readonly python?: PythonRow;
}

interface PythonRow {
  readonly step: number;
  readonly tokensPerSecond: number;
  readonly bytes: number;
  readonly versions: string;
}

/** Lengths of about `rows` tokens together. */
function lengthsOf(set: string, rows: number): number[] {
  const mean = Number(set.replace("~", ""));
  const count = Math.max(1, Math.round(rows / mean));
  if (!set.startsWith("~")) return Array.from({ length: count }, () => mean);
  const deviation = 0.6;
  const random = seededRandom(count);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Array.from({ length: count }, () =>
    Math.max(4, Math.round(mean * Math.exp(deviation * normal() - deviation ** 2 / 2))),
  );
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Products and attention of one step, forward and back to the inputs; nothing that is computed a second time counts. */
function flopsOf(config: DecoderConfig, lengths: readonly number[]): number {
  const rows = PROMPT + sum(lengths);
  const width = config.headCount * config.headSize;
  // Each query meets the prompt and, on average, half of its own text: scores and weighted values, two FLOPs each.
  const pairs =
    sum(lengths.map((length) => length * (PROMPT + (length + 1) / 2))) + (PROMPT * (PROMPT + 1)) / 2;
  const attention = 4 * config.layerCount * width * pairs;
  return 4 * layerWeights(config) * rows + 3 * attention;
}

function texts(lengths: readonly number[], vocabulary: number) {
  return lengths.map((length, text) => ({
    tokens: [
      ...Array.from({ length }, (_unused, i) => 300 + ((7919 * (i + text * 1009)) % (vocabulary - 300))),
      CANDIDATES[text % CANDIDATES.length] ?? 0,
    ],
    answer: 1,
  }));
}

interface Wishes {
  readonly rows: number;
  readonly steps: number;
  readonly layers: number | undefined;
  readonly python: string | undefined;
}

async function measure(
  gpu: Gpu,
  shape: ShapeName,
  sets: readonly string[],
  checkpoint: boolean,
  wishes: Wishes,
  folder: string,
): Promise<Row[]> {
  const config = { ...SHAPES[shape], ...(wishes.layers === undefined ? {} : { layerCount: wishes.layers }) };
  const model = await loadEngine().openModel(randomModel(config, path.join(folder, shape)), {
    device: gpu.id,
    precision: "bfloat16",
    weights: "keep",
  });
  const rows: Row[] = [];
  for (const set of sets) {
    const lengths = lengthsOf(set, wishes.rows);
    const tokens = sum(lengths);
    const session = await model.openSession({
      method: { promptLength: PROMPT, biases: ["q", "k", "v", "o", "gate", "up", "down"] },
      checkpoint,
    });
    const batch = packBatch(texts(lengths, config.vocabularySize), vectors(PROMPT), CANDIDATES);
    const free = (await model.freeMemory()) ?? 0;
    const times: number[] = [];
    let least = free;
    for (let step = -2; step < wishes.steps; step++) {
      const start = performance.now();
      await session.accumulate(batch);
      await session.step({
        rates: { prompt: 5e-3, bias: 2e-3 },
        maxNorm: 1,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weightDecay: 0,
      });
      if (step >= 0) times.push(performance.now() - start);
      else least = Math.min(least, (await model.freeMemory()) ?? 0);
    }
    const forecast = model.forecast({
      rows: batch.tokens.length,
      longest: PROMPT + Math.max(...lengths),
      targets: 0,
      train: true,
      checkpoint,
    });
    session.close();
    const step = median(times);
    const row: Row = {
      gpu: gpu.name,
      driver: gpu.driver,
      day: new Date().toISOString().slice(0, 10),
      shape,
      set,
      texts: lengths.length,
      checkpoint,
      products: model.products ?? "",
      step,
      tokensPerSecond: (1000 * tokens) / step,
      flops: (1000 * flopsOf(config, lengths)) / step,
      bytes: gpu.memory - least,
      forecast,
    };
    rows.push(row);
    console.error(
      `${shape} ${set} × ${String(lengths.length)}${checkpoint ? ", computed again" : ""}: ${step.toFixed(1)} ms, ` +
        `${row.tokensPerSecond.toFixed(0)} tokens/s, ${(row.flops / 1e12).toFixed(0)} TFLOP/s, ` +
        `${gib(row.bytes)} in use, forecast ${gib(row.forecast)}; steps ${times.map((time) => time.toFixed(1)).join(" ")}`,
    );
  }
  model.close();
  return rows;
}

/** PyTorch's steps of these rows, in one process. */
function withPython(shape: ShapeName, rows: readonly Row[], wishes: Wishes): Row[] {
  if (wishes.python === undefined) return [...rows];
  const jobs = rows.map(({ set }) => ({ usual: set.startsWith("~"), lengths: lengthsOf(set, wishes.rows) }));
  const args = [path.join(root, "bench/python/gpu.py"), JSON.stringify(SHAPES[shape]), JSON.stringify(jobs)];
  const { status, stdout } = spawnSync(wishes.python, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) return [...rows];
  const found = JSON.parse(stdout) as { seconds: number[]; bytes: number; versions: string }[];
  return rows.map((row, i) => {
    const job = found[i];
    if (job === undefined) return row;
    const step = 1000 * median(job.seconds);
    const tokens = sum(lengthsOf(row.set, wishes.rows));
    const python = {
      step,
      tokensPerSecond: (1000 * tokens) / step,
      bytes: job.bytes,
      versions: job.versions,
    };
    console.error(
      `PyTorch, ${shape} ${row.set}: ${step.toFixed(1)} ms, ${python.tokensPerSecond.toFixed(0)} tokens/s, ` +
        `${gib(job.bytes)} (${job.versions})`,
    );
    return { ...row, python };
  });
}

const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
const peakOf = (gpu: string) => PEAKS.find(([name]) => name.test(gpu))?.[1];

function page(rows: readonly Row[]): string {
  const parts: string[] = [];
  for (const gpu of new Set(rows.map((row) => row.gpu))) {
    const own = rows.filter((row) => row.gpu === gpu);
    const peak = peakOf(gpu);
    const [first] = own;
    parts.push(
      `**${gpu}**, driver for CUDA ${first?.driver ?? ""}, measured on ${[...new Set(own.map((row) => row.day))].join(", ")}` +
        `; products by ${[...new Set(own.map((row) => row.products))].join(" and ")}` +
        (peak === undefined
          ? "."
          : `; its dense bfloat16 peak is taken as ${(peak / 1e12).toFixed(0)} TFLOP/s.`),
      table(
        [
          "model",
          "texts",
          "layers again",
          "step",
          "tokens/s",
          "share of peak",
          "GPU's memory in use",
          "forecast",
          "PyTorch",
          "its memory",
          "Plumb / PyTorch",
        ],
        own.map((row) => [
          row.shape,
          `${String(row.texts)} of ${row.set.replace("~", "about ")}`,
          row.checkpoint ? "yes" : "no",
          `${row.step.toFixed(1)} ms`,
          row.tokensPerSecond.toFixed(0),
          peak === undefined ? "" : `${((100 * row.flops) / peak).toFixed(0)} %`,
          gib(row.bytes),
          gib(row.forecast),
          row.python === undefined ? "" : `${row.python.tokensPerSecond.toFixed(0)} tokens/s`,
          row.python === undefined ? "" : gib(row.python.bytes),
          row.python === undefined
            ? ""
            : `${(row.tokensPerSecond / row.python.tokensPerSecond).toFixed(1)} ×`,
        ]),
      ),
    );
    const versions = new Set(own.flatMap(({ python }) => (python === undefined ? [] : [python.versions])));
    if (versions.size > 0) parts.push(`PyTorch: ${[...versions].join("; ")}.`);
  }
  return parts.join("\n\n");
}

const keyOf = (row: Row) => [row.gpu, row.shape, row.set, row.checkpoint, row.products].join(" ");

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      shapes: { type: "string", default: "open-llama-3b,smollm2-135m" },
      sets: { type: "string", default: "60,256,2048,~60,~256" },
      rows: { type: "string", default: "8192" },
      steps: { type: "string", default: "10" },
      layers: { type: "string" },
      checkpoint: { type: "boolean", default: false },
      python: { type: "string" },
      out: { type: "string", default: path.join(root, "docs/performance-gpu.md") },
    },
  });
  const { gpus, cudaMissing } = loadEngine().gpus();
  const [gpu] = gpus;
  if (gpu === undefined) {
    console.error(`No NVIDIA GPU here: ${cudaMissing}.`);
    process.exitCode = NO_GPU;
    return;
  }
  const wishes: Wishes = {
    rows: Number(values.rows),
    steps: Number(values.steps),
    layers: values.layers === undefined ? undefined : Number(values.layers),
    python: values.python,
  };
  const folder = mkdtempSync(path.join(os.tmpdir(), "plumb-gpu-"));
  const rows: Row[] = [];
  try {
    for (const shape of values.shapes.split(",") as ShapeName[]) {
      const measured = await measure(gpu, shape, values.sets.split(","), values.checkpoint, wishes, folder);
      rows.push(...(wishes.layers === undefined ? withPython(shape, measured, wishes) : []));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (wishes.layers !== undefined) return;
  const before = existsSync(RESULTS) ? (JSON.parse(readFileSync(RESULTS, "utf8")) as Row[]) : [];
  const keys = new Set(rows.map(keyOf));
  const all = [...before.filter((row) => !keys.has(keyOf(row))), ...rows];
  writeFileSync(RESULTS, `${JSON.stringify(all, null, 2)}\n`);
  writeBetween(values.out, "measured", page(all));
  console.log(`Written into ${path.relative(root, values.out)}.`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
