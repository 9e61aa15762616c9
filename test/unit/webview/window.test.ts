import assert from "node:assert/strict";
import fc from "fast-check";
import { scrollFor, windowOf } from "../../../src/webview/label/window";

const list = fc.record({
  scrolled: fc.nat(3_000_000),
  height: fc.integer({ min: 28, max: 2000 }),
  count: fc.nat(100_000),
});

describe("the part of a long list that stands in the page", () => {
  it("covers the screen and stays small and within the list, however long that is", () => {
    fc.assert(
      fc.property(list, ({ scrolled, height, count }) => {
        const { first, end } = windowOf(scrolled, height, 28, count);
        assert.ok(first >= 0 && first <= end && end <= count);
        assert.ok(end - first <= height / 28 + 26);
        const top = Math.floor(scrolled / 28);
        const bottom = Math.min(count, Math.ceil((scrolled + height) / 28));
        if (top < count) assert.ok(first <= top && end >= bottom);
      }),
    );
  });

  it("scrolls so that the row can be seen whole, and not at all where it can already", () => {
    fc.assert(
      fc.property(list, fc.nat(100_000), ({ scrolled, height }, row) => {
        const to = scrollFor(row, scrolled, height, 28);
        assert.ok(to <= row * 28 && to + height >= row * 28 + 28);
        assert.equal(scrollFor(row, to, height, 28), to);
      }),
    );
  });

  it("brings a row just past the edge to the edge, and one far off to the middle", () => {
    assert.equal(scrollFor(10, 0, 280, 28), 28);
    assert.equal(scrollFor(1000, 0, 280, 28), 28_000 - 126);
  });
});
