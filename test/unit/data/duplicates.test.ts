import assert from "node:assert/strict";
import fc from "fast-check";
import {
  comparedText,
  Groups,
  nearSimilarity,
  sameTextKey,
  Sketches,
} from "../../../src/core/data/duplicates";
import { seededRandom } from "../../../src/core/random";
import { textOf } from "./folder";

/** Share of common runs of four characters, counted: what sketches estimate. */
function trueSimilarity(first: string, second: string): number {
  const runs = (text: string) => {
    const padded = ` ${comparedText(text)} `;
    const set = new Set<string>();
    for (let at = 0; at + 4 <= Math.max(4, padded.length); at++) set.add(padded.slice(at, at + 4));
    return set;
  };
  const [a, b] = [runs(first), runs(second)];
  const common = [...a].filter((run) => b.has(run)).length;
  return common / (a.size + b.size - common);
}

const random = seededRandom(11);
const pick = (n: number) => Math.floor(random() * n);
const alphabet = "abcdefghiklmnoprstuvw";
const word = () => Array.from({ length: 2 + pick(7) }, () => alphabet[pick(alphabet.length)]!).join("");
const words = (n: number) => Array.from({ length: n }, word);

/** A text and one with some of its words replaced, of any length and any likeness. */
function pairOfTexts(): [string, string] {
  const first = words(1 + pick(60));
  const share = random();
  const second = first.map((each) => (random() < share ? word() : each));
  return [first.join(" "), second.join(" ")];
}

describe("near duplicates", () => {
  it("estimates the share of common runs within its error, for short and long texts alike", () => {
    const pairs = Array.from({ length: 600 }, pairOfTexts);
    const sketches = Sketches.of(pairs.flat());
    const errors = pairs.map(([a, b], i) => sketches.similarity(2 * i, 2 * i + 1) - trueSimilarity(a, b));
    // sqrt(s (1 - s) / 256) is 0.031 at most; 600 draws of a normal error reach four times that once in ten runs.
    assert.ok(Math.max(...errors.map(Math.abs)) < 0.15, `largest error ${Math.max(...errors.map(Math.abs))}`);
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    assert.ok(Math.abs(mean) < 0.004, `biased by ${mean}`);
    const spread = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length);
    assert.ok(spread < 0.031, `spread ${spread}`);
  });

  it("finds what comparing every pair finds, but for likenesses next to the limit", () => {
    const texts = Array.from({ length: 120 }, pairOfTexts).flat();
    // Whole families of variants, too: one template filled in many ways.
    for (let family = 0; family < 6; family++) {
      const base = words(20);
      for (let i = 0; i < 12; i++)
        texts.push(base.map((each, at) => (at === pick(20) ? word() : each)).join(" "));
    }
    const found = Sketches.of(texts).pairs();
    const together = groupsOf(
      texts.length,
      found.map(({ first, second }) => [first, second]),
    );
    let near = 0;
    for (let a = 0; a < texts.length; a++) {
      for (let b = a + 1; b < texts.length; b++) {
        const similarity = trueSimilarity(texts[a]!, texts[b]!);
        if (similarity >= nearSimilarity + 0.1) {
          near++;
          assert.equal(together[a], together[b], `missed ${similarity}: ${texts[a]} / ${texts[b]}`);
        }
      }
    }
    assert.ok(near > 100, `only ${near} pairs to find`);
    for (const { first, second, similarity } of found) {
      assert.ok(first < second);
      assert.ok(similarity >= nearSimilarity);
      const real = trueSimilarity(texts[first]!, texts[second]!);
      assert.ok(real > nearSimilarity - 0.12, `${real}: ${texts[first]} / ${texts[second]}`);
    }
    assert.ok(found.length < texts.length, "a group of n is told by n - 1 pairs");
  });

  it("holds case, punctuation, white space and composition for nothing", () => {
    const texts = [
      "Only 2 left, hurry up!",
      "ONLY 2 left — hurry\tup",
      "Ｏnly 2 left; hurry up…",
      "Café 1",
      "Cafe\u0301 1",
    ];
    const sketches = Sketches.of(texts);
    assert.equal(sketches.similarity(0, 1), 1);
    assert.equal(sketches.similarity(0, 2), 1);
    assert.equal(sketches.similarity(3, 4), 1);
    assert.ok(sketches.similarity(0, 3) < 0.2);
  });

  it("tells texts apart that are punctuation or emoji alone, and very short ones", () => {
    const texts = ["?!", "...", "👍", "👎", "a", "b", "", "да", "нет"];
    assert.deepEqual(Sketches.of(texts).pairs(), []);
    assert.equal(Sketches.of(["👍", " 👍 "]).pairs().length, 1);
  });

  it("gives each query the closest of the others", () => {
    const base = words(30);
    const variant = (n: number) => base.map((each, at) => (at < n ? word() : each)).join(" ");
    const texts = [variant(0), variant(4), variant(1), variant(0), words(30).join(" ")];
    const sketches = Sketches.of(texts);
    const closest = sketches.closest([0, 4], [1, 2, 3]);
    assert.deepEqual(
      closest.map(({ first, second }) => [first, second]),
      [[0, 3]],
    );
    assert.deepEqual(
      sketches.closest([0], [1, 2]).map(({ second }) => second),
      [2],
    );
    assert.deepEqual(sketches.closest([], [1]), []);
    assert.deepEqual(sketches.closest([4], [0, 1, 2]), []);
  });

  it("looks at the first texts alone where told to", () => {
    const texts = ["one and the same text", "another text altogether", "one and the same text!"];
    assert.deepEqual(Sketches.of(texts).pairs(2), []);
    assert.equal(Sketches.of(texts).pairs().length, 1);
  });

  it("holds a text that repeats itself for what it repeats, and takes no longer over it", () => {
    const base = words(40).join(" ");
    const sketches = Sketches.of([base, `${base} `.repeat(5000), base.slice(0, 3).repeat(500_000)]);
    assert.ok(sketches.similarity(0, 1) > 0.95);
    assert.ok(sketches.similarity(0, 2) < 0.2);
  }).timeout(10_000);

  it("holds a short chain of near duplicates together, and breaks one that runs through the whole file", () => {
    const chain = (length: number) => {
      const current = words(12);
      return Array.from({ length }, (_, at) => {
        current[at % 12] = word();
        return current.join(" ");
      });
    };
    const others = Array.from({ length: 200 }, () => words(12).join(" "));
    const sizes = (texts: readonly string[]) => {
      const bonds = Sketches.of(texts).bonds();
      const groups = groupsOf(
        texts.length,
        bonds.map(({ first, second }) => [first, second]),
      );
      const counts = new Map<number, number>();
      for (const group of groups) counts.set(group, (counts.get(group) ?? 0) + 1);
      return [...counts.values()].sort((a, b) => b - a);
    };
    assert.ok(sizes([...others, ...chain(18)])[0]! >= 15);
    const long = [...others, ...chain(150)];
    assert.ok(
      groupsOf(
        long.length,
        Sketches.of(long)
          .pairs()
          .map(({ first, second }) => [first, second]),
      ).filter((group) => group >= 200 && group < 210).length > 35,
    );
    assert.ok(sizes(long)[0]! <= 35);
    // The same text a hundred times is held together all the same.
    const same = Array.from({ length: 100 }, (_, at) =>
      at % 2 === 0 ? "One text, and always this one." : "one text and ALWAYS this one",
    );
    assert.equal(sizes([...others, ...same, ...chain(150)])[0], 100);
  });

  it("holds the same text together, however many others lie between that are nearly it", () => {
    const long = Array.from({ length: 60 }, (_, n) => textOf(n)).join(" ");
    const texts = Array.from({ length: 400 }, (_, n) => `${long} Number ${n % 200}.`);
    const groups = new Groups(texts.length);
    for (const { first, second } of Sketches.of(texts).bonds()) groups.join(first, second);
    for (let n = 0; n < 200; n++) assert.ok(groups.same(n, n + 200), String(n));
  });

  it("takes seconds for 20,000 texts that are all alike, where comparing all would take hours", function () {
    this.timeout(60_000);
    const base = words(15);
    const texts = Array.from({ length: 20_000 }, (_, i) => [...base, String(i)].join(" "));
    const started = performance.now();
    const pairs = Sketches.of(texts).pairs();
    assert.equal(pairs.length, texts.length - 1);
    assert.ok(performance.now() - started < 30_000);
  });

  it("names exact duplicates by what can be seen", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.constantFrom(" ", "\n", "\t ", "\u00a0"),
        (text, space) => {
          const spaced = text.split(" ").join(space);
          assert.equal(sameTextKey(`${space}${spaced.normalize("NFD")}\n`), sameTextKey(text));
        },
      ),
      { seed: 12 },
    );
    assert.notEqual(sameTextKey("Really?"), sameTextKey("Really!"));
    assert.notEqual(sameTextKey("free"), sameTextKey("FREE"));
  });
});

/** Smallest member of each one's group. */
function groupsOf(count: number, pairs: readonly [number, number][]): number[] {
  const group = Array.from({ length: count }, (_, i) => i);
  let moved = true;
  while (moved) {
    moved = false;
    for (const [a, b] of pairs) {
      const least = Math.min(group[a]!, group[b]!);
      if (group[a] !== least || group[b] !== least) moved = true;
      group[a] = group[b] = least;
    }
  }
  return group;
}
