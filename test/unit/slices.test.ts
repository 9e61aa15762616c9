import assert from "node:assert/strict";
import { atOnce, inTurns, partOf, type Sliced } from "../../src/core/slices";

describe("work in slices", () => {
  function* work(slices: number, milliseconds = 0): Sliced<string> {
    for (let at = 0; at < slices; at++) {
      const end = performance.now() + milliseconds;
      while (performance.now() < end);
      yield at / slices;
    }
    return "done";
  }

  it("comes to the same at once and in turns", async () => {
    assert.equal(atOnce(work(50)), "done");
    assert.equal(await inTurns(work(50), () => undefined), "done");
  });

  it("lets others have their turn, says how far it is, and ends where it is told to", async () => {
    let turns = 0;
    const others = setInterval(() => turns++, 1);
    const shares: number[] = [];
    const stop = () => {
      throw new Error("enough");
    };
    const ended = inTurns(work(1000, 5), (share) => {
      shares.push(share);
      if (shares.length === 8) stop();
    });
    await assert.rejects(ended, /enough/);
    clearInterval(others);
    assert.ok(turns >= 4);
    assert.deepEqual(
      shares,
      [...shares].sort((a, b) => a - b),
    );
    assert.ok(shares[0]! > 0 && shares[7]! < 0.1);
  });

  it("runs as a part of longer work", () => {
    const shares: number[] = [];
    const steps = partOf(work(4), 0.5, 0.9);
    for (let step = steps.next(); step.done !== true; step = steps.next()) shares.push(step.value);
    assert.deepEqual(shares, [0.5, 0.6, 0.7, 0.8]);
  });
});
