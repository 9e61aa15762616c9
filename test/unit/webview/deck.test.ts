import assert from "node:assert/strict";
import fc from "fast-check";
import { Deck } from "../../../src/webview/label/deck";

const deck = (lines: number[], states: string, keep: number | null = null) => {
  const made = new Deck();
  made.arrange(lines, states, keep);
  return made;
};

describe("the place in the list of texts", () => {
  it("begins at the first open text, or where one was", () => {
    assert.equal(deck([0, 1, 2, 3], "aaoo").current, 2);
    assert.equal(deck([0, 1, 2, 3], "aaoo", 1).current, 1);
    assert.equal(deck([0, 1, 2, 3], "aaoo", 9).current, 2);
    assert.equal(deck([3, 1], "aaaa").current, 3);
    assert.equal(deck([], "").current, null);
  });

  it("moves on from an answered text to the next open one, at the end to those left behind", () => {
    const made = deck([0, 1, 2, 3], "oaoa", 2);
    made.setState(2, "answered");
    assert.equal(made.moveOn(true), true);
    assert.equal(made.current, 0);
    made.setState(0, "answered");
    assert.equal(made.moveOn(true), false);
    assert.equal(made.current, 0);
  });

  it("moves on from a corrected text to the one behind it", () => {
    const made = deck([5, 4, 3], "oooaaa", 5);
    made.moveOn(false);
    assert.equal(made.current, 4);
  });

  it("stays within the list, whatever is asked", () => {
    fc.assert(
      fc.property(fc.nat(6), fc.array(fc.integer({ min: -5, max: 12 })), (count, moves) => {
        const made = deck(
          Array.from({ length: count }, (_, at) => at),
          "o".repeat(count),
        );
        for (const move of moves) {
          const before = made.position;
          assert.equal(made.moveTo(move), made.position !== before);
          assert.equal(made.current === null, count === 0);
        }
      }),
    );
  });

  it("knows beforehand what a key may bring: the next, the one before, the next open ones", () => {
    const lines = Array.from({ length: 100 }, (_, at) => at);
    const states = lines.map((at) => (at === 50 || at > 90 ? "o" : "a")).join("");
    const made = deck(lines, states, 10);
    const ahead = made.ahead(8);
    for (const line of [11, 9, 50, 91]) assert.ok(ahead.includes(line), String(line));
    assert.equal(ahead.includes(10), false);
  });
});
