import assert from "node:assert/strict";
import fc from "fast-check";
import { coverage, expectedCalibrationError, reliability } from "../../../src/core/report/calibration";
import {
  chrfScore,
  chrfStatistics,
  CHRF_STATISTICS,
  exactMatch,
  rougeL,
} from "../../../src/core/report/overlap";
import {
  confusionMatrix,
  countClasses,
  isRight,
  type Judged,
  macroF1,
  microF1,
  scoreClass,
} from "../../../src/core/report/scores";
import {
  bootstrapP,
  mcnemarExact,
  percentileInterval,
  quantile,
  wilson,
} from "../../../src/core/report/statistics";
import { chooseThreshold } from "../../../src/core/report/thresholds";
import { close, type Metrics, recorded, type RecordedScores } from "./fixtures";

const metrics = recorded("metrics.json") as Metrics;

describe("scores", () => {
  for (const kind of ["single", "multi"] as const) {
    for (const [index, expected] of metrics.classification[kind].entries()) {
      const { truth, labels } = expected;
      it(`equal scikit-learn's: ${kind} ${index + 1}, ${truth.length} texts, ${labels} labels`, () => {
        agree(expected, kind);
      });
    }
  }

  it("leave a ratio without denominator undefined, and never call it 0", () => {
    assert.deepEqual(scoreClass({ tp: 0, fp: 0, fn: 0 }), { precision: null, recall: null, f1: null });
    assert.deepEqual(scoreClass({ tp: 0, fp: 0, fn: 3 }), { precision: null, recall: 0, f1: 0 });
    assert.deepEqual(scoreClass({ tp: 0, fp: 2, fn: 0 }), { precision: 0, recall: null, f1: 0 });
    assert.equal(macroF1([{ tp: 0, fp: 0, fn: 0 }]), null);
    assert.equal(microF1([]), null);
  });

  it("of a class do not change when the label set is put into another order", () => {
    const judged = fc.array(fc.record({ truth: label(), predicted: label() }), { maxLength: 40 });
    fc.assert(
      fc.property(judged, (texts) => {
        const forward = countClasses(texts, 5);
        const flip = ({ truth, predicted }: Judged) => ({
          truth: truth.map((index) => 4 - index),
          predicted: predicted.map((index) => 4 - index),
        });
        assert.deepEqual(countClasses(texts.map(flip), 5), forward.toReversed());
      }),
      { seed: 4 },
    );
  });

  function label() {
    return fc.nat(4).map((index) => [index]);
  }

  function agree(expected: RecordedScores, kind: "single" | "multi") {
    const judged = expected.truth.map((truth, index) => ({ truth, predicted: expected.predicted[index]! }));
    const counts = countClasses(judged, expected.labels);
    for (const [label, count] of counts.entries()) {
      const found = scoreClass(count);
      assert.equal(count.tp + count.fn, expected.support[label], "support");
      for (const figure of ["precision", "recall", "f1"] as const) {
        assert.ok(
          close(found[figure], expected[figure][label]!),
          `${figure} of label ${label}: ${found[figure]}`,
        );
      }
    }
    assert.ok(close(macroF1(counts), expected.macroF1), `macro F1 ${macroF1(counts)}`);
    assert.ok(close(microF1(counts), expected.microF1), `micro F1 ${microF1(counts)}`);
    assert.ok(close(judged.filter(isRight).length / judged.length, expected.accuracy));
    if (kind === "single") assert.deepEqual(confusionMatrix(judged, expected.labels), expected.confusion);
  }
});

describe("intervals and tests", () => {
  it("Wilson's interval equals statsmodels'", () => {
    for (const [hits, trials, low, high] of metrics.wilson) {
      const found = wilson(hits, trials)!;
      // statsmodels leaves its rounding at the ends, where the exact bounds are 0 and 1.
      assert.ok(
        close(found.low, low) && close(found.high, high),
        `${hits} of ${trials}: ${JSON.stringify(found)}`,
      );
    }
    assert.equal(wilson(0, 0), null);
    assert.equal(wilson(0, 9)!.low, 0);
    assert.equal(wilson(9, 9)!.high, 1);
  });

  it("the exact McNemar test equals statsmodels', thousands of texts included", () => {
    for (const [b, c, p] of metrics.mcnemar) {
      assert.ok(close(mcnemarExact(b, c), p, 1e-9), `${b} against ${c}: ${mcnemarExact(b, c)}, not ${p}`);
    }
  });

  it("quantiles equal numpy's", () => {
    for (const { values, q, expected } of metrics.quantiles) {
      for (const [index, at] of q.entries()) assert.ok(close(quantile(values, at), expected[index]!));
    }
  });

  it("an interval leaves undefined resamples out and counts them", () => {
    const values = Float64Array.from({ length: 101 }, (_, index) => (index === 100 ? NaN : 99 - index));
    const { interval, undefinedResamples } = percentileInterval(values);
    assert.equal(undefinedResamples, 1);
    assert.ok(close(interval!.low, 0.025 * 99) && close(interval!.high, 0.975 * 99));
    assert.deepEqual(percentileInterval(new Float64Array(3).fill(NaN)), {
      interval: null,
      undefinedResamples: 3,
    });
  });

  it("the bootstrap's p is 1 without any difference and never 0", () => {
    assert.equal(bootstrapP(new Float64Array(2000)), 1);
    assert.ok(close(bootstrapP(new Float64Array(1999).fill(0.1)), 2 / 2000));
    assert.ok(close(bootstrapP(Float64Array.from([-1, 1, 1, 1, 1, 1, 1, 1, NaN])), 4 / 9));
  });
});

describe("calibration", () => {
  it("bins and expected calibration error equal numpy's, a probability of 1 included", () => {
    for (const { probability, happened, counts, ece } of metrics.calibration) {
      const bins = reliability(probability, happened);
      assert.deepEqual(
        bins.map(({ count }) => count),
        counts,
      );
      assert.ok(close(expectedCalibrationError(bins), ece));
    }
    assert.equal(expectedCalibrationError(reliability([], [])), null);
    assert.equal(reliability([0.35], [true])[0]!.observed, null);
  });

  it("a point of the abstention curve is what setting its threshold gives", () => {
    const texts = fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.boolean()), {
      minLength: 1,
      maxLength: 80,
    });
    fc.assert(
      fc.property(texts, (pairs) => {
        const confidence = pairs.map(([step]) => step / 20);
        const right = pairs.map(([, hit]) => hit);
        const curve = coverage(confidence, right);
        assert.equal(curve.at(-1)!.answered, pairs.length);
        for (const { abstainBelow, answered, right: hits } of curve) {
          const kept = right.filter((_, index) => confidence[index]! >= abstainBelow);
          assert.equal(kept.length, answered);
          assert.equal(kept.filter(Boolean).length, hits);
        }
        const answered = curve.map((point) => point.answered);
        assert.deepEqual(
          answered,
          [...new Set(answered)].sort((a, b) => a - b),
        );
      }),
      { seed: 4 },
    );
  });
});

describe("thresholds", () => {
  it("have the best F1 of all cuts on the texts they were chosen on", () => {
    const texts = fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.boolean()), {
      minLength: 25,
      maxLength: 60,
    });
    fc.assert(
      fc.property(texts, (pairs) => {
        const probabilities = pairs.map(([step]) => step / 30);
        const has = pairs.map(([, positive]) => positive);
        const f1At = (cut: number) => {
          const tp = has.filter((positive, index) => positive && probabilities[index]! >= cut).length;
          const given = probabilities.filter((probability) => probability >= cut).length;
          return (2 * tp) / (given + has.filter(Boolean).length);
        };
        const { value, source } = chooseThreshold(probabilities, has);
        fc.pre(source === "chosen");
        const best = Math.max(...probabilities.map(f1At));
        assert.ok(close(f1At(value), best), `F1 ${f1At(value)} at ${value}, best ${best}`);
      }),
      { seed: 4 },
    );
  });

  it("are the nearest to 0.5 of equally good cuts", () => {
    const column = (has: string) => Array.from(has, (letter) => letter === "y");
    // F1 is 2·6 / (8 + 10) after the eighth text and 2·7 / (11 + 10) after the eleventh.
    const has = column("nnyyyyyy" + "nny" + "nnnnnnnnnnnnnnnnnnnn" + "yyy");
    const probabilities = has.map((_, index) => (index < 8 ? 0.45 : index < 11 ? 0.3 : 0.1) - index / 10_000);
    assert.ok(Math.abs(chooseThreshold(probabilities, has).value - 0.375) < 0.01);
  });

  it("stay at 0.5 with fewer than ten positives, and where 0.5 is as good as any", () => {
    const nine = Array.from({ length: 40 }, (_, index) => index < 9);
    assert.deepEqual(
      chooseThreshold(
        nine.map((has) => (has ? 0.2 : 0.1)),
        nine,
      ),
      {
        value: 0.5,
        positives: 9,
        source: "default",
      },
    );
    const ten = Array.from({ length: 40 }, (_, index) => index < 10);
    assert.equal(
      chooseThreshold(
        ten.map((has) => (has ? 0.2 : 0.1)),
        ten,
      ).source,
      "chosen",
    );
    assert.equal(
      chooseThreshold(
        ten.map((has) => (has ? 0.9 : 0.3)),
        ten,
      ).value,
      0.5,
    );
  });
});

describe("overlap of texts", () => {
  it("ROUGE-L equals rouge_score's, in Russian too once its tokenizer keeps the letters", () => {
    assert.ok(metrics.rouge.some(([output]) => /\p{Script=Cyrillic}/u.test(output)));
    for (const [output, reference, f1] of metrics.rouge) {
      assert.ok(
        close(rougeL(output, reference), f1),
        `${output} | ${reference}: ${rougeL(output, reference)}, not ${f1}`,
      );
    }
  });

  it("ROUGE-L reads accents however they are encoded, and writing without spaces character by character", () => {
    assert.equal(rougeL("ёжик и йод", "ёжик и йод".normalize("NFD")), 1);
    assert.equal(rougeL("हिन्दी में", "हिन्दी में"), 1);
    assert.ok(close(rougeL("東京へ行く", "東京に行く"), 4 / 5));
  });

  it("chrF of texts and of a corpus equals sacrebleu's", () => {
    const sums = new Float64Array(CHRF_STATISTICS);
    for (const [output, references, score] of metrics.chrf.segments) {
      const statistics = chrfStatistics(output, references);
      for (const [at, value] of statistics.entries()) sums[at]! += value;
      const found = chrfScore(statistics);
      assert.ok(close(found, score), `${JSON.stringify([output, references])}: ${found}, not ${score}`);
    }
    assert.ok(
      close(chrfScore(sums), metrics.chrf.corpus),
      `corpus: ${chrfScore(sums)}, not ${metrics.chrf.corpus}`,
    );
  });

  it("an exact match minds letters, not white space", () => {
    assert.ok(exactMatch(" Да,\u00a0 конечно\n", ["нет", "Да, конечно"]));
    assert.ok(exactMatch("ё", ["ё".normalize("NFD")]));
    assert.ok(!exactMatch("да", ["Да"]));
  });
});
