import assert from "node:assert/strict";
import fc from "fast-check";
import { average, ranks } from "../../../src/core/bench/average";
import { defaultSizes, fitPowerLaw, learningCurve, valueAt } from "../../../src/core/bench/curve";
import { spread } from "../../../src/core/bench/pictures";
import type { Report } from "../../../src/core/schema";
import { seededRandom } from "../../../src/core/random";

describe("an average over tasks and seeds", () => {
  const of = (...tasks: number[][]) => average(new Map(tasks.map((values, i) => [String(i), values])));

  it("counts every task alike, however many seeds it has", () => {
    assert.equal(of([0, 0, 0], [1]).value, 0.5);
  });

  it("lies in its interval, which lies within the values", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 4 }), {
          minLength: 2,
          maxLength: 6,
        }),
        (tasks) => {
          const { value, low, high } = of(...tasks);
          const all = tasks.flat();
          assert.ok(Math.min(...all) - 1e-12 <= low! && high! <= Math.max(...all) + 1e-12);
          assert.ok(low! <= value! + 1e-9 && value! <= high! + 1e-9);
        },
      ),
      { seed: 5, numRuns: 20 },
    );
  });

  it("has no interval of one value, and no value of none", () => {
    assert.deepEqual(of([0.4]), { value: 0.4, low: null, high: null });
    assert.deepEqual(of([]), { value: null, low: null, high: null });
  });

  it("ranks from the best, equals in the middle", () => {
    assert.deepEqual(ranks([0.3, 0.9, 0.3, 0.1]), [2.5, 1, 2.5, 4]);
  });
});

describe("names beside points", () => {
  it("stand where they want to, but never on each other, and in order", () => {
    const line = 14;
    assert.deepEqual(spread([10, 50, 90]), [10, 50, 90]);
    assert.deepEqual(spread([20, 20]), [13, 27]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 256 }), { maxLength: 12 }), (wanted) => {
        const sorted = [...wanted].sort((a, b) => a - b);
        const found = spread(sorted);
        assert.equal(found.length, sorted.length);
        for (let i = 1; i < found.length; i++) assert.ok(found[i]! - found[i - 1]! >= line - 1e-9);
        const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
        assert.ok(Math.abs(mean(found) - mean(sorted)) < 1e-6, "as many above as below");
      }),
      { seed: 8 },
    );
  });
});

describe("a learning curve", () => {
  it("finds the law that points were made from", () => {
    const law = { top: 0.9, drop: 2, power: 0.5 };
    const found = fitPowerLaw([50, 100, 200, 400].map((n) => [n, valueAt(law, n)] as const));
    for (const n of [50, 300, 1000])
      assert.ok(Math.abs(valueAt(found, n) - valueAt(law, n)) < 1e-6, `at ${n}`);
  });

  it("never falls, and never promises more than 1", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 3, maxLength: 6 }),
        (ys) => {
          const law = fitPowerLaw(ys.map((y, i) => [50 * 2 ** i, y] as const));
          assert.ok(law.drop >= 0 && valueAt(law, 1e9) <= 1 + 1e-9);
        },
      ),
      { seed: 6 },
    );
  });

  it("has at least three sizes by default, the last of which is all", () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 20000 }), (all) => {
        const sizes = defaultSizes(all);
        assert.ok(sizes.length >= 3 && sizes.at(-1) === all);
        assert.ok(sizes.every((size, i) => i === 0 || size > sizes[i - 1]!));
      }),
      { seed: 7 },
    );
    assert.deepEqual(defaultSizes(300), [50, 100, 200, 300]);
  });

  /** Runs in which a label is got right with a chance that depends on the number of examples. */
  const runs = (right: (label: string, examples: number) => number) =>
    [50, 100, 200, 400].map((examples) => {
      const rows = Array.from({ length: 400 }, (_, i) => {
        const truth = i % 2 ? "a" : "b";
        // The same luck at every size: what is known with few examples is known with many.
        const known = seededRandom(i)() < right(truth, examples);
        const predicted = known ? truth : truth === "a" ? "b" : "a";
        return { id: `t${i}`, truth: [truth], predicted: [predicted], right: known };
      });
      const classes = ["a", "b"].map((label) => ({ label, trainSupport: examples / 2, f1: { value: 0.5 } }));
      const report = {
        task: { name: "t", kind: "single", labels: ["a", "b"] },
        rows,
        classification: { classes },
      };
      return { examples, seed: 0, report: report as unknown as Report };
    });

  it("says that more labels pay where it climbs, and that they do not where it is flat", () => {
    const climbing = learningCurve(runs((_, n) => 0.45 + n / 1000));
    assert.equal(climbing.outcome, "pays", climbing.sentence);
    assert.match(climbing.sentence, /^50 more training labels are likely to pay/);
    const flat = learningCurve(runs(() => 0.8));
    assert.equal(flat.outcome, "does-not-pay", flat.sentence);
  });

  it("needs three sizes and one test part", () => {
    assert.throws(() => learningCurve(runs(() => 0.8).slice(0, 2)), /at least 3 sizes/);
    const [first, ...rest] = runs(() => 0.8);
    const cut = { ...first!, report: { ...first!.report, rows: first!.report.rows.slice(1) } };
    assert.throws(() => learningCurve([cut, ...rest]), /different test parts/);
  });
});
