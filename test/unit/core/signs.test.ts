import assert from "node:assert/strict";
import fc from "fast-check";
import { LabelColor } from "../../../src/core/schema";
import { signsOf } from "../../../src/core/signs";

const none = (count: number) => Array.from({ length: count }, () => null);
const shown = (colors: readonly (LabelColor | null)[]) =>
  signsOf(colors).map(({ shape, color }) => `${color} ${shape}`);

describe("signs of labels", () => {
  const colors = LabelColor.options;
  const anyColors = fc.oneof(
    fc.array(fc.constantFrom(null, ...colors), { maxLength: 120 }),
    // Many of few colours, and many of one.
    fc.array(fc.constantFrom(null, "blue" as const, "red" as const), { maxLength: 60 }),
    fc.array(fc.constant("orange" as const), { maxLength: 40 }),
  );

  it("without colours follow from the place alone: thirty pairs of a shape and a colour, then numbers beside", () => {
    assert.deepEqual(shown(none(7)), [
      ...["blue ●", "yellow ■", "green ▲", "purple ◆", "red ★", "blue ✚", "yellow ●"],
    ]);
    const many = shown(none(500));
    assert.deepEqual([many[29], many[30], many[61], many[329]], ["red ✚", "blue ●₂", "yellow ■₃", "red ✚₁₁"]);
    assert.equal(new Set(many).size, 500);
  });

  it("are never alike, so that labels of one colour differ by shape", () => {
    fc.assert(
      fc.property(anyColors, (chosen) => {
        assert.equal(new Set(shown(chosen)).size, chosen.length);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("have the colours that were chosen, and leave a label without one as it is without any", () => {
    fc.assert(
      fc.property(anyColors, (chosen) => {
        const plain = signsOf(none(chosen.length));
        signsOf(chosen).forEach((sign, at) => {
          if (chosen[at] === null) assert.deepEqual(sign, plain[at]);
          else assert.equal(sign.color, chosen[at]);
        });
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it("keep the shape of the place where no other label of the colour has it, and count on where all are taken", () => {
    assert.deepEqual(shown([null, "red", "orange", null]), ["blue ●", "red ■", "orange ▲", "purple ◆"]);
    // The fifth place has the red star, the first place the blue dot.
    assert.deepEqual(shown([null, "red", "red", "red", null, "red", "red", "blue"]), [
      ...["blue ●", "red ■", "red ▲", "red ◆", "red ★", "red ✚", "red ●", "blue ■"],
    ]);
    assert.deepEqual(shown(Array.from({ length: 8 }, () => "green" as const)).slice(5), [
      "green ✚",
      "green ●₂",
      "green ■₂",
    ]);
  });
});
