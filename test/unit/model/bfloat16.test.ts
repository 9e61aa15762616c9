import assert from "node:assert/strict";
import { toBfloat16 } from "../../../src/core/model/write/bfloat16";

/** One number rounded, as the half that is stored. */
const half = (value: number) => new Uint16Array(toBfloat16(Float32Array.of(value)).buffer)[0]!;
const ULP = 2 ** -7;

describe("rounding to bfloat16", () => {
  it("takes the nearest, of two equally near the even one", () => {
    assert.equal(half(1), 0x3f80);
    assert.equal(half(1 + ULP / 2), 0x3f80);
    assert.equal(half(1 + (3 * ULP) / 2), 0x3f82);
    assert.equal(half(1 + ULP / 2 + 2 ** -20), 0x3f81);
    assert.equal(half(1 + ULP / 2 - 2 ** -20), 0x3f80);
    assert.equal(half(-1 - (3 * ULP) / 2), 0xbf82);
  });

  it("keeps zeros, infinities and what is no number, and rounds the largest to infinity", () => {
    assert.equal(half(0), 0);
    assert.equal(half(-0), 0x8000);
    assert.equal(half(Infinity), 0x7f80);
    assert.equal(half(-Infinity), 0xff80);
    assert.equal(half(3.4028234663852886e38), 0x7f80);
    const nan = new Float32Array(Uint32Array.of(0x7f800001).buffer);
    const kept = new Uint16Array(toBfloat16(nan).buffer)[0]!;
    assert.ok((kept & 0x7fff) > 0x7f80);
  });

  it("reads a part of a longer list from its place", () => {
    const all = Float32Array.of(1, 2, 3, 4);
    assert.deepEqual(toBfloat16(all.subarray(2)), toBfloat16(Float32Array.of(3, 4)));
  });
});
