/**
 * Opening time, memory and steps of a model of OpenLLaMA-3B's exact shape in each form:
 *
 *     python bench/python/real_size.py write ~/.cache/plumb/bench/real-size
 *     npx tsx bench/real-size.ts ~/.cache/plumb/bench/real-size [--only FORM,FORM] [--rounds 3] [--memory GIB] [--python PYTHON]
 *
 * A step is one of `plumb tune` with default settings on 4 texts of 128 tokens: micro-batches, and whether weights are kept
 * converted and activations computed twice, are what a run would decide with so much memory available (--memory; else what
 * there is). Behind each step the bare products of the same shapes run once, so that a slow spell of the machine meets both.
 * They have 4 layers' weights of their own, and count for all layers. The seconds that threads computed are compared too: on a busy
 * machine they say more. With --python, PyTorch's step is measured too; --rounds 0 measures the opening alone.
 *
 * Rows are kept in bench/results/real-size.json, and the table of docs/performance.md is written from them.
 */
import { fork } from "node:child_process";
import { readFileSync, writeFileSync, existsSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { buildNative } from "../scripts/lib/build.mjs";
import { loadEngine } from "../src/core/engine";
import { openBaseModel } from "../src/core/model";
import { availableMemory } from "../src/core/tuning/forecast";
import { buildLayout, trainingRows, type Item } from "../src/core/tuning/layout";
import { openForTuning, openTuningSession } from "../src/core/tuning/open";
import { resolveSettings, stepOptions } from "../src/core/tuning/settings";
import { microBatches } from "../src/core/tuning/trainer";
import { median } from "./lib/batches";
import { table, writeBetween } from "./lib/page";
import { watched } from "./lib/watch";

const root = path.resolve(__dirname, "..");
const RESULTS = path.join(root, "bench/results/real-size.json");
const FORMS = ["pickle-float16", "safetensors-bfloat16", "q8_0.gguf", "q4_0.gguf"];
const PYTORCH = "safetensors-bfloat16";
const TEXTS = 4;
const TOKENS = 128;
const PRODUCT_LAYERS = 4;
/** As the worker of a run is started. */
const WAITING = { OMP_WAIT_POLICY: "PASSIVE", GOMP_SPINCOUNT: "5000" };

interface Row {
  readonly form: string;
  readonly day: string;
  readonly processor: string;
  readonly threads: number;
  readonly load: readonly number[];
  readonly precision: string;
  readonly weights: string;
  readonly checkpoint: boolean;
  readonly batches: readonly number[];
  readonly availableBytes: number;
  readonly opening: Took;
  readonly forecastBytes: number;
  readonly peakBytes: number;
  readonly steps: readonly Took[];
  readonly products: readonly Took[];
}

interface Took {
  readonly seconds: number;
  /** Seconds that all threads together computed. */
  readonly computed: number;
}

interface PythonRow {
  readonly day: string;
  readonly torch: string;
  readonly steps: readonly Took[];
  readonly peakBytes: number;
}

interface Results {
  rows: Record<string, Row>;
  python: PythonRow | null;
}

function peakBytes(): number {
  return 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? 0);
}

/** What passes from now on. */
function stopwatch(): () => Took {
  const begun = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { seconds: (performance.now() - begun) / 1000, computed: (user + system) / 1e6 };
  };
}

/** In a process of its own, whose peak of memory is the engine's. */
async function measure(form: string, place: string, rounds: number, memory: number | null): Promise<Row> {
  const [cpu] = loadEngine().devices();
  if (cpu === undefined) throw new Error("The engine names no processor.");
  const available = memory ?? availableMemory();
  const sinceStart = stopwatch();
  const base = await openBaseModel(place);
  const { config } = base.table;
  const task = {
    version: 1 as const,
    name: "Real size",
    kind: "single" as const,
    labels: [{ name: "yes" }, { name: "no" }],
    instruction: "Is it so?",
    examples: "none.jsonl",
  };
  const settings = resolveSettings(
    { batch: TEXTS },
    { kind: "single", examples: 300, contextLength: config.contextLength },
  );
  const { promptLength, maxTokens } = settings;
  const layout = buildLayout(task, base.tokenizer, { promptLength, maxTokens });
  const items = Array.from({ length: TEXTS }, (_, text): Item => {
    const item = (length: number): Item => ({
      id: String(text),
      text: {
        tokens: Array.from(
          { length },
          (_unused, i) => 300 + ((7919 * (i + text * TOKENS)) % (config.vocabularySize - 300)),
        ),
        cut: false,
      },
      answer: { kind: "single", label: text % 2 },
    });
    return item(TOKENS - trainingRows(layout, item(0)));
  });
  const opened = await openForTuning(
    {
      engine: loadEngine,
      gpus: () => Promise.reject(new Error("The processor is measured.")),
      availableMemory: () => available,
    },
    base,
    layout,
    items,
    settings,
    { device: "cpu" },
  );
  const { choices, bytes } = opened;
  const session = await openTuningSession(opened.model, task, base, settings, new Map(), choices);
  const opening = sinceStart();

  const batches = microBatches(layout, items, () => ({ example: 1 }), choices.trainRows);
  const products = async () => {
    const shape = [
      config.hiddenSize,
      config.intermediateSize,
      PRODUCT_LAYERS,
      config.headCount * config.headSize,
      config.kvHeadCount * config.headSize,
    ];
    let [seconds, computed] = [0, 0];
    for (const batch of batches) {
      const args = [...shape, batch.tokens.length, choices.precision, choices.threads, 1].map(String);
      const { output } = await watched(path.join(root, "build/native/plumb_products"), args, WAITING);
      const [wall = NaN, busy = NaN] = output.trim().split(" ").map(Number);
      const all = config.layerCount / PRODUCT_LAYERS / 1000;
      seconds += wall * all;
      computed += busy * all;
    }
    return { seconds, computed };
  };
  const step = async () => {
    const passed = stopwatch();
    for (const batch of batches) await session.accumulate(batch);
    await session.step(stepOptions(settings, 10));
    return passed();
  };
  const times: Took[] = [];
  const floor: Took[] = [];
  for (let round = rounds > 0 ? -1 : 0; round < rounds; round++) {
    const took = await step();
    console.error(`${form}: step ${String(round + 1)} took ${shown(took)}`);
    if (round < 0) continue;
    times.push(took);
    const bare = await products();
    console.error(`${form}: products took ${shown(bare)}`);
    floor.push(bare);
  }
  return {
    form,
    day: new Date().toISOString().slice(0, 10),
    processor: cpu.name,
    threads: choices.threads,
    load: os.loadavg(),
    precision: choices.precision,
    weights: choices.weights,
    checkpoint: choices.checkpoint,
    batches: batches.map(({ tokens }) => tokens.length),
    availableBytes: available,
    opening,
    forecastBytes: bytes,
    peakBytes: peakBytes(),
    steps: times,
    products: floor,
  };
}

async function inChild(args: readonly string[]): Promise<Row> {
  const child = fork(__filename, ["--child", ...args], {
    execArgv: process.execArgv,
    env: { ...process.env, ...WAITING },
  });
  const row = await new Promise<Row>((resolve, reject) => {
    child.once("message", (message) => {
      resolve(message as Row);
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      reject(new Error(`Measuring ended with code ${String(code)}.`));
    });
  });
  return row;
}

async function measurePython(python: string, folder: string): Promise<PythonRow> {
  const file = path.join(folder, "batches.json");
  const tokens = (text: number) =>
    Array.from({ length: TOKENS + 1 }, (_, i) => 300 + 7 * (i + text * TOKENS));
  writeFileSync(
    file,
    JSON.stringify({
      step: [Array.from({ length: TEXTS }, (_, text) => ({ tokens: tokens(text), answer: 1 }))],
    }),
  );
  const threads = String(loadEngine().devices()[0]?.threads ?? 1);
  const script = path.join(root, "bench/python/real_size.py");
  const args = [
    script,
    "time",
    path.join(folder, PYTORCH),
    "--batches",
    file,
    "--threads",
    threads,
    "--steps",
    "1",
  ];
  const { code, output } = await watched(python, args, WAITING);
  if (code !== 0) throw new Error(`PyTorch ended with code ${String(code)}.`);
  const found = JSON.parse(output) as {
    torch: string;
    seconds: number[];
    computed: number[];
    peakBytes: number;
  };
  return {
    day: new Date().toISOString().slice(0, 10),
    torch: found.torch,
    steps: found.seconds.map((seconds, i) => ({ seconds, computed: found.computed[i] ?? NaN })),
    peakBytes: found.peakBytes,
  };
}

const shown = ({ seconds, computed }: Took) => `${seconds.toFixed(1)} s, computed ${computed.toFixed(1)} s`;
const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
const both = ({ seconds, computed }: Took) => `${seconds.toFixed(1)} s (${computed.toFixed(1)} s)`;
const middle = (took: readonly Took[]): Took => ({
  seconds: median(took.map(({ seconds }) => seconds)),
  computed: median(took.map(({ computed }) => computed)),
});

function page({ rows, python }: Results): string {
  const known = FORMS.flatMap((form) => rows[form] ?? []);
  const [first] = known;
  if (first === undefined) return "";
  const facts = (row: Row) =>
    `${row.processor}, ${String(row.threads)} threads, products in ${row.precision}, ${row.day}, load ${(row.load[0] ?? NaN).toFixed(0)}`;
  const ratio = (row: Row, of: keyof Took) =>
    `${median(row.steps.map((step, i) => step[of] / (row.products[i]?.[of] ?? NaN))).toFixed(2)} ×`;
  return [
    `${[...new Set(known.map(facts))].join("; ")}. In parentheses: seconds that both threads computed, whoever else was busy.`,
    table(
      [
        "form",
        "opening",
        "peak memory (forecast)",
        "a step",
        "products alone",
        "ratio of time",
        "ratio of computing",
        "weights",
      ],
      known.map((row) => [
        row.form,
        both(row.opening),
        `${gib(row.peakBytes)} (${gib(row.forecastBytes)})`,
        both(middle(row.steps)),
        both(middle(row.products)),
        ratio(row, "seconds"),
        ratio(row, "computed"),
        row.weights === "keep" ? "in place, or copies kept" : "converted for each use",
      ]),
    ),
    ...(python === null
      ? []
      : [
          `PyTorch ${python.torch} with transformers and PEFT, the same weights in bfloat16 (in float32 they do not fit): ` +
            `${both(middle(python.steps))} a step, ` +
            `${gib(python.peakBytes)} at the peak.`,
        ]),
  ].join("\n\n");
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: "string" },
      rounds: { type: "string", default: "3" },
      memory: { type: "string" },
      python: { type: "string" },
      child: { type: "boolean" },
    },
  });
  const [folder = ""] = positionals;
  if (values.child === true) {
    const [form = "", place = "", rounds, memory = ""] = positionals;
    const row = await measure(form, place, Number(rounds), memory === "" ? null : Number(memory) * 2 ** 30);
    process.send?.(row, () => process.disconnect());
    return;
  }
  // Read anew each time: forms may be measured one beside the other.
  const update = (change: (results: Results) => void) => {
    const results: Results = existsSync(RESULTS)
      ? (JSON.parse(readFileSync(RESULTS, "utf8")) as Results)
      : { rows: {}, python: null };
    change(results);
    writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
    writeBetween(path.join(root, "docs/performance.md"), "real size", page(results));
  };
  if (Number(values.rounds) > 0) await buildNative({ target: "plumb_products" });
  for (const form of values.only?.split(",").filter((name) => name !== "") ?? FORMS) {
    const row = await inChild([form, path.join(folder, form), values.rounds, values.memory ?? ""]);
    update(({ rows }) => {
      const before = rows[form];
      rows[form] = row.steps.length > 0 || before === undefined ? row : { ...before, opening: row.opening };
    });
  }
  const python = values.python === undefined ? null : await measurePython(values.python, folder);
  update((results) => (results.python = python ?? results.python));
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
  // A child that keeps its channel open never ends.
  if (process.connected) process.disconnect();
});
