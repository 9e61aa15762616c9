import assert from "node:assert/strict";
import fc from "fast-check";
import { chooseLook } from "../../../src/core/tuning/choose";
import type { Evaluation } from "../../../src/core/tuning/detectors";

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function looksOf(losses: readonly (readonly number[])[], scores?: readonly number[]): Evaluation[] {
  return losses.map((of, i) => ({
    step: i * 20,
    loss: mean(of),
    losses: of,
    score: scores?.[i] ?? null,
    answers: null,
  }));
}

describe("the choice of a step", () => {
  const tables = fc.integer({ min: 1, max: 12 }).chain((texts) =>
    fc.array(fc.array(fc.double({ min: 0, max: 5, noNaN: true }), { minLength: texts, maxLength: texts }), {
      minLength: 1,
      maxLength: 8,
    }),
  );

  it("has nothing to choose before the first look", () => {
    assert.equal(chooseLook([]), null);
  });

  it("takes a later step that is worse by less than what the texts can tell", () => {
    // Differences -1, 1, 1 about a mean of 1/3: standard error 2/3.
    assert.equal(chooseLook(looksOf([[1, 1, 1], [0, 2, 2]]))?.step, 20); // prettier-ignore
    // Differences 0, 1, 2 about 1: standard deviation 1, standard error 0.58.
    assert.equal(chooseLook(looksOf([[1, 1, 1], [1, 2, 3]]))?.step, 0); // prettier-ignore
  });

  it("takes the lowest loss where there is one text", () => {
    assert.equal(chooseLook(looksOf([[3], [1], [2]]))?.step, 20);
  });

  it("is never before the lowest loss, and changes only to the newest look", () => {
    fc.assert(
      fc.property(tables, (losses) => {
        const looks = looksOf(losses);
        const best = looks.reduce((a, b) => (b.loss < a.loss ? b : a));
        const chosen = chooseLook(looks);
        assert.ok(chosen !== null && chosen.step >= best.step);
        const before = chooseLook(looks.slice(0, -1));
        assert.ok(chosen.step === before?.step || chosen === looks.at(-1));
      }),
      { seed: 71 },
    );
  });

  it("goes by macro-F1 where two hundred texts give it, by loss between equal ones", () => {
    const losses = [3, 2, 1, 2].map((loss) => Array.from({ length: 200 }, () => loss));
    assert.equal(chooseLook(looksOf(losses, [0.5, 0.7, 0.6, 0.7]))?.step, 20);
    assert.equal(chooseLook(looksOf([...losses.slice(0, 3), losses[2]!], [0.5, 0.7, 0.6, 0.7]))?.step, 60);
    const fewer = losses.map((of) => of.slice(1));
    assert.equal(chooseLook(looksOf(fewer, [0.5, 0.7, 0.6, 0.7]))?.step, 40);
  });
});
