import assert from "node:assert/strict";
import fc from "fast-check";
import { Mixture, taskShares } from "../../../src/core/base/mixture";

const options = { temperature: 2, batch: 8, seed: 3 };
const tasks = [
  { examples: 400, wordings: 6 },
  { examples: 100, wordings: 3 },
  { examples: 17, wordings: 1 },
];

describe("the mixture of a base training", () => {
  it("draws tasks by the root of their size at temperature 2, by size at 1, nearly alike at 100", () => {
    const near = (found: readonly number[], expected: readonly number[]) =>
      found.forEach((share, i) => assert.ok(Math.abs(share - expected[i]!) < 1e-12));
    near(taskShares([400, 100], 2), [2 / 3, 1 / 3]);
    near(taskShares([400, 100], 1), [0.8, 0.2]);
    assert.ok(Math.abs(taskShares([400, 100], 100)[0]! - 0.5) < 0.01);
    const mixture = new Mixture(tasks, options);
    const counts = [0, 0, 0];
    const steps = 2000;
    for (let step = 0; step < steps; step++) for (const { task } of mixture.at(step)) counts[task]!++;
    counts.forEach((count, i) => {
      const share = mixture.shares[i]!;
      const draws = steps * options.batch;
      // Five standard deviations of a share of so many draws.
      const bound = 5 * Math.sqrt((share * (1 - share)) / draws);
      assert.ok(Math.abs(count / draws - share) < bound, `task ${i}: ${count / draws}, expected ${share}`);
    });
  });

  it("is a function of seed and step: whatever was asked before, forwards or back", () => {
    const straight = new Mixture(tasks, options);
    const steps = Array.from({ length: 60 }, (_, step) => straight.at(step));
    fc.assert(
      fc.property(fc.array(fc.nat(59), { maxLength: 12 }), (asked) => {
        const mixture = new Mixture(tasks, options);
        for (const step of asked) assert.deepEqual(mixture.at(step), steps[step]);
      }),
      { seed: 1, numRuns: 50 },
    );
    assert.notDeepEqual(new Mixture(tasks, { ...options, seed: 4 }).at(0), steps[0]);
  });

  it("brings each example of a task once before any comes twice, each pass in an order of its own", () => {
    const mixture = new Mixture(tasks, options);
    const seen: number[][] = [[], [], []];
    for (let step = 0; step < 300; step++)
      for (const { task, example } of mixture.at(step)) seen[task]!.push(example);
    seen.forEach((examples, task) => {
      const { examples: size } = tasks[task]!;
      const passes = Math.floor(examples.length / size);
      assert.ok(passes >= 1);
      const orders = Array.from({ length: passes }, (_, pass) =>
        examples.slice(pass * size, (pass + 1) * size),
      );
      for (const order of orders)
        assert.deepEqual(
          [...order].sort((a, b) => a - b),
          Array.from({ length: size }, (_, i) => i),
        );
      assert.equal(new Set(orders.map(String)).size, passes);
    });
  });

  it("uses every wording of a task about equally often", () => {
    const mixture = new Mixture(tasks, options);
    const counts = [0, 0, 0, 0, 0, 0];
    for (let step = 0; step < 500; step++)
      for (const { task, wording } of mixture.at(step)) if (task === 0) counts[wording]!++;
    const all = counts.reduce((sum, count) => sum + count, 0);
    for (const count of counts) assert.ok(Math.abs(count / all - 1 / 6) < 0.05, String(counts));
  });
});
