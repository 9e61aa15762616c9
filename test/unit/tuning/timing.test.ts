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
    heldOut: items(30, 10),
    test: items(60, 10),
  } as unknown as PreparedRun;
  /** A step of a large model: half a minute. */
  const timing = { step: 30, row: 0.03 };
  const once = 100 * 30 + 0.01 * 300 * 5 + 0.01 * (300 + 2.5 * 600);

  it("is that of all steps, looks and readings, and counts every fold", () => {
    const plain = secondsOfRun(prepared, timing, { folds: 0, probes: false });
    assert.ok(Math.abs(plain - once) < 1e-6, String(plain));
    const folded = secondsOfRun(prepared, timing, { folds: 5, probes: false });
    assert.ok(Math.abs(folded - plain - 5 * (100 * 30 + 0.01 * 300 * 5)) < 1e-6, String(folded));
  });

  it("holds the trying of rates too: six steps of each of four factors, and a look behind each", () => {
    const more = secondsOfRun(prepared, timing, { folds: 0, probes: true });
    assert.ok(Math.abs(more - once - 4 * (6 * 30 + 0.01 * 300)) < 1e-6, String(more));
  });
});
