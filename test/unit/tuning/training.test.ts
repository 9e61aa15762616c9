import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { seededRandom } from "../../../src/core/random";
import { speak } from "../../../src/core/say";
import { MethodName } from "../../../src/core/schema";
import { packByRows, packEvenly, shapeOf } from "../../../src/core/tuning/batch";
import {
  detectNan,
  detectNoMovement,
  detectOneClass,
  guessLossSingle,
} from "../../../src/core/tuning/detectors";
import { forecastSentence, formatBytes, formatDuration, heaviest } from "../../../src/core/tuning/forecast";
import { buildLayout, encodeText, trainingRows, type Item } from "../../../src/core/tuning/layout";
import { DataOrder, exampleWeights, mixSeed } from "../../../src/core/tuning/order";
import { probeSteps } from "../../../src/core/tuning/probe";
import { explainWriteError } from "../../../src/core/tuning/run-folder";
import { decodeTensors, encodeTensors } from "../../../src/core/tuning/safetensors";
import { defaultSteps, rateFactor, resolveSettings, stepOptions } from "../../../src/core/tuning/settings";
import {
  adapterSpec,
  checkSize,
  initialValues,
  methodSpec,
  trainedBytes,
} from "../../../src/core/tuning/methods";
import { microBatches, train, turnsOfStep } from "../../../src/core/tuning/trainer";
import { fakeEngine, fakeTable, fakeTokenizer } from "./fake-engine";

const layout = buildLayout(
  {
    version: 1,
    name: "moods",
    kind: "single",
    labels: [{ name: "happy" }, { name: "sad" }, { name: "angry" }],
    examples: "moods.jsonl",
  },
  fakeTokenizer,
  { promptLength: 4, maxTokens: 512 },
);
/** Texts of different lengths; `labels` in order. */
const itemsOf = (labels: readonly number[]): Item[] =>
  labels.map((label, i) => ({
    id: `t${i}`,
    text: encodeText(layout, fakeTokenizer, "x".repeat(1 + (i % 7))),
    answer: { kind: "single", label },
  }));
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe("order of the data", () => {
  it("shows every example once in each pass, in an order of its own", () => {
    const items = itemsOf(Array.from({ length: 24 }, (_, i) => i % 3));
    const order = new DataOrder(items, 8, 5, "none");
    const pass = (number: number) =>
      [0, 1, 2].flatMap((step) => order.at(3 * number + step).map(({ id }) => id));
    for (const number of [0, 1, 2]) {
      assert.deepEqual([...pass(number)].sort(), items.map(({ id }) => id).sort());
    }
    assert.notDeepEqual(pass(0), pass(1));
  });

  it("follows from seed and step alone", () => {
    const items = itemsOf(Array.from({ length: 25 }, (_, i) => i % 3));
    for (const balance of ["none", "sampling"] as const) {
      const forward = new DataOrder(items, 8, 5, balance);
      const straight = Array.from({ length: 9 }, (_, step) => forward.at(step));
      const jumping = new DataOrder(items, 8, 5, balance);
      for (const step of [8, 0, 4, 3, 7]) assert.deepEqual(jumping.at(step), straight[step]);
      assert.notDeepEqual(new DataOrder(items, 8, 6, balance).at(0), straight[0]);
    }
  });

  it("draws every class equally often where rare ones are helped", () => {
    const items = itemsOf(Array.from({ length: 100 }, (_, i) => (i === 0 ? 2 : i < 10 ? 1 : 0)));
    const order = new DataOrder(items, 8, 1, "sampling");
    const counts = [0, 0, 0];
    for (let step = 0; step < 300; step++) {
      for (const { answer } of order.at(step)) if (answer.kind === "single") counts[answer.label]!++;
    }
    // 2400 draws, 800 expected of each class; five standard deviations are 115.
    for (const count of counts) assert.ok(Math.abs(count - 800) < 115, counts.join());
  });

  it("gives weights that are 1 on average, and more to rare classes", () => {
    const items = itemsOf(Array.from({ length: 60 }, (_, i) => (i < 5 ? 1 : 0)));
    const weights = exampleWeights(items, 3, "weights");
    const all = items.map((item) => weights(item).example);
    assert.ok(Math.abs(sum(all) / all.length - 1) < 1e-12);
    assert.ok(Math.abs(all[0]! / all[59]! - Math.sqrt(55 / 5)) < 1e-12);
    assert.equal(exampleWeights(items, 3, "none")(items[0]!).example, 1);
  });

  it("mixes seeds so that neighbours have nothing in common", () => {
    const seen = new Set<number>();
    for (let a = 0; a < 50; a++) for (let b = 0; b < 50; b++) seen.add(mixSeed(a, b));
    assert.equal(seen.size, 2500);
  });
});

describe("micro-batches", () => {
  it("hold every example once, in order, within the budget", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 60 })),
        fc.integer({ min: 1, max: 100 }),
        (rows, budget) => {
          const groups = packByRows(rows, (count) => count, budget);
          assert.deepEqual(groups.flat(), rows);
          for (const group of groups) assert.ok(group.length === 1 || sum(group) <= budget);
        },
      ),
      { seed: 41 },
    );
  });

  it("keep every lane busy in as few turns as the budget asks for", () => {
    const numbers = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(
        numbers,
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 4 }),
        (rows, budget, lanes) => {
          const turns = (groups: number[][]) => Math.ceil(groups.length / lanes);
          const even = packEvenly(rows, (count) => count, budget, lanes);
          const packed = packByRows(rows, (count) => count, budget);
          assert.deepEqual(even.flat(), rows);
          assert.equal(turns(even), turns(packed));
          const largest = (groups: number[][]) => Math.max(...groups.map(sum));
          assert.ok(largest(even) <= largest(packed));
          // One row less in the largest would take another turn, or leave an item without a place.
          const less = packByRows(rows, (count) => count, largest(even) - 1);
          assert.ok(lanes === 1 || turns(less) > turns(even) || largest(less) === largest(even));
        },
      ),
      { seed: 43 },
    );
    assert.deepEqual(
      packEvenly([1, 1, 1, 1, 1, 1], (count) => count, 100, 3),
      [
        [1, 1],
        [1, 1],
        [1, 1],
      ],
    );
  });

  it("make the loss of a step the mean over its examples, whatever the budget and the lanes", () => {
    const items = itemsOf([0, 1, 2, 0, 1, 2, 0, 1]);
    for (const [train, lanes] of [
      [1, 1],
      [40, 1],
      [70, 2],
      [1000, 1],
      [1000, 3],
    ] as const) {
      const turns = turnsOfStep(layout, items, () => ({ example: 1 }), { train, score: 1, lanes });
      for (const turn of turns) assert.ok(turn.length <= lanes);
      const batches = turns.flat();
      const weights = batches.flatMap((batch) => [...batch.choiceWeight]);
      assert.equal(weights.length, 8);
      assert.ok(Math.abs(sum(weights) - 1) < 1e-6);
    }
    assert.ok(microBatches(layout, items, () => ({ example: 1 }), 40).length > 1);
  });

  it("are never heavier than the forecast takes them to be", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(2), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 10, max: 200 }),
        (labels, budget) => {
          const items = itemsOf(labels);
          const most = heaviest(layout, items, 8, budget);
          const order = new DataOrder(items, 8, 0, "none");
          for (let step = 0; step < 8; step++) {
            for (const batch of microBatches(layout, order.at(step), () => ({ example: 1 }), budget)) {
              const shape = shapeOf(batch);
              // A pass that ends inside a step may bring the longest example twice: only the budget bounds that.
              if (labels.length >= 8) assert.ok(shape.longest <= most.longest);
              assert.ok(
                shape.rows <=
                  Math.max(budget, layout.prefix.length + trainingRows(layout, items[6] ?? items.at(-1)!)),
              );
            }
          }
        },
      ),
      { seed: 42 },
    );
  });
});

describe("schedule and defaults", () => {
  const facts = { kind: "single", examples: 300, contextLength: 2048 } as const;

  it("rises over the warm-up, then falls in a straight line, and never stands at 0", () => {
    const factors = Array.from({ length: 160 }, (_, step) => rateFactor(step, 160, 0.06));
    assert.deepEqual(factors.slice(0, 3), [1 / 10, 2 / 10, 3 / 10]);
    assert.equal(factors[9], 1);
    assert.equal(factors[10], 1);
    assert.equal(factors[85], 0.5);
    assert.equal(factors[159], 1 / 150);
    assert.equal(rateFactor(0, 10, 0), 1);
  });

  it("gives each group its own rate at each step", () => {
    const settings = resolveSettings({ steps: 100, promptRate: 0.5, biasRate: 0.25 }, facts);
    assert.deepEqual(stepOptions(settings, 2).rates, { prompt: 0.25, bias: 0.125 });
    assert.deepEqual(stepOptions({ ...settings, method: "prompt" }, 2).rates, { prompt: 0.25 });
    assert.deepEqual(stepOptions({ ...settings, method: "bias" }, 2).rates, { bias: 0.125 });
    assert.equal(methodSpec({ ...settings, method: "bias" }).promptLength, 0);
    assert.deepEqual(methodSpec({ ...settings, method: "prompt" }).biases, []);
    assert.equal(methodSpec(settings).biases.length, 7);
  });

  it("trains with each method its own groups, and no other method's numbers stand in the settings", () => {
    const groups = (method: MethodName) =>
      Object.keys(stepOptions(resolveSettings({ method, steps: 100 }, facts), 50).rates);
    assert.deepEqual(MethodName.options.map(groups), [
      ["prompt", "bias"],
      ["prompt"],
      ["prompt"],
      ["bias"],
      ["lora"],
      ["full"],
    ]);
    const lora = resolveSettings({ method: "lora", lora: { rank: 4 } }, facts);
    assert.deepEqual(lora.lora, { rank: 4, alpha: 16, dropout: 0, rate: 2e-3 });
    assert.equal(methodSpec(lora).lora?.maps.length, 7);
    assert.equal(resolveSettings({ method: "bias" }, facts).lora, undefined);
    assert.throws(() => resolveSettings({ method: "bias", lora: { rank: 4 } }, facts), /no low-rank updates/);
    assert.throws(() => resolveSettings({ promptEncoder: "mlp" }, facts), /no prompt encoder/);
  });

  it("puts biases on the maps that are asked for, in the engine's order, and on all where none are", () => {
    const of = (options: Parameters<typeof resolveSettings>[0]) => resolveSettings(options, facts);
    assert.deepEqual(methodSpec(of({ biases: ["o", "q", "o"] })).biases, ["q", "o"]);
    assert.deepEqual(of({ biases: ["down", "up", "gate", "o", "v", "k", "q"] }), of({}));
    for (const method of ["prompt", "ptuning", "lora", "full"] as const)
      assert.throws(() => of({ method, biases: ["q"] }), /trains no biases: leave out --biases/);
  });

  it("takes for each method the rates that were searched for it", () => {
    const rates = (method: MethodName) => {
      const { promptRate, biasRate } = resolveSettings({ method }, facts);
      return { promptRate, biasRate };
    };
    assert.deepEqual(rates("ptuning-bias"), { promptRate: 5e-3, biasRate: 2e-3 });
    assert.equal(rates("prompt").promptRate, 1e-2);
    assert.equal(rates("bias").biasRate, 4e-3);
    assert.equal(rates("ptuning").promptRate, 1e-2);
    assert.equal(resolveSettings({ method: "ptuning", promptEncoder: "lstm" }, facts).promptRate, 1e-3);
    assert.equal(resolveSettings({ method: "lora" }, facts).lora?.rate, 2e-3);
    assert.equal(resolveSettings({ method: "full" }, facts).fullRate, 1.2e-4);
  });

  it("leaves nothing of a prompt encoder but its vectors, at both sides of the text", () => {
    const settings = resolveSettings({ method: "ptuning", promptEncoder: "lstm", promptLength: 5 }, facts);
    assert.deepEqual(methodSpec(settings), {
      promptLength: 5,
      promptRight: 5,
      promptEncoder: "lstm",
      biases: [],
    });
    assert.deepEqual(adapterSpec(settings), { promptLength: 5, promptRight: 5, biases: [] });
    const without = resolveSettings({ method: "ptuning" }, facts);
    assert.deepEqual(methodSpec(without), adapterSpec(without));
  });

  it("starts networks where PyTorch starts them, and prompts and updates where nothing is changed yet", () => {
    const start = (name: string, shape: number[]) =>
      initialValues({ name, shape, offset: 0, group: "prompt" }, seededRandom(1));
    const bound = (values: Float32Array | null) => Math.max(...values!.map(Math.abs));
    const near = (value: number, wanted: number) => value <= wanted && value > 0.98 * wanted;
    assert.ok(near(bound(start("model.layers.0.mlp.up_proj.lora_A.weight", [8, 400])), 1 / 20));
    assert.ok(near(bound(start("prompt_encoder.lstm_head.weight_ih_l0", [400, 200])), 1 / 10));
    assert.ok(near(bound(start("prompt_encoder.mlp_head.0.weight", [100, 100])), 1 / 10));
    const normal = start("prompt_encoder.embedding.weight", [100, 100])!;
    const mean = normal.reduce((sum, value) => sum + value, 0) / normal.length;
    const variance = normal.reduce((sum, value) => sum + value ** 2, 0) / normal.length;
    assert.ok(Math.abs(mean) < 0.04 && Math.abs(variance - 1) < 0.06);
    assert.equal(start("model.layers.0.mlp.up_proj.lora_B.weight", [400, 8]), null);
    assert.equal(start("model.layers.0.mlp.up_proj.bias", [400]), null);
  });

  it("counts what a method trains", () => {
    const config = { ...fakeTable.config, layerCount: 2 };
    // q and o 8, k and v 4, gate and up 16, down 8.
    const floats = (options: Parameters<typeof resolveSettings>[0]) =>
      trainedBytes(resolveSettings({ promptLength: 3, ...options }, facts), config) / 16;
    assert.equal(floats({ method: "prompt" }), 3 * 8);
    assert.equal(floats({ method: "bias" }), 2 * (8 + 4 + 4 + 8 + 16 + 16 + 8));
    assert.equal(floats({ method: "bias", biases: ["v", "down"] }), 2 * (4 + 8));
    assert.equal(floats({}), floats({ method: "prompt" }) + floats({ method: "bias" }));
    assert.equal(floats({ method: "lora", lora: { rank: 2 } }), 2 * 2 * (16 + 12 + 12 + 16 + 24 + 24 + 24));
    assert.ok(
      floats({ method: "ptuning", promptEncoder: "lstm" }) >
        floats({ method: "ptuning", promptEncoder: "mlp" }),
    );
    const full = resolveSettings({ method: "full" }, facts);
    const all = trainedBytes(full, config) / (16 + 2 + 4 + 12);
    const layer = 8 * 8 + 4 * 8 + 4 * 8 + 8 * 8 + 3 * 16 * 8 + 2 * 8;
    assert.equal(all, config.vocabularySize * 8 + 2 * layer + 8);
    // Moments of 8 bits save 12 bytes a parameter, half of them while a checkpoint is written, but for the embedding.
    const saved = trainedBytes(full, config) - trainedBytes(full, config, "adamw-8bit");
    assert.equal(saved, 2 * (6 - 8 / 256) * (2 * layer + 8));
    assert.throws(
      () => checkSize({ method: "full" }, 3e9),
      /up to 530 million parameters; this one has 3000/,
    );
    checkSize({ method: "lora" }, 3e9);
  });

  it("makes an adapter of less than 4 MB for a model of OpenLLaMA-3B's shape", () => {
    const shape = {
      hiddenSize: 3200,
      intermediateSize: 8640,
      layerCount: 26,
      headCount: 32,
      kvHeadCount: 32,
    };
    const config = { ...fakeTable.config, ...shape, headSize: 100, vocabularySize: 32000 };
    const numbers = trainedBytes(resolveSettings({}, facts), config) / 16;
    assert.equal(numbers, 20 * 3200 + 26 * (5 * 3200 + 2 * 8640));
    // A number takes four bytes; names, shapes and places of 183 tensors less than 200 each.
    assert.ok(4 * numbers + 200 * 183 < 4e6);
  });

  it("takes more steps for more examples, fewer passes over each", () => {
    assert.equal(defaultSteps(300), 140);
    const sizes = [50, 100, 300, 1000, 5000];
    const steps = sizes.map(defaultSteps);
    for (let i = 1; i < sizes.length; i++) {
      assert.ok(steps[i]! >= steps[i - 1]!);
      assert.ok(steps[i]! / sizes[i]! < steps[i - 1]! / sizes[i - 1]!);
    }
    assert.ok(resolveSettings({}, { ...facts, examples: 10000 }).heldOutShare * 10000 <= 400);
  });

  it("holds out more of a multi-label task, whose thresholds want it, but never over a third", () => {
    const share = (kind: "single" | "multi", examples: number) =>
      resolveSettings({}, { ...facts, kind, examples }).heldOutShare;
    assert.equal(share("single", 300), 0.15);
    assert.equal(share("multi", 60), 1 / 3);
    assert.equal(share("multi", 400), 0.25);
    assert.equal(share("multi", 5000), share("single", 5000));
  });

  it("keeps the length of a text within the model's context", () => {
    assert.equal(resolveSettings({ maxTokens: 9999 }, facts).maxTokens, 2048);
    assert.equal(resolveSettings({ maxTokens: 512 }, facts).maxTokens, 512);
  });

  it("gives a probe as many steps as its time allows", () => {
    assert.deepEqual([0.01, 2, 60].map(probeSteps), [24, 12, 6]);
  });
});

describe("detectors", () => {
  const looks = (losses: number[], answers = 3) =>
    losses.map((loss, i) => ({ step: i * 10, loss, losses: [loss], score: 0.1, answers }));

  it("see a loss or a gradient that is no number", () => {
    assert.equal(detectNan(3, 0.5, 1), null);
    for (const [loss, norm] of [
      [Number.NaN, 1],
      [Infinity, 1],
      [0.5, Number.NaN],
    ] as const) {
      assert.match(detectNan(3, loss, norm)!.message, /^Step 4: the (loss|gradient)/);
    }
  });

  it("see no movement only where neither loss moves, and not too early", () => {
    const flat = Array.from({ length: 60 }, (_, i) => 1 + 0.01 * (i % 3));
    const falling = flat.map((loss, i) => loss - i * 0.01);
    const still = looks([1.1, 1.1, 1.1, 1.1, 1.1, 1.1]);
    assert.equal(detectNoMovement(120, flat, still)?.code, "no-movement");
    assert.equal(detectNoMovement(120, falling, still), null);
    assert.equal(detectNoMovement(120, flat, looks([1.1, 1.1, 1.05])), null);
    assert.equal(detectNoMovement(240, flat, still), null);
    assert.equal(detectNoMovement(60, flat.slice(0, 39), still), null);
    assert.match(detectNoMovement(120, flat, still)!.message, /Try three times/);
    assert.match(detectNoMovement(120, flat, looks([1.1, 5]))!.message, /has risen.*divide .* by ten/);
  });

  it("see one answer for everything only where it is no better than guessing, late in the run", () => {
    const guess = guessLossSingle([0, 0, 0, 1], [0, 0, 1], 2);
    const stuck = looks([1, 0.9, 0.9, 0.9, 0.9, 0.9], 1);
    assert.equal(detectOneClass(50, stuck, 0.85, 2)?.code, "one-class");
    assert.equal(detectOneClass(100, stuck, 0.85, 2), null, "too early");
    assert.equal(detectOneClass(50, stuck, 1.5, 2), null, "better than guessing");
    assert.equal(detectOneClass(50, stuck, 0.85, 1), null, "the held-out part has one class");
    assert.equal(detectOneClass(50, looks([1, 0.9, 0.9, 0.9, 0.9, 0.9], 2), 0.85, 2), null, "two answers");
    // Three of four, and one each that was not seen: (3 + 1) / (4 + 2) and (1 + 1) / (4 + 2).
    assert.ok(Math.abs(guess - (-2 * Math.log(4 / 6) - Math.log(2 / 6)) / 3) < 1e-12);
  });
});

describe("files", () => {
  const values = fc.float32Array({ noNaN: true, maxLength: 20 });

  it("hold tensors and metadata to the bit", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), values),
        fc.dictionary(fc.string(), fc.string()),
        (named, metadata) => {
          const tensors = new Map(
            Object.entries(named)
              .filter(([name]) => name !== "__metadata__" && name !== "__proto__")
              .map(([name, list]) => [name, { shape: [list.length], values: list }]),
          );
          const plain = Object.fromEntries(Object.entries(metadata).filter(([key]) => key !== "__proto__"));
          const bytes = encodeTensors({ tensors, metadata: plain });
          const read = decodeTensors(bytes, "x");
          assert.deepEqual(new Map(read.tensors), tensors);
          assert.deepEqual(read.metadata, plain);
        },
      ),
      { seed: 43 },
    );
  });

  it("that are damaged anywhere are refused or read, never a crash", () => {
    const tensors = new Map([["prompt.left", { shape: [2, 3], values: new Float32Array(6) }]]);
    const whole = encodeTensors({ tensors, metadata: { format: "plumb-adapter" } });
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, byte, length) => {
        const bytes = Uint8Array.from(whole).subarray(0, length);
        if (at < bytes.length) bytes[at] = byte;
        try {
          decodeTensors(bytes, "adapter.safetensors");
        } catch (error) {
          assert.match(String(error), /^PlumbError: adapter\.safetensors is not a whole safetensors file/);
        }
      }),
      { seed: 44, numRuns: 2000 },
    );
  });

  it("that cannot be written are named, with the reason and what to do", () => {
    const full = Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
    assert.match(
      String(explainWriteError(full, "/r/log.jsonl")),
      /Cannot write \/r\/log\.jsonl: no space left/,
    );
    // What Node throws where a folder cannot be made on a read-only disk.
    const readOnly = Object.assign(new Error("ENOENT"), { code: "ENOENT" });
    assert.match(
      String(explainWriteError(readOnly, "/r/.plumb")),
      /Cannot write \/r\/\.plumb: .* choose another folder/,
    );
    const other = new Error("something else");
    assert.equal(explainWriteError(other, "x"), other);
  });
});

describe("words", () => {
  it("are short and exact enough", () => {
    assert.deepEqual([8.6e8, 3.4e9, 999e6].map(formatBytes), ["860 MB", "3.4 GB", "1.0 GB"]);
    assert.deepEqual([0.2, 40, 130, 7200].map(formatDuration), [
      "1 second",
      "40 seconds",
      "2 minutes",
      "2 hours",
    ]);
  });

  it("are a sentence in Russian too, whatever its numbers", () => {
    const texts = JSON.parse(readFileSync("l10n/bundle.l10n.ru.json", "utf8")) as Record<string, string>;
    speak({ language: "ru", texts });
    try {
      const said = (fit: number, folds: number, minutes: number) =>
        forecastSentence({
          ...{ model: "M", fit, heldOut: 57, test: 80, folds, seconds: 60 * minutes, bytes: 2.4e9 },
          ...{ gpu: null, fileBytes: 0 },
        });
      assert.equal(
        said(21, 2, 2),
        "Дообучает M (21 текст), лучший шаг выбирает ещё по 57, в тестовой части 80, " +
          "затем дообучает ещё 2 раза для перекрёстных предсказаний: максимум примерно 2 минуты, память: 2,4 ГБ.",
      );
      assert.match(said(320, 5, 21), /^Дообучает M \(320 текстов\).* ещё 5 раз .* 21 минута, /);
    } finally {
      speak(null);
    }
  });

  it("name a large model's own file where every step reads it", () => {
    const facts = {
      model: "M",
      fit: 9,
      heldOut: 0,
      test: 3,
      folds: 0,
      seconds: 7200,
      bytes: 2.4e9,
      gpu: null,
    };
    assert.match(
      forecastSentence({ ...facts, fileBytes: 98e6 }),
      /: at most about 2 hours and 2\.4 GB of memory\.$/,
    );
    assert.match(
      forecastSentence({ ...facts, fileBytes: 6.9e9 }),
      /2\.4 GB of memory, beside the model's own 6\.9 GB, /,
    );
    assert.match(
      forecastSentence({ ...facts, gpu: "A card", fileBytes: 0 }),
      /: at most about 2 hours and 2\.4 GB of the memory of A card\.$/,
    );
  });
});

describe("a finished training", () => {
  it("leaves the best step's parameters in the session, not the last one's", async () => {
    const settings = resolveSettings(
      { steps: 200, promptLength: 4, promptRate: 0.5, biasRate: 0.5, evaluateEvery: 5, patience: 3 },
      { kind: "single", examples: 60, contextLength: 512 },
    );
    const model = await fakeEngine().openModel(fakeTable);
    const session = await model.openSession({ method: methodSpec(settings) });
    // Labels that follow from nothing: what is learned of them is soon wrong elsewhere.
    const labels = Array.from({ length: 60 }, (_, i) => mixSeed(7, i) % 3);
    const outcome = await train(
      {
        session,
        layout,
        fit: itemsOf(labels),
        heldOut: itemsOf(labels.map((label) => (label + 1) % 3)),
        settings,
        budget: { train: 512, score: 512 },
        resume: null,
      },
      {
        save: () => Promise.resolve(),
        progress: () => undefined,
        stop: () => null,
        now: () => 0,
        checkpointSeconds: 1000,
      },
    );
    assert.equal(outcome.kind, "finished");
    assert.ok(outcome.best.step < outcome.snapshot.losses.length);
    assert.deepEqual(await session.read(), outcome.best.parameters);
    assert.notDeepEqual(outcome.snapshot.session.parameters, outcome.best.parameters);
  });
});
