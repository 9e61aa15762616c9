import assert from "node:assert/strict";
import fc from "fast-check";
import { buildReport, renderReport, rowsBehind, thresholdCurve, unseenTexts } from "../../../src/core/report";
import type { Prediction } from "../../../src/core/schema";
import { assertBalanced } from "./balanced";
import { generationSample, sample } from "./samples";

const input = sample("multi", { labels: 3, train: 80, test: 40, skill: 0.6 });
const report = buildReport(input);
const heldOut = input.heldOut.predictions;
const all = [...input.train, ...input.test];

describe("texts that a model was not fitted to", () => {
  it("counts at each threshold what would be given, and what of it is right", () => {
    const text = fc.record({ probability: fc.double({ min: 0, max: 1, noNaN: true }), has: fc.boolean() });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 40 }), (texts) => {
        const probabilities = texts.map(({ probability }) => probability);
        const has = texts.map((one) => one.has);
        const curve = thresholdCurve("x", 0.5, probabilities, has);
        assert.equal(curve.positives, has.filter(Boolean).length);
        for (const step of [0, 1, 37, 50, 99, 100]) {
          const given = texts.filter(({ probability }) => probability >= step / 100);
          assert.equal(curve.given[step], given.length);
          assert.equal(curve.hits[step], given.filter((one) => one.has).length);
        }
      }),
    );
  });

  it("are those of the held-out part; out of fold, where there are folds; never of the test part", () => {
    const test = input.predictions;
    assert.equal(unseenTexts(report, [...test, ...heldOut], all)?.part, "held-out");
    const folded = input.train.map(({ id }): Prediction => ({
      id,
      part: "out-of-fold",
      scores: [0.9, 0.1, 0.2],
      fold: 0,
    }));
    const unseen = unseenTexts(report, [...test, ...heldOut, ...folded], all);
    assert.equal(unseen?.part, "out-of-fold");
    assert.equal(unseen.rows.length, input.train.length);
    assert.equal(unseenTexts(report, test, all), null);
    assert.equal(unseenTexts(buildReport(generationSample(8, 3)), test, all), null);
  });

  it("are judged by the run's own thresholds, and by the answers as they are now", () => {
    const unseen = unseenTexts(report, heldOut, all)!;
    for (const [at, { predicted }] of unseen.rows.entries()) {
      const given = report.classification!.classes.filter(
        ({ threshold }, label) => unseen.scores[at]![label]! >= threshold!.value,
      );
      assert.deepEqual(
        predicted,
        given.map(({ label }) => label),
      );
    }
    const [first] = unseen.rows;
    const agreed = all.map((one) => (one.id === first!.id ? { ...one, labels: first!.predicted } : one));
    assert.equal(unseenTexts(report, heldOut, agreed)!.rows[0]!.right, true);
  });

  it("leave out what has no answer any more, or one that the run does not know", () => {
    const [one, two, three] = heldOut.map(({ id }) => id);
    const changed = all.map((example) =>
      example.id === one
        ? { ...example, labels: undefined }
        : example.id === two
          ? { ...example, labels: ["another"] }
          : example.id === three
            ? { ...example, status: "skipped" as const }
            : example,
    );
    const unseen = unseenTexts(report, heldOut, changed)!;
    assert.equal(unseen.rows.length, heldOut.length - 3);
  });

  it("stand on the page before the errors of the test part, the surest first, with a curve for each label", () => {
    const unseen = unseenTexts(report, heldOut, all)!;
    const page = renderReport(report, { unseen });
    assertBalanced(page);
    const before = page.slice(page.indexOf('class="unseen"'), page.indexOf("<li data-pairs"));
    const wrong = unseen.rows.filter(({ right }) => !right).sort((a, b) => b.confidence! - a.confidence!);
    assert.deepEqual(
      Array.from(before.matchAll(/class="id">([^<]*)</g), ([, id]) => id),
      wrong.map(({ id }) => id),
    );
    assert.equal(page.match(/<figure\s+class="threshold"/g)?.length, 3);
    assert.ok(!renderReport(report).includes('id="thresholds"'));
  });
});

describe("texts behind a figure", () => {
  const single = buildReport(sample("single", { labels: 3, train: 40, test: 60, skill: 0.5 }));
  const { labels } = single.task;

  it("are as many as the cell of the confusion matrix says, and each text stands in one cell", () => {
    const { confusion } = single.classification!;
    const seen = confusion!.flatMap((row, truth) =>
      row.flatMap((count, given) => {
        const rows = rowsBehind(single.rows, labels, { kind: "pair", truth, given });
        assert.equal(rows.length, count);
        return rows.map(({ id }) => id);
      }),
    );
    assert.deepEqual(seen.sort(), single.rows.map(({ id }) => id).sort());
  });

  it("are as many as a label was hit, missed and wrongly given", () => {
    report.classification!.classes.forEach(({ tp, fn, fp }, label) => {
      for (const [kind, count] of [
        ["hit", tp],
        ["missed", fn],
        ["false", fp],
      ] as const)
        assert.equal(rowsBehind(report.rows, report.task.labels, { kind, label }).length, count, kind);
    });
  });

  it("are as many as the pairs of a multi-label report count", () => {
    const place = (name: string) => report.task.labels.indexOf(name);
    for (const { truth, predicted, count } of report.classification!.confused) {
      const cell = { kind: "pair", truth: place(truth), given: place(predicted) } as const;
      assert.equal(rowsBehind(report.rows, report.task.labels, cell).length, count);
    }
  });

  it("come the surest first, and none for a label that is not there", () => {
    const rows = rowsBehind(single.rows, labels, { kind: "pair", truth: 0, given: 0 });
    const sureness = rows.map(({ confidence }) => confidence!);
    assert.deepEqual(
      sureness,
      [...sureness].sort((a, b) => b - a),
    );
    assert.deepEqual(rowsBehind(single.rows, labels, { kind: "pair", truth: 9, given: 0 }), []);
  });
});
