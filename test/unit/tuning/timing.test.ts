import assert from "node:assert/strict";
import type { PreparedRun } from "../../../src/core/tuning/prepare";
import { secondsOfRun } from "../../../src/core/tuning/timing";

describe("the time that a run is said to take", () => {
  const items = (count: number, tokens: number) =>
    Array.from({ length: count }, () => ({
      text: { tokens: new Array<number>(tokens).fill(1), cut: false },
    }));
  const prepared = {
    layout: { kind: "single", tree: { branches: [] }, slots: [] },
    settings: { steps: 100, evaluateEvery: 25 },
    fit: items(120, 10),
    heldOut: items(30, 10),
    test: items(60, 10),
  } as unknown as PreparedRun;
  /** A step of a large model: half a minute. */
  const timing = { step: 30, row: 0.03, generation: 0.5 };
  const once = 100 * 30 + 0.01 * 300 * 5 + 0.01 * (300 + 2.5 * 600);

  it("is that of all steps, looks and readings, and counts every fold", () => {
    const plain = secondsOfRun(prepared, timing, { folds: 0, probes: false, scoreRows: 100 });
    assert.ok(Math.abs(plain - once) < 1e-6, String(plain));
    const folded = secondsOfRun(prepared, timing, { folds: 5, probes: false, scoreRows: 100 });
    // Each text that was learned from is read once more, by the fold that has not seen it.
    const outOfFold = 0.01 * (1200 + 300);
    assert.ok(Math.abs(folded - plain - 5 * (100 * 30 + 0.01 * 300 * 5) - outOfFold) < 1e-6, String(folded));
  });

  it("holds the writing of answers, a step for every token that one may have", () => {
    const layout = { ...prepared.layout, kind: "generation", answerRoom: 40 };
    const written = { ...prepared, layout } as PreparedRun;
    // 50 tokens a text and 200 rows together: 4 texts a group, so 8 and 15 groups; the test part is answered 2.5 times.
    const more = secondsOfRun(written, timing, { folds: 0, probes: false, scoreRows: 100 });
    assert.ok(Math.abs(more - once - 0.5 * 40 * (8 + 2.5 * 15)) < 1e-6, String(more));
  });

  it("holds the trying of rates too: six steps of each of four factors, and a look behind each", () => {
    const more = secondsOfRun(prepared, timing, { folds: 0, probes: true, scoreRows: 100 });
    assert.ok(Math.abs(more - once - 4 * (6 * 30 + 0.01 * 300)) < 1e-6, String(more));
  });
});
