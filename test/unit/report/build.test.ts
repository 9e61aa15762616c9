import assert from "node:assert/strict";
import { resampleF1 } from "../../../src/core/report/classification-bootstrap";
import { buildReport, compareReports, decide } from "../../../src/core/report";
import { resample, unitsOf } from "../../../src/core/report/resample";
import { outcomeOf } from "../../../src/core/report/rivals";
import { countClasses, type Judged, macroF1, microF1, scoreClass } from "../../../src/core/report/scores";
import { PlumbError } from "../../../src/core/errors";
import { languageFor, type Language } from "../../../src/core/report/language";
import { verdict } from "../../../src/core/report/verdict";
import { Report, type Outcome, type RivalName, type RivalReport } from "../../../src/core/schema";
import { close } from "./fixtures";
import { generationSample, sample } from "./samples";

describe("bootstrap", () => {
  it("measures each draw as if its texts were a test part of their own", () => {
    const judged: Judged[] = [
      [0, 0],
      [0, 1],
      [1, 1],
      [2, 0],
      [1, 1],
      [0, 0],
    ].map(([truth, predicted]) => ({
      truth: [truth!],
      predicted: [predicted!],
    }));
    const examples = ["a", "b", "a", undefined, undefined, "b"].map((group) => ({ group }));
    const units = unitsOf(examples);
    assert.deepEqual(units, { kind: "group", members: [[0, 2], [1, 5], [3], [4]] });
    const options = { seed: 3, resamples: 50 };
    const [found] = resampleF1([judged], 4, units, options);
    let incomplete = 0;
    resample(units.members.length, options, (drawn, index) => {
      const texts = [...drawn].flatMap((unit) => units.members[unit]!.map((text) => judged[text]!));
      const counts = countClasses(texts, 4);
      assert.ok(close(found!.macro[index]!, macroF1(counts)));
      assert.ok(close(found!.micro[index]!, microF1(counts)));
      const f1s = counts.map((count) => scoreClass(count).f1);
      for (const [label, f1] of f1s.entries()) {
        const value = found!.perClass[label]![index]!;
        assert.ok(close(Number.isNaN(value) ? null : value, f1));
      }
      if (f1s.filter((f1) => f1 !== null).length < 3) incomplete++;
    });
    assert.equal(found!.incomplete, incomplete);
    assert.ok(incomplete > 0, "some draws must miss a class, or nothing was tested");
  });

  it("draws every unit about equally often, and the same for the same seed", () => {
    const times = new Int32Array(10);
    const first: number[] = [];
    resample(10, { seed: 1, resamples: 2000 }, (drawn) => {
      first.push(drawn[0]!);
      for (const unit of drawn) times[unit]!++;
    });
    // 20,000 draws, expected 2,000 each, standard deviation 42.
    for (const count of times) assert.ok(Math.abs(count - 2000) < 5 * 42, `${count} times`);
    const again: number[] = [];
    resample(10, { seed: 1, resamples: 2000 }, (drawn) => again.push(drawn[0]!));
    assert.deepEqual(again, first);
  });

  it("widens the interval where the texts of a group say the same", () => {
    const input = sample("single", { labels: 2, train: 20, test: 40, skill: 0.7 });
    // Each text ten times: no new knowledge, and only the groups know that.
    const test = input.test.flatMap((example) =>
      Array.from({ length: 10 }, (_, copy) => ({
        ...example,
        id: `${example.id}-${copy}`,
        group: example.id,
      })),
    );
    const predictions = input.predictions.flatMap((prediction) =>
      Array.from({ length: 10 }, (_, copy) => ({ ...prediction, id: `${prediction.id}-${copy}` })),
    );
    const width = (report: Report) => {
      const { low, high } = report.classification!.macroF1;
      return high! - low!;
    };
    const grouped = buildReport({ ...input, test, predictions, untuned: null });
    const ungrouped = buildReport({
      ...input,
      test: test.map(({ group: _, ...example }) => example),
      predictions,
      untuned: null,
    });
    const single = buildReport({ ...input, untuned: null });
    assert.equal(grouped.resampling.unit, "group");
    assert.equal(grouped.resampling.units, 40);
    assert.ok(close(width(grouped), width(single)), "the copies added nothing");
    assert.ok(width(ungrouped) < width(single) / 2);
  });
});

describe("outcome against a rival", () => {
  const even = { onlyRun: 5, onlyRival: 5, p: 1 };
  const [clearlyMore, clearlyFewer] = [
    { onlyRun: 20, onlyRival: 2, p: 0.001 },
    { onlyRun: 2, onlyRival: 20, p: 0.001 },
  ];
  it("is decided by the interval of the difference", () => {
    assert.equal(outcomeOf({ low: 0.01, high: 0.2 }, even, 100), "better");
    assert.equal(outcomeOf({ low: -0.2, high: -0.01 }, even, 100), "worse");
    assert.equal(outcomeOf({ low: -0.05, high: 0.2 }, even, 100), "cannot-tell");
    assert.equal(outcomeOf({ low: -0.05, high: 0.02 }, even, 100), "as-well");
    assert.equal(outcomeOf({ low: 0, high: 0 }, even, 100), "as-well");
    assert.equal(outcomeOf({ low: null, high: null }, even, 100), "cannot-tell");
  });
  it("is mixed where the texts got right clearly say the opposite", () => {
    assert.equal(outcomeOf({ low: 0.01, high: 0.2 }, clearlyFewer, 100), "mixed");
    assert.equal(outcomeOf({ low: -0.2, high: -0.01 }, clearlyMore, 100), "mixed");
    assert.equal(outcomeOf({ low: 0.01, high: 0.2 }, clearlyMore, 100), "better");
    assert.equal(outcomeOf({ low: 0.01, high: 0.2 }, { onlyRun: 2, onlyRival: 3, p: 0.9 }, 100), "better");
  });
  it("needs the exact test too on fewer than thirty texts", () => {
    assert.equal(outcomeOf({ low: 0.5, high: 1 }, even, 29), "cannot-tell");
    assert.equal(outcomeOf({ low: 0.5, high: 1 }, clearlyMore, 29), "better");
    assert.equal(outcomeOf({ low: -1, high: -0.5 }, clearlyFewer, 29), "worse");
    assert.equal(outcomeOf({ low: 0, high: 0 }, even, 29), "cannot-tell");
    const five = buildReport(sample("single", { labels: 2, train: 20, test: 5, skill: 1 }));
    assert.equal(five.verdict.outcome, "cannot-tell");
    const unsure: RivalReport = {
      ...five.rivals[0]!,
      outcome: "cannot-tell",
      difference: { value: 0.3, low: 0.1, high: 0.5, p: 0.01 },
      mcnemar: { onlyRun: 3, onlyRival: 1, p: 0.63 },
    };
    assert.match(
      verdict("single", [unsure], 12).sentence,
      /\+0\.30 \[0\.10,\s0\.50\], but 12\stest texts are too few .* \(3 right only here, 1 only there\)\.$/u,
    );
  });

  it("is said first of the rival with the higher figure, though the count of texts says the opposite of it", () => {
    const [one] = buildReport(sample("single", { labels: 2, train: 20, test: 40, skill: 0.5 })).rivals;
    const rival = (name: RivalName, value: number, outcome: Outcome): RivalReport => ({
      ...one!,
      name,
      outcome,
      main: { ...one!.main, value },
    });
    const asWell = rival("untuned", 0.3, "as-well");
    assert.equal(verdict("multi", [asWell, rival("word-counts", 0.6, "mixed")], 60).outcome, "mixed");
    assert.equal(verdict("multi", [asWell, rival("word-counts", 0.2, "mixed")], 60).outcome, "as-well");
    assert.equal(
      verdict("multi", [asWell, rival("word-counts", 0.6, "mixed"), rival("majority", 0.1, "worse")], 60)
        .outcome,
      "worse",
    );
  });

  it("says which side is ahead, by how much and how sure that is, without a sign to be turned round", () => {
    const [one] = buildReport(sample("single", { labels: 2, train: 20, test: 40, skill: 0.5 })).rivals;
    const said = (outcome: Outcome, value: number, low: number, high: number, language?: Language) => {
      const rival = {
        ...one!,
        name: "word-counts",
        outcome,
        difference: { value, low, high, p: 0.01 },
      } as const;
      const majority = {
        ...one!,
        name: "majority",
        outcome: "better",
        main: { ...one!.main, value: 0 },
      } as const;
      return verdict("single", [rival, majority], 60, language).sentence.replaceAll("\u00a0", " ");
    };
    const rest = "; this run is better than always giving the most frequent answer.";
    for (const [outcome, [value, low, high], sentence] of [
      ["worse", [-0.18, -0.25, -0.1], "better: its macro F1 is 0.18 [0.10, 0.25] higher than this run's"],
      ["worse", [-0.02, -0.05, 0.001], "better: its macro F1 is 0.02 [0.00, 0.05] higher than this run's"],
      ["as-well", [-0.01, -0.04, 0.02], "as well: this run's macro F1 is 0.01 [−0.02, 0.04] lower"],
      ["as-well", [0.01, -0.02, 0.03], "as well: this run's macro F1 is 0.01 [−0.02, 0.03] higher"],
    ] as const)
      assert.equal(said(outcome, value, low, high), `A word count does ${sentence}${rest}`);
    assert.match(
      said("worse", -0.18, -0.25, -0.1, languageFor("ru")),
      /^Подсчёт слов: результат лучше, макро-F1 на 0,18 \[0,10; 0,25\] выше, чем у этого запуска; при этом запуск лучше/,
    );
  });
});

describe("report", () => {
  const skilled = sample("single", { labels: 4, train: 60, test: 120, skill: 0.8 });
  const rival = (report: Report, name: RivalName) => report.rivals.find((entry) => entry.name === name)!;

  it("fits its schema and survives JSON, for each kind of task", () => {
    const inputs = [
      skilled,
      sample("multi", { labels: 3, train: 80, test: 60, skill: 0.7 }),
      generationSample(30, 3),
    ];
    for (const input of inputs) {
      const report = buildReport(input);
      assert.deepEqual(Report.parse(JSON.parse(JSON.stringify(report))), report);
    }
  });

  it("is the same for the same input", () => {
    assert.deepEqual(buildReport(skilled), buildReport(structuredClone(skilled)));
  });

  it("finds what stands in the predictions, whatever their order", () => {
    const report = buildReport(skilled);
    assert.deepEqual(buildReport({ ...skilled, predictions: skilled.predictions.toReversed() }), report);
    const { classes, confusion, accuracy, macroF1: macro } = report.classification!;
    assert.equal(
      confusion!.flat().reduce((sum, count) => sum + count),
      120,
    );
    assert.equal(
      confusion!.reduce((sum, row, index) => sum + row[index]!, 0),
      accuracy.hits,
    );
    assert.equal(report.rows.filter(({ right }) => right).length, accuracy.hits);
    for (const [index, entry] of classes.entries()) {
      assert.equal(
        entry.support,
        confusion![index]!.reduce((sum, count) => sum + count),
      );
      assert.equal(entry.trainSupport, skilled.train.filter(({ label }) => label === entry.label).length);
    }
    assert.ok(macro.low! < macro.value! && macro.value! < macro.high!);
    for (const row of report.rows) {
      const probability = new Map(row.probabilities.map((entry) => [entry.label, entry.probability]));
      assert.equal(probability.get(row.predicted[0]!), row.confidence);
      assert.ok(row.probabilities.every((entry) => entry.probability <= row.confidence!));
      assert.ok(row.truth.every((label) => probability.has(label)));
    }
  });

  it("says better where the run is, and cannot tell it from itself", () => {
    const report = buildReport(skilled);
    assert.equal(report.verdict.outcome, "better");
    assert.match(
      report.verdict.sentence,
      /^Better than the base model untuned \(.*\), a word count \(.*\) and always giving/,
    );
    const same = buildReport({ ...skilled, untuned: skilled.predictions });
    const { difference, mcnemar, outcome } = rival(same, "untuned");
    assert.deepEqual([difference.value, difference.low, difference.high, difference.p], [0, 0, 0, 1]);
    assert.deepEqual(mcnemar, { onlyRun: 0, onlyRival: 0, p: 1 });
    assert.equal(outcome, "as-well");
  });

  it("says cannot tell on a small test, and that a word count does as well or better where it does", () => {
    const chance = sample("single", { labels: 3, train: 60, test: 25, skill: 0.3 });
    assert.equal(buildReport(chance).verdict.outcome, "cannot-tell");
    // Words give the answer away here; the run guesses.
    const told = sample("single", { labels: 2, train: 60, test: 60, skill: 0.2 });
    const give = (examples: typeof told.train) =>
      examples.map((example) => ({ ...example, text: example.label!.replace(" ", "") }));
    const report = buildReport({ ...told, train: give(told.train), test: give(told.test) });
    assert.equal(rival(report, "word-counts").right.value, 1);
    assert.equal(report.verdict.outcome, "worse");
    assert.match(
      report.verdict.sentence,
      /^A word count does better: its macro F1 is 0\.\d\d \[0\.\d\d,\s0\.\d\d\] higher than this run's[.;]/u,
    );
    const both = buildReport({
      ...told,
      train: give(told.train),
      test: give(told.test),
      predictions: told.test.map(({ id, label }) => ({
        id,
        part: "test",
        scores: told.task.labels!.map(({ name }) => (name === label ? 0.99 : 0.01)),
      })),
    });
    assert.equal(both.verdict.outcome, "as-well");
    assert.match(both.verdict.sentence, /^A word count does as well/);
  });

  it("leaves a class that the test part lacks undefined, out of the macro mean, and marks it", () => {
    const test = skilled.test.filter(({ label }) => label !== "label 3");
    const scores = (label: string) => skilled.task.labels!.map(({ name }) => (name === label ? 1 : 0));
    const report = buildReport({
      ...skilled,
      test,
      predictions: test.map(({ id, label }) => ({ id, part: "test", scores: scores(label!) })),
      untuned: null,
    });
    const absent = report.classification!.classes[3]!;
    assert.deepEqual(absent.f1, { value: null, low: null, high: null, undefinedResamples: 2000 });
    assert.deepEqual(absent.recall, { value: null, low: null, high: null, hits: 0, of: 0 });
    assert.equal(absent.precision.value, null);
    assert.equal(absent.few, true);
    assert.equal(report.classification!.macroF1.value, 1);
  });

  it("chooses multi-label thresholds on held-out predictions, never on the test part", () => {
    const input = sample("multi", { labels: 3, train: 120, test: 50, skill: 0.8 });
    const thresholds = (report: Report) => report.classification!.classes.map(({ threshold }) => threshold);
    const half = (predictions: typeof input.predictions) =>
      predictions.map((prediction) => ({
        ...prediction,
        scores: prediction.scores!.map((score) => score / 2),
      }));
    const base = buildReport(input);
    assert.ok(thresholds(base).every((threshold) => threshold?.source === "chosen"));
    assert.deepEqual(
      thresholds(buildReport({ ...input, predictions: half(input.predictions) })),
      thresholds(base),
    );
    const moved = { ...input.heldOut, predictions: half(input.heldOut.predictions) };
    const lower = thresholds(buildReport({ ...input, heldOut: moved }));
    assert.ok(lower.every((threshold, label) => threshold!.value < thresholds(base)[label]!.value));
    // Out-of-fold predictions, where there are any, come first.
    assert.deepEqual(thresholds(buildReport({ ...input, outOfFold: moved })), lower);
  });

  it("gives a label from its threshold on, and the most likely one where there are none", () => {
    const thresholds = [{ value: 0.5 }, { value: 0.2 }, { value: 0.9 }];
    assert.deepEqual(decide([0.5, 0.19, 0.91], thresholds), [0, 2]);
    assert.deepEqual(decide([0.3, 0.4, 0.3], null), [1]);
  });

  it("works out the Brier score as its definition has it", () => {
    for (const input of [skilled, sample("multi", { labels: 3, train: 60, test: 40, skill: 0.5 })]) {
      const names = input.task.labels!.map(({ name }) => name);
      const perText = input.test.map((example, index) => {
        const has = example.labels ?? [example.label!];
        const errors = input.predictions[index]!.scores!.map(
          (score, label) => (score - Number(has.includes(names[label]!))) ** 2,
        );
        return errors.reduce((sum, error) => sum + error) / (input.task.kind === "multi" ? names.length : 1);
      });
      const expected = perText.reduce((sum, value) => sum + value) / perText.length;
      assert.ok(close(buildReport(input).classification!.calibration.brier, expected));
    }
  });

  it("takes a probability that rounding has pushed past 1 for 1", () => {
    const [first, ...others] = skilled.predictions;
    const report = buildReport({
      ...skilled,
      predictions: [{ ...first!, scores: [1 + 1e-7, -1e-9, 0, 0] }, ...others],
    });
    assert.equal(Report.parse(report).rows[0]!.confidence, 1);
  });

  it("suspects training labels by out-of-fold predictions alone, surest first", () => {
    const examples = skilled.train.slice(0, 20);
    const predictions = examples.map(({ id, label }, index) => {
      const wrong = index % 5 === 0;
      const scores: number[] = skilled.task.labels!.map(({ name }) => (name === label ? 0.02 : 0));
      const other = skilled.task.labels!.findIndex(({ name }) => name !== label);
      scores[wrong ? other : skilled.task.labels!.findIndex(({ name }) => name === label)] =
        0.91 + index / 1000;
      return { id, part: "out-of-fold" as const, scores };
    });
    assert.deepEqual(buildReport(skilled).suspects, []);
    const report = buildReport({ ...skilled, outOfFold: { examples, predictions } });
    assert.deepEqual(
      report.suspects.map(({ id }) => id),
      [15, 10, 5, 0].map((index) => `train-${index}`),
    );
    assert.match(report.next[0]!, /^Check 4 training labels first/);
  });

  it("scores generated text against all references, beside the copied input", () => {
    const report = buildReport(generationSample(30, 3));
    const { rougeL, exactMatch, chrf } = report.generation!;
    assert.equal(exactMatch.hits, 20);
    assert.ok(close(rougeL.value, (20 + 10 * report.rows[0]!.rougeL!) / 30));
    assert.ok(chrf.value! > 60 && chrf.value! < 100);
    assert.equal(report.classification, null);
    assert.deepEqual(
      report.rivals.map(({ name }) => name),
      ["copy-input"],
    );
    assert.ok(close(rival(report, "copy-input").main.value, report.rows[0]!.rougeL));
    assert.equal(report.verdict.outcome, "better");
  });

  it("draws groups of generated texts together, each text weighing the same", () => {
    const input = generationSample(60, 3);
    // Groups of one and of two texts, copied ones among the pairs only.
    const test = input.test.map((example, index) => ({
      ...example,
      group: `g${index % 3 === 2 ? index - 2 : index}`,
    }));
    const report = buildReport({ ...input, test });
    const { low, value, high } = report.generation!.rougeL;
    assert.equal(report.resampling.units, 40);
    assert.ok(close(value, buildReport(input).generation!.rougeL.value));
    assert.ok(low! < value! && value! < high!, `${low} < ${value} < ${high}`);
  });

  it("leaves steps whose loss overflowed off the curve", () => {
    const history = [...skilled.run.history, { step: 3, loss: NaN }, { step: 4, loss: Infinity }];
    const report = buildReport({ ...skilled, run: { ...skilled.run, history } });
    assert.deepEqual(report.run.history, skilled.run.history);
  });

  it("says how often the test part was looked at, and when that is too often", () => {
    assert.ok(!buildReport(skilled).notes.some((note) => note.includes("looked at")));
    const report = buildReport({ ...skilled, testLooks: 4 });
    assert.equal(report.data.testLooks, 4);
    assert.ok(report.notes.some((note) => note.includes("looked at 4 times")));
  });

  it("refuses predictions that do not fit, naming the first", () => {
    const refused = (change: Partial<typeof skilled>, code: string, part: string) => {
      assert.throws(
        () => buildReport({ ...skilled, ...change }),
        (error) => error instanceof PlumbError && error.code === code && error.message.includes(part),
      );
    };
    const [first, ...others] = skilled.predictions;
    refused(
      { predictions: others },
      "report-predictions",
      '1 of 120 examples have no prediction, the first is "test-0"',
    );
    refused({ predictions: [{ ...first!, scores: [1, 0] }, ...others] }, "report-scores", "found 2");
    refused(
      { predictions: [{ ...first!, scores: [1, 0, 0, NaN] }, ...others] },
      "report-scores",
      "not a number",
    );
    refused({ test: [{ ...skilled.test[0]!, label: "odd" }] }, "report-label", '"odd"');
    const { label: _, ...unanswered } = skilled.test[0]!;
    refused({ test: [unanswered] }, "report-answer", '"test-0" has no answer');
  });
});

describe("two runs compared", () => {
  const good = sample("single", { labels: 3, train: 30, test: 80, skill: 0.9 });
  const poor = sample("single", { labels: 3, train: 30, test: 80, skill: 0.9 });
  poor.predictions = poor.untuned!;
  const [first, second] = [buildReport(good), buildReport({ ...poor, run: { ...poor.run, id: "other" } })];

  it("are told apart where they differ, the same from either side", () => {
    const there = compareReports(first, second);
    const back = compareReports(second, first);
    assert.equal(there.outcome, "better");
    assert.equal(back.outcome, "worse");
    assert.ok(close(there.difference.value, -back.difference.value!));
    assert.deepEqual(there.mcnemar.p, back.mcnemar.p);
    assert.ok(close(there.values[0], first.classification!.macroF1.value));
    assert.equal(compareReports(first, first).outcome, "cannot-tell");
  });

  it("use the texts that both have with the same answer, and say how many are left out", () => {
    const cut = {
      ...second,
      rows: second.rows.slice(10).map((row, index) => (index === 0 ? { ...row, truth: ["label 9"] } : row)),
    };
    const { texts, left } = compareReports(first, cut);
    assert.deepEqual([texts, left], [69, 11]);
  });

  it("are refused where there is nothing to compare", () => {
    const isRefusal = (error: unknown) => error instanceof PlumbError && error.code === "report-compare";
    assert.throws(() => compareReports(first, { ...second, rows: [] }), isRefusal);
    assert.throws(() => compareReports(first, buildReport(generationSample(5, 2))), isRefusal);
  });
});
