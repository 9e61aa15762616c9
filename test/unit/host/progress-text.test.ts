import assert from "node:assert/strict";
import fc from "fast-check";
import { ProgressBar, progressLine, type JobProgress } from "../../../src/host/progress-text";

const progress = (changes: Partial<JobProgress>): JobProgress => ({
  type: "progress",
  phase: "tune",
  title: "Tuning",
  done: 40,
  total: 160,
  loss: null,
  heldOutLoss: null,
  heldOutScore: null,
  tokensPerSecond: null,
  secondsLeft: null,
  ...changes,
});

describe("progress of a run in a notification", () => {
  it("names what is known and leaves out the rest", () => {
    assert.equal(
      progressLine(progress({ loss: 0.6149, heldOutScore: 0.719, secondsLeft: 40.4 })),
      "Tuning 25 % · loss 0.61 · held-out F1 0.72 · 40 seconds left",
    );
    assert.equal(progressLine(progress({ total: 0, done: 0 })), "Tuning");
  });

  it("says 100 % only at the end", () => {
    assert.equal(progressLine(progress({ done: 159.9, total: 160 })), "Tuning 99 %");
    assert.equal(progressLine(progress({ done: 160, total: 160 })), "Tuning 100 %");
  });

  it("moves a bar that never goes back nor past its end, whatever comes", () => {
    const step = fc.record({
      phase: fc.constantFrom("probe", "tune", "fold", "score"),
      done: fc.double({ noNaN: true, min: -10, max: 1000 }),
      total: fc.nat(500),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const bar = new ProgressBar();
        const moves = steps.map((one) => bar.advance(one));
        assert.ok(moves.every((move) => move >= 0));
        assert.ok(moves.reduce((sum, move) => sum + move, 0) <= 100 + 1e-9);
      }),
    );
  });

  it("reaches the end of the bar with the last score", () => {
    const bar = new ProgressBar();
    const moved = [
      { phase: "probe", done: 3, total: 3 },
      { phase: "tune", done: 80, total: 160 },
      { phase: "tune", done: 160, total: 160 },
      { phase: "score", done: 60, total: 60 },
    ] as const;
    const sum = moved.map((one) => bar.advance(one)).reduce((total, move) => total + move, 0);
    assert.ok(Math.abs(sum - 100) < 1e-9);
  });
});
