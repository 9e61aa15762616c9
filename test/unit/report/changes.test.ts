import assert from "node:assert/strict";
import {
  buildReport,
  changedTexts,
  classDifferences,
  compareReports,
  renderComparisonText,
  renderComparison,
} from "../../../src/core/report";
import type { RunFacts } from "../../../src/core/report/html/comparison-settings";
import { TuningSettings, type Report } from "../../../src/core/schema";
import { resolveSettings } from "../../../src/core/tuning/settings";
import { assertBalanced } from "./balanced";
import { generationSample, sample } from "./samples";

/** Two runs on the same test part, the second with decisions of its own on a part of it. */
function twoRuns(kind: "single" | "multi"): [Report, Report] {
  const input = sample(kind, { labels: 3, train: 60, test: 60, skill: 0.8 });
  const other = {
    ...input,
    run: { ...input.run, id: "other", startedAt: "2026-01-03T03:04:05Z" },
    predictions: input.predictions.map((one, at) =>
      at % 3 === 0 ? { ...one, scores: [...one.scores!].reverse() } : one,
    ),
  };
  return [buildReport(input), buildReport(other)];
}

const single = twoRuns("single");
const multi = twoRuns("multi");

describe("differences of two runs", () => {
  for (const [kind, [first, second]] of [
    ["single", single],
    ["multi", multi],
  ] as const) {
    it(`${kind}: per class they are those of the reports, inside their intervals`, () => {
      const differences = classDifferences(first, second);
      assert.equal(differences.length, 3);
      differences.forEach(({ first: mine, second: theirs, difference, support }, at) => {
        const [one, other] = [first, second].map((report) => report.classification!.classes[at]!);
        assert.equal(mine.f1, one!.f1.value);
        assert.equal(theirs.f1, other!.f1.value);
        assert.equal(mine.precision, one!.precision.value);
        assert.equal(theirs.recall, other!.recall.value);
        assert.equal(support, one!.support);
        assert.equal(difference.value, mine.f1! - theirs.f1!);
        assert.ok(difference.low! <= difference.value && difference.value <= difference.high!);
      });
    });

    it(`${kind}: turned round, they change their sign alone`, () => {
      const there = classDifferences(first, second);
      const back = classDifferences(second, first);
      there.forEach(({ difference }, at) => {
        const { value, low, high } = back[at]!.difference;
        for (const [one, other] of [
          [difference.value, value],
          [difference.low, high],
          [difference.high, low],
        ])
          assert.ok(Math.abs(one! + other!) < 1e-12);
      });
    });

    it(`${kind}: the texts that only one gets right are those of McNemar's test`, () => {
      const changed = changedTexts(first, second);
      const { mcnemar } = compareReports(first, second);
      const count = (right: string) => changed.filter((one) => one.right === right).length;
      assert.equal(count("first"), mcnemar.onlyFirst);
      assert.equal(count("second"), mcnemar.onlySecond);
      const byId = new Map(second.rows.map((row) => [row.id, row]));
      const differ = first.rows.filter(
        (row) => row.predicted.join("\n") !== byId.get(row.id)!.predicted.join("\n"),
      );
      assert.deepEqual(changed.map((one) => one.first.id).sort(), differ.map(({ id }) => id).sort());
    });
  }

  it("a run differs from itself in nothing, and for certain", () => {
    const [first] = single;
    assert.deepEqual(changedTexts(first, first), []);
    for (const { difference } of classDifferences(first, first))
      assert.deepEqual(difference, { value: 0, low: 0, high: 0 });
  });

  it("count only texts that both runs have with the same answer", () => {
    const [first, second] = single;
    const rows = second.rows.slice(10).map((row, at) => (at === 0 ? { ...row, truth: ["label 9"] } : row));
    const part = { ...second, rows };
    assert.equal(
      classDifferences(first, part).reduce((sum, { support }) => sum + support, 0),
      first.rows.length - 11,
    );
    const known = new Set(rows.slice(1).map(({ id }) => id));
    for (const { first: row } of changedTexts(first, part)) assert.ok(known.has(row.id));
  });
});

describe("the page that compares runs", () => {
  it("shows no choice where nobody answers it: a page's panel brings it out", () => {
    const choices = renderComparison(single, { reference: 0 }).match(/<input[^>]*>/g) ?? [];
    assert.equal(choices.length, 2);
    for (const choice of choices) assert.match(choice, / hidden=""/);
  });

  it("is well formed for two and three runs, whichever is the reference, and for generation", () => {
    const third = { ...single[1], run: { ...single[1].run, id: "third" } };
    for (const reference of [0, 2]) assertBalanced(renderComparison([...single, third], { reference }));
    assertBalanced(renderComparison(multi, { reference: 1 }));
    const outputs = [generationSample(30, 3), generationSample(30, 4)].map(buildReport);
    assertBalanced(renderComparison(outputs, { reference: 0 }));
  });

  it("names the runs by letters, says what leads over which, and lists every text that changed", () => {
    const [first, second] = single;
    const page = renderComparison([first, second], { reference: 0 });
    const { outcome } = compareReports(second, first);
    const said = { better: "B is better than A", worse: "B is worse than A" }[outcome as "better" | "worse"];
    assert.ok(page.includes(said), outcome);
    assert.match(page, /tells these adapters apart, not their settings/);
    assert.match(
      renderComparisonText(compareReports(second, first)),
      /tells these adapters apart, not their settings/,
    );
    for (const { first: row } of changedTexts(second, first))
      assert.ok(page.includes(`class="id">${row.id}<`));
  });

  it("shows each class with its sign, in the colour that was chosen for it", () => {
    const [first, second] = single.map((report) => ({
      ...report,
      task: { ...report.task, colors: [null, null, "orange" as const] },
    }));
    const page = renderComparison([first!, second!], { reference: 0 });
    const signs = Array.from(
      page.matchAll(/data-color="(\w+)"\s+aria-hidden="true"\s*>(.)<\/span\s*><bdi>([^<]*)/gu),
      ([, color, shape, label]) => `${color} ${shape} ${label}`,
    );
    assert.deepEqual(signs.sort(), ["blue ● label 0", "orange ▲ label 2", "yellow ■ label 1"]);
  });

  it("says why a run cannot be compared, and compares the others", () => {
    const [first, second] = single;
    const strange = { ...second, task: { ...second.task, labels: ["x", "y", "z"] } };
    const page = renderComparison([first, strange, second], { reference: 0 });
    assertBalanced(page);
    assert.match(page, /B cannot be compared with A:[^]*not runs of the same task/);
    assert.match(page, /C against A, per class/);
  });

  it("shows hostile texts and labels as text", () => {
    const evil = `<img src=x onerror=alert(1)>"'&`;
    const [first, second] = single;
    const texts = new Map(first.rows.map(({ id }) => [id, evil]));
    const page = renderComparison([first, second], { reference: 0, texts });
    assert.ok(!page.includes("<img"));
    assertBalanced(page);
  });

  describe("says what was done differently", () => {
    const facts: RunFacts = {
      program: "0.1.0",
      task: { file: "", hash: "", content: { version: 1, name: "a", kind: "single", examples: "a.jsonl" } },
      folds: null,
      settings: resolveSettings({}, { kind: "single", examples: 60, contextLength: 2048 }),
      ...({ baseModel: { fingerprint: "one" }, engine: { optimizer: "adamw" } } as Pick<
        RunFacts,
        "baseModel" | "engine"
      >),
    };
    /** Rows of the table of settings: name, values, whether it is marked as different. */
    const rows = (...manifests: (RunFacts | null)[]) => {
      const page = renderComparison([single[0], single[0]], { reference: 0, manifests });
      const table = /<table data-name="Settings and cost of the runs">[^]*?<\/table>/u.exec(page)![0];
      return new Map(
        [...table.matchAll(/<tr class="(\w*)">\s*<th scope="row">([^<]*)<\/th>([^]*?)<\/tr>/gu)].map(
          ([, mark, name, cells]) => [
            name!,
            {
              differs: mark === "own",
              values: [...cells!.matchAll(/<td[^>]*>([^<]*)<\/td>/gu)].map(([, value]) => value),
            },
          ],
        ),
      );
    };
    const usual = rows(facts, facts);
    const differing = (other: RunFacts) => [...rows(facts, other)].filter(([, { differs }]) => differs);
    const settings = (change: Partial<TuningSettings>): RunFacts => ({
      ...facts,
      settings: { ...facts.settings, ...change },
    });

    it("names the folds of each run, and knows nothing of one whose manifest cannot be read", () => {
      assert.deepEqual(usual.get("Folds"), { differs: false, values: ["0", "0"] });
      const folded = { ...facts, folds: { count: 5, of: {} } };
      assert.deepEqual(rows(facts, folded).get("Folds"), { differs: true, values: ["0", "5"] });
      assert.deepEqual(rows(null, folded).get("Folds"), { differs: false, values: ["–", "5"] });
      assert.deepEqual(rows(null, settings({ batch: 3 })), rows(null, facts));
    });

    it("has a row for whatever setting differs, and for none that does not", () => {
      const others: Omit<TuningSettings, "method" | "seed"> = {
        ...{ steps: 7, batch: 3, promptLength: 5, promptRate: 0.5, biasRate: 0.25, promptEncoder: "lstm" },
        ...{ start: { from: "text", text: "Is it?" }, biasStart: { from: "adapter", sha256: "abc" } },
        ...{ biases: ["q"], lora: { rank: 4, alpha: 8, dropout: 0, rate: 0.1 }, fullRate: 0.125 },
        ...{ warmup: 0.5, maxNorm: 2, weightDecay: 0.75, balance: "sampling", heldOutShare: 0.3 },
        ...{ evaluateEvery: 2, patience: 9, maxTokens: 100 },
      };
      const names = Object.keys(TuningSettings.shape).filter((name) => !(name in others));
      assert.deepEqual(names, ["method", "seed"], "those have rows of their own, from the report");
      for (const [name, value] of Object.entries(others)) {
        const found = differing(settings({ [name]: value }));
        assert.equal(found.length, 1, name);
        assert.ok(!usual.has(found[0]![0]), name);
      }
      assert.deepEqual(
        rows(facts, settings({ biasRate: 0.25 })).get("Learning rate of the biases")?.values[1],
        "0.25",
      );
    });

    it("has one for what the task asked, the base model and how it was computed", () => {
      const asked = (change: object): RunFacts => ({
        ...facts,
        task: { ...facts.task, content: { ...facts.task.content, ...change } },
      });
      const { baseModel, engine } = facts;
      for (const [name, other] of [
        ["Instruction", asked({ instruction: "Which mood?" })],
        ["Words of the labels", asked({ labels: [{ name: "good", word: "fine" }] })],
        ["Around the text", asked({ template: { before: "Text: ", after: "Mood:" } })],
        ["Fingerprint of the base model", { ...facts, baseModel: { ...baseModel, fingerprint: "other" } }],
        ["Optimiser", { ...facts, engine: { ...engine, optimizer: "adamw-8bit" as const } }],
        ["Matrix products", { ...facts, engine: { ...engine, products: "cuBLAS" } }],
        ["Version of Plumb", { ...facts, program: "0.2.0" }],
      ] as const) {
        assert.deepEqual(
          differing(other).map(([row]) => row),
          [name],
        );
        assert.ok(!usual.has(name));
      }
    });
  });
});
