import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { ablationOf, PARTS, WHOLE, type PartRun } from "../../../src/core/bench/ablation";
import { renderAblationText } from "../../../src/core/bench/ablation-page";
import { ablationSuite, writeAblation } from "../../../src/core/bench/ablation-task";
import { curveSuite } from "../../../src/core/bench/curve-task";
import { cellsOf } from "../../../src/core/bench/cells";
import { movementOf } from "../../../src/core/bench/movement";
import { runCells, type Start } from "../../../src/core/bench/run-cells";
import { PlumbError } from "../../../src/core/errors";
import { seededRandom } from "../../../src/core/random";
import type { Report } from "../../../src/core/schema";
import { fakeTools, makeTask, run } from "../tuning/fake-task";

const NOTHING = { movement: null, failed: [] };

/** A run that gets a share of 400 texts right, others with each `luck`, and its untuned rival. */
function runOf(part: string, seed: number, right: number, luck = seed, gain = 0.2): PartRun {
  const rows = Array.from({ length: 400 }, (_, i) => {
    const truth = i % 2 ? "a" : "b";
    const known = seededRandom(1000 * luck + i)() < right;
    return {
      id: `t${i}`,
      truth: [truth],
      predicted: [known ? truth : truth === "a" ? "b" : "a"],
      right: known,
    };
  });
  const report = {
    task: { name: "t", kind: "single", labels: ["a", "b"] },
    data: { train: 100 },
    run: { seconds: 60, trainedParameters: 10, device: "a processor" },
    rows,
    generation: null,
    classification: { classes: ["a", "b"].map((label) => ({ label, f1: { value: 0.5 } })) },
    rivals: [
      {
        name: "untuned",
        main: { value: 0.5, low: 0.4, high: 0.6 },
        difference: { low: gain - 0.1, high: gain + 0.1 },
      },
    ],
  };
  return { part, seed, report: report as unknown as Report };
}

describe("an ablation", () => {
  it("tells parts that bring less from those that bring as much, on the same texts and seeds", () => {
    const { parts, gains, sentence, untuned } = ablationOf(
      [
        runOf(WHOLE, 0, 0.8),
        runOf(WHOLE, 1, 0.8),
        runOf("vectors alone", 0, 0.65),
        runOf("vectors alone", 1, 0.65),
        runOf("biases alone", 0, 0.8),
        runOf("biases alone", 1, 0.8),
        runOf("vectors, biases of attention", 0, 0.79, 7),
      ],
      NOTHING,
    );
    const by = new Map(parts.map((part) => [part.part, part]));
    assert.equal(gains, true);
    assert.equal(by.get(WHOLE)!.difference, null);
    assert.ok(Math.abs(by.get(WHOLE)!.gain! - (by.get(WHOLE)!.quality.value! - untuned.value!)) < 1e-12);
    const vectors = by.get("vectors alone")!.difference!;
    assert.equal(vectors.standing, "worse");
    assert.ok(vectors.low! < -0.15 && vectors.high! < -0.1 && vectors.low! > -0.25);
    // The same answers to the same texts: nothing that is drawn can tell the two apart.
    assert.deepEqual(by.get("biases alone")!.difference, { value: 0, low: 0, high: 0, standing: "as-well" });
    // Other texts got right, as many: unpaired luck of four hundred texts.
    assert.equal(by.get("vectors, biases of attention")!.difference!.standing, "cannot-tell");
    assert.equal(by.get("vectors, biases of attention")!.runs, 1);
    assert.match(
      sentence,
      /Clearly less than the whole: "vectors alone"\. As much .*: "biases alone"\. Not told/,
    );
  });

  it("has the time of a run by device, where its runs were done on several", () => {
    const onGpu = runOf(WHOLE, 1, 0.8);
    const report = { ...onGpu.report, run: { ...onGpu.report.run, device: "a GPU", seconds: 2 } };
    const ablation = ablationOf([runOf(WHOLE, 0, 0.8), { ...onGpu, report }, runOf("biases alone", 0, 0.8)], {
      ...NOTHING,
    });
    const text = renderAblationText(ablation);
    assert.match(text, /all biases .* 1 min 00 s on a processor; 2 s on a GPU$/m);
    assert.match(text, /biases alone .* 1 min 00 s on a processor$/m);
  });

  it("says nothing of what carries a gain that is none", () => {
    const sentence = (gain: number) =>
      ablationOf(
        [runOf(WHOLE, 0, 0.8), runOf(WHOLE, 1, 0.8, 1, gain), runOf("biases alone", 0, 0.7)],
        NOTHING,
      ).sentence;
    assert.match(sentence(0.05), /cannot be told/);
    assert.match(
      sentence(0.2),
      /^Tuning brings 0\.\d\d over the base model untuned, biases alone 0\.\d\d\. Clearly/,
    );
  });

  it("needs the whole, a part and one test part", () => {
    const failed = [{ cell: "t-part-s0", reason: "It burns." }];
    assert.throws(
      () => ablationOf([runOf(WHOLE, 0, 0.8)], { ...NOTHING, failed }),
      /nothing to compare.*\n {2}t-part-s0: It burns\.$/,
    );
    assert.throws(() => ablationOf([runOf("biases alone", 0, 0.8)], NOTHING), /nothing to compare/);
    const other = runOf("biases alone", 0, 0.8);
    const cut = { ...other, report: { ...other.report, rows: other.report.rows.slice(1) } };
    assert.throws(() => ablationOf([runOf(WHOLE, 0, 0.8), cut], NOTHING), /different test parts/);
  });

  it("measures movement as worked by hand", () => {
    const tensor = (...values: number[]) => ({ shape: [values.length], values: Float32Array.from(values) });
    const adapter = (factor: number) =>
      new Map([
        ["prompt.left", tensor(9, 9)],
        ["model.layers.0.self_attn.q_proj.bias", tensor(3 * factor, -4 * factor)],
        ["model.layers.11.mlp.up_proj.bias", tensor(0, factor, 0, 0)],
      ]);
    const { groups, layers } = movementOf([adapter(1), adapter(2)])!;
    assert.deepEqual(
      groups.map(({ group, numbers, largest }) => [group, numbers, largest]),
      [
        ["attention", 2, 8],
        ["q", 2, 8],
        ["mlp", 4, 2],
        ["up", 4, 2],
      ],
    );
    // Squares: 25 + 100 of q in four values, 1 + 4 of up in eight.
    const near = (value: number, wanted: number) => assert.ok(Math.abs(value - wanted) < 1e-6, `${value}`);
    near(groups[1]!.typical, Math.sqrt(125 / 4));
    near(groups[3]!.typical, Math.sqrt(5 / 8));
    near(groups[0]!.shareOfMovement, 125 / 130);
    near(groups[2]!.shareOfNumbers, 4 / 6);
    // Twelve layers in ten rows, each in one of them.
    assert.equal(layers.length, 10);
    assert.deepEqual(
      layers.map(({ first, last }) => last - first + 1).reduce((sum, n) => sum + n),
      12,
    );
    near(layers[0]!.typical.q!, Math.sqrt(125 / 4));
    assert.equal(layers[0]!.typical.up, null);
    assert.ok(layers.at(-1)!.typical.up! > 0 && layers.at(-1)!.last === 12);
    assert.equal(movementOf([new Map([["prompt.left", tensor(1)]])]), null);
  });
});

describe("an ablation of a task", function () {
  this.timeout(120_000);
  let task: Awaited<ReturnType<typeof makeTask>>;
  const prepare = async (seeds: number[]) => {
    const suite = await ablationSuite(task.file, { seeds, steps: 10 });
    return cellsOf(suite, {}, fakeTools());
  };
  const here: Start = async (job) => {
    const { result, paused } = await run(job);
    return result === null ? { kind: "paused", ...paused! } : { kind: "done", result };
  };
  const quiet = { retry: false, ended: () => undefined };

  beforeEach(async () => {
    task = await makeTask("single", 60);
  });
  afterEach(() => task.remove());

  it("tunes each part by itself, once, and shows all on one page", async () => {
    const cells = await prepare([0, 1]);
    assert.equal(cells.length, 2 * PARTS.length);
    const out = path.join(task.folder, "ablation");
    await runCells(out, cells, here, quiet);
    const { ablation, page } = await writeAblation(out, cells);
    await runCells(out, cells, () => assert.fail("tuned again"), quiet);
    assert.deepEqual(
      ablation.parts.map(({ part, runs }) => [part, runs]),
      PARTS.map(({ name }) => [name, 2]),
    );
    const trained = new Map(ablation.parts.map((part) => [part.part, part.trainedParameters]));
    assert.equal(trained.get("vectors alone")! + trained.get("biases alone")!, trained.get(WHOLE));
    assert.deepEqual(
      ablation.movement!.groups.map(({ group, shareOfMovement }) => [group, shareOfMovement]),
      [
        ["attention", 1],
        ["q", 1],
      ],
    );
    assert.deepEqual(JSON.parse(await readFile(path.join(out, "ablation.json"), "utf8")), ablation);
    const html = await readFile(page, "utf8");
    assert.match(html, /Content-Security-Policy/);
    assert.doesNotMatch(html, /<script|https?:/);
    for (const { name } of PARTS) assert.ok(html.includes(name));
  });

  it("is refused by the option that asks for more examples than there are, as a curve is", async () => {
    await assert.rejects(
      ablationSuite(task.file, { seeds: [0], trainLimit: 900 }),
      /^PlumbError: --train-limit asks for 900 training examples, .*moods\.plumb\.json has \d\d\. Ask for fewer/,
    );
    await assert.rejects(
      curveSuite(task.file, { seeds: [0], sizes: [10, 901, "all"] }),
      /--sizes asks for 901/,
    );
  });

  it("goes on without a part that failed, and says which and why", async () => {
    const cells = await prepare([0]);
    const out = path.join(task.folder, "ablation");
    const failing: Start = (job, cell) =>
      cell.method === "vectors alone"
        ? Promise.reject(new PlumbError("not-a-number", "The loss is <not> a number."))
        : here(job, cell);
    await runCells(out, cells, failing, quiet);
    const { ablation, page } = await writeAblation(out, cells);
    assert.equal(ablation.parts.length, PARTS.length - 1);
    assert.deepEqual(
      ablation.failed.map(({ reason }) => reason),
      ["The loss is <not> a number."],
    );
    assert.match(await readFile(page, "utf8"), /The loss is &lt;not&gt; a number\./);
  });
});
