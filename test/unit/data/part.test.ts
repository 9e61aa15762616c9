import assert from "node:assert/strict";
import fc from "fast-check";
import { drawPart } from "../../../src/core/data";
import type { Example } from "../../../src/core/schema";
import { textOf } from "./folder";

describe("a part of the training examples", () => {
  const example = (id: number, label: string, group?: string): Example => ({
    id: `e${String(id).padStart(3, "0")}`,
    text: textOf(id),
    label,
    ...(group === undefined ? {} : { group }),
  });
  const many = Array.from({ length: 200 }, (_, i) => example(i, i % 10 === 0 ? "rare" : i % 2 ? "a" : "b"));
  const ids = (examples: readonly Example[]) => examples.map(({ id }) => id);

  it("has the size asked for, the classes in their shares, and lies within every larger one", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 200 }),
        fc.integer({ min: 3, max: 200 }),
        fc.nat(50),
        (m, n, seed) => {
          const [small, large] = [Math.min(m, n), Math.max(m, n)].map((size) => drawPart(many, size, seed));
          assert.equal(small!.length, Math.min(m, n));
          const inside = new Set(ids(large!));
          assert.ok(ids(small!).every((id) => inside.has(id)));
          for (const [label, share] of [
            ["rare", 0.1],
            ["a", 0.5],
            ["b", 0.4],
          ] as const) {
            const found = small!.filter((each) => each.label === label).length;
            assert.ok(
              found >= 1 && Math.abs(found - share * small!.length) <= 2,
              `${label}: ${found} of ${small!.length}`,
            );
          }
        },
      ),
      { seed: 41 },
    );
  });

  it("depends on the seed and not on the order of the lines", () => {
    const part = ids(drawPart(many, 50, 3));
    assert.deepEqual(ids(drawPart([...many].reverse(), 50, 3)).sort(), [...part].sort());
    assert.notDeepEqual(ids(drawPart(many, 50, 4)), part);
  });

  it("takes groups whole or not at all", () => {
    const grouped = Array.from({ length: 60 }, (_, i) => example(i, i % 2 ? "a" : "b", `g${i % 12}`));
    const part = drawPart(grouped, 23, 1);
    assert.equal(part.length, 20);
    const groups = new Set(part.map(({ group }) => group));
    assert.equal(groups.size, 4);
  });

  it("is refused where there are too few examples, or all stand in larger groups", () => {
    assert.throws(() => drawPart(many, 201, 0), /Cannot draw 201 training examples: there are 200\./);
    const one = Array.from({ length: 9 }, (_, i) => example(i, "a", "g"));
    assert.throws(() => drawPart(one, 5, 0), /every group of examples that must stay together is larger/);
  });
});
