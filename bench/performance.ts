/**
 * Measures what docs/performance.md says, and writes its tables: `npm run bench`. All figures of a row are of one run; the
 * engine, the bare products and PyTorch take turns, so that a slow spell of the machine meets all of them.
 */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { loadTask } from "../src/core/data";
import { loadEngine } from "../src/core/engine";
import { type BaseModel, openBaseModel, resolveBaseModel } from "../src/core/model";
import { seededRandom } from "../src/core/random";
import { buildLayout, encodeText } from "../src/core/tuning/layout";
import { type Sequence, median } from "./lib/batches";
import { table, writeBetween } from "./lib/page";
import { PROCESSOR } from "./lib/tune";
import { watched } from "./lib/watch";

const root = path.resolve(__dirname, "..");
const SAMPLE = path.join(root, "media/sample/manipulation.plumb.json");
const ROUNDS = Number(process.argv[2] ?? 3);
const SETS = ["short texts", "512 tokens"] as const;
/** Threads that spin while they wait: what the library does when nobody asks, and best on a machine that does nothing else. */
const DEFAULT_WAITING = { OMP_WAIT_POLICY: undefined, GOMP_SPINCOUNT: undefined };
type SetName = (typeof SETS)[number];
type Sets = Record<SetName, Sequence[][]>;

/** Four batches of eight texts of the sample task, as a run packs them; and one of four texts of 512 tokens, made of them. */
async function makeBatches(base: BaseModel): Promise<{ sets: Sets; candidates: number[] }> {
  const { task, examples } = await loadTask(SAMPLE);
  const layout = buildLayout(task, base.tokenizer, {
    promptLength: 20,
    maxTokens: base.table.config.contextLength,
  });
  const candidates = (task.labels ?? []).map(
    ({ name, word }) => base.tokenizer.encode(` ${word ?? name}`)[0] ?? 0,
  );
  const sequences = examples.slice(0, 32).map(({ text }, i) => ({
    tokens: [...encodeText(layout, base.tokenizer, text).tokens, candidates[i % candidates.length] ?? 0],
    answer: 1,
  }));
  const stream = examples.flatMap(({ text }) => base.tokenizer.encode(text));
  const long = Array.from({ length: 4 }, (_, i) => ({
    tokens: [...stream.slice(512 * i, 512 * (i + 1)), candidates[i] ?? 0],
    answer: 1,
  }));
  return {
    sets: {
      "short texts": [0, 8, 16, 24].map((first) => sequences.slice(first, first + 8)),
      "512 tokens": [long],
    },
    candidates,
  };
}

/** Milliseconds of the products alone for one step of each batch of a set, median of four. */
async function bareProducts(
  base: BaseModel,
  set: Sequence[][],
  precision: string,
  threads: number,
): Promise<number> {
  const c = base.table.config;
  const times: number[] = [];
  for (const batch of set) {
    const rows = 20 + batch.reduce((sum, { tokens }) => sum + tokens.length - 1, 0);
    const shape = [
      c.hiddenSize,
      c.intermediateSize,
      c.layerCount,
      c.headCount * c.headSize,
      c.kvHeadCount * c.headSize,
      rows,
    ];
    const args = [...shape.map(String), precision, String(threads), "4"];
    const { output } = await watched(path.join(root, "build/native/plumb_products"), args, DEFAULT_WAITING);
    times.push(median(output.trim().split("\n").map(Number.parseFloat)));
  }
  return times.reduce((sum, time) => sum + time, 0) / times.length;
}

async function json<T>(command: string, args: string[], env?: NodeJS.ProcessEnv): Promise<T> {
  const { code, output } = await watched(command, args, env);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with code ${String(code)}.`);
  return JSON.parse(output) as T;
}

interface StepRow {
  what: string;
  precision: string;
  engine: number;
  products: number | null;
  python: number | null;
}

const TITLES: Record<SetName, string> = {
  "short texts": "8 short texts (sample task)",
  "512 tokens": "4 texts of 512 tokens",
};
/** What all parameters are timed with: they want much memory, of which long texts would want more. */
const FULL: SetName = "short texts";

async function steps(base: BaseModel, threads: number, folder: string): Promise<StepRow[]> {
  const { sets, candidates } = await makeBatches(base);
  const file = path.join(folder, "batches.json");
  writeFileSync(file, JSON.stringify({ sets, candidates }));
  const pythonFile = path.join(folder, "python.json");
  writeFileSync(pythonFile, JSON.stringify(sets));
  const fullFile = path.join(folder, "full.json");
  writeFileSync(fullFile, JSON.stringify({ sets: { [FULL]: sets[FULL] }, candidates }));
  const pythonFullFile = path.join(folder, "python-full.json");
  writeFileSync(pythonFullFile, JSON.stringify({ [FULL]: sets[FULL] }));
  const python = process.env.PLUMB_PYTHON ?? "python3";
  const precisions =
    loadEngine().devices()[0]?.precision === "bfloat16" ? ["float32", "bfloat16"] : ["float32"];
  const found = new Map<string, number[]>();
  const note = (key: string, value: number) => found.set(key, [...(found.get(key) ?? []), value]);
  for (let round = 0; round < ROUNDS; round++) {
    for (const precision of precisions) {
      for (const set of SETS)
        note(`products ${precision} ${set}`, await bareProducts(base, sets[set], precision, threads));
      const args = ["--import", "tsx", path.join(root, "bench/step.ts"), base.path, file, precision, "3"];
      const times = await json<Record<string, number[]>>(process.execPath, args);
      for (const set of SETS) note(`engine ${precision} ${set}`, median(times[set] ?? []));
    }
    const rival = (batches: string, more: readonly string[] = []) =>
      json<{ sets: Record<string, { median: number }> }>(
        python,
        [
          path.join(root, "bench/python/baseline.py"),
          ...["--model", base.path, "--batches", batches, "--steps", "3", "--threads", String(threads)],
          ...more,
        ],
        DEFAULT_WAITING,
      );
    const usual = await rival(pythonFile);
    for (const set of SETS) note(`python ${set}`, 1000 * (usual.sets[set]?.median ?? NaN));

    for (const precision of precisions) {
      const args = ["--import", "tsx", path.join(root, "bench/step.ts"), base.path, fullFile, precision, "3"];
      const times = await json<Record<string, number[]>>(process.execPath, [...args, "full"]);
      note(`engine full ${precision}`, median(times[FULL] ?? []));
    }
    note("python full", 1000 * ((await rival(pythonFullFile, ["--full"])).sets[FULL]?.median ?? NaN));
    console.error(`round ${String(round + 1)} of ${String(ROUNDS)} done`);
  }
  const of = (key: string) => median(found.get(key) ?? []);
  const rows = precisions.flatMap((precision) =>
    SETS.map((set) => ({
      what: TITLES[set],
      precision,
      engine: of(`engine ${precision} ${set}`),
      products: of(`products ${precision} ${set}`),
      python: precision === "float32" ? of(`python ${set}`) : null,
    })),
  );
  return [
    ...rows,
    ...precisions.map((precision) => ({
      what: `all parameters (method full), ${TITLES[FULL]}`,
      precision,
      engine: of(`engine full ${precision}`),
      products: null,
      python: precision === "float32" ? of("python full") : null,
    })),
  ];
}

/** The sample task tuned and reported with default settings in a copy of its folder. */
async function demo(folder: string, env: NodeJS.ProcessEnv, title: string) {
  const copy = path.join(folder, title);
  cpSync(path.dirname(SAMPLE), copy, { recursive: true, filter: (file) => !file.includes(".plumb/") });
  const args = [path.join(root, "dist/cli.js"), "tune", path.join(copy, path.basename(SAMPLE)), ...PROCESSOR];
  const run = await watched(process.execPath, args, env);
  if (run.code !== 0) throw new Error(`The demo's tuning ended with code ${String(run.code)}.`);
  return run;
}

/** `plumb check` of 100,000 short examples: words of the sample's texts, drawn anew. */
async function check(folder: string) {
  const { task, examples } = await loadTask(SAMPLE);
  const words = examples.flatMap(({ text }) => text.split(/\s+/));
  const random = seededRandom(1);
  const below = (n: number) => Math.floor(random() * n);
  const labels = task.labels ?? [];
  const lines = Array.from({ length: 100_000 }, (_, i) => {
    const text = Array.from({ length: 6 + below(20) }, () => words[below(words.length)]).join(" ");
    return JSON.stringify({ id: String(i), text, label: labels[i % labels.length]?.name });
  });
  writeFileSync(path.join(folder, "large.jsonl"), `${lines.join("\n")}\n`);
  const file = path.join(folder, "large.plumb.json");
  writeFileSync(file, JSON.stringify({ ...task, examples: "large.jsonl" }));
  return watched(process.execPath, [path.join(root, "dist/cli.js"), "check", file]);
}

const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
const times = (ratio: number) => `${ratio.toFixed(2)} ×`;

async function main(): Promise<void> {
  const [cpu] = loadEngine().devices();
  if (cpu === undefined) throw new Error("The engine names no processor.");
  const base = await openBaseModel(await resolveBaseModel(undefined));
  const folder = mkdtempSync(path.join(os.tmpdir(), "plumb-bench-"));
  try {
    const rows = await steps(base, cpu.threads, folder);
    const plain = await demo(folder, {}, "demo");
    const avx2 = await demo(folder, { PLUMB_MAX_ISA: "avx2" }, "demo-avx2");
    const large = await check(folder);
    const load = os.loadavg().map((value) => value.toFixed(1));
    const day = new Date().toISOString().slice(0, 10);
    writeBetween(
      path.join(root, "docs/performance.md"),
      "measured",
      [
        `Measured on ${day} on ${cpu.name}, ${String(cpu.threads)} threads (${cpu.features.join(", ") || "no vector extensions"}), ` +
          `Node.js ${process.version}, load at the end ${load.join(" ")}; ${base.name}; rounds of the steps: ${String(ROUNDS)}.`,
        table(
          [
            "a training step",
            "product type",
            "Plumb",
            "products alone",
            "Plumb / products",
            "PyTorch, float32",
            "PyTorch / Plumb",
          ],
          rows.map((row) => [
            row.what,
            row.precision,
            `${row.engine.toFixed(0)} ms`,
            row.products === null ? "" : `${row.products.toFixed(0)} ms`,
            row.products === null ? "" : times(row.engine / row.products),
            row.python === null ? "" : `${row.python.toFixed(0)} ms`,
            row.python === null ? "" : times(row.python / row.engine),
          ]),
        ),
        table(
          ["a whole command", "time", "peak memory of its largest process"],
          [
            [
              "`plumb tune media/sample/manipulation.plumb.json`",
              `${plain.seconds.toFixed(0)} s`,
              gib(plain.peakBytes),
            ],
            [
              "the same held to AVX2 (`PLUMB_MAX_ISA=avx2`)",
              `${avx2.seconds.toFixed(0)} s`,
              gib(avx2.peakBytes),
            ],
            [
              "`plumb check` of 100,000 short examples",
              `${large.seconds.toFixed(1)} s`,
              gib(large.peakBytes),
            ],
          ],
        ),
      ].join("\n\n"),
    );
    console.log("Written into docs/performance.md.");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
