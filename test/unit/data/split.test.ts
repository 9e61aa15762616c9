import assert from "node:assert/strict";
import fc from "fast-check";
import {
  drawSides,
  foldExamples,
  holdOut,
  recordSplit,
  restoreSplit,
  splitExamples,
  type LoadedExample,
} from "../../../src/core/data";
import { Sketches } from "../../../src/core/data/duplicates";
import { PlumbError } from "../../../src/core/errors";
import { seededRandom, shuffled } from "../../../src/core/random";
import type { Task } from "../../../src/core/schema";
import { atOnce } from "../../../src/core/slices";
import { textOf } from "./folder";

const task = (kind: Task["kind"]): Task => ({ version: 1, name: "t", kind, examples: "e.jsonl" });

function example(n: number, fields: Partial<LoadedExample>): LoadedExample {
  return { id: `e${n}`, text: textOf(n), file: "/t/e.jsonl", line: n + 1, ...fields };
}

const loadedOf = (kind: Task["kind"], examples: LoadedExample[]) => ({
  task: task(kind),
  path: "/t/t.plumb.json",
  examples,
});

/** Examples of single-label classes with the given sizes, in mixed order. */
const classesOf = (sizes: readonly number[]) => {
  const labels = sizes.flatMap((size, at) => new Array<string>(size).fill(`c${at}`));
  return shuffled(labels, seededRandom(9)).map((label, n) => example(n, { label }));
};

/** Near each other, as whatever is written by one template. */
const parcel = (n: number) =>
  `Your parcel number ${(n * 7919) % 100_000} is on its way and will reach you on Monday by noon.`;

const tally = (part: readonly LoadedExample[]) => {
  const counts = new Map<string, number>();
  for (const { label, labels } of part)
    for (const name of labels ?? [label ?? ""]) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
};

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 6 });

describe("a drawn split", () => {
  it("gives every class its share, to the example", () => {
    fc.assert(
      fc.property(
        sizes,
        fc.double({ min: 0.1, max: 0.5, noNaN: true }),
        fc.nat(),
        (counts, testShare, seed) => {
          const examples = classesOf(counts);
          let split;
          try {
            split = splitExamples(loadedOf("single", examples), { seed, testShare });
          } catch (error) {
            assert.ok(error instanceof PlumbError && error.code === "no-split");
            assert.ok(examples.length * testShare < counts.length);
            return;
          }
          assert.equal(split.made, "drawn");
          assert.equal(split.train.length + split.test.length, examples.length);
          const test = tally(split.test);
          counts.forEach((count, at) => {
            const got = test.get(`c${at}`) ?? 0;
            assert.ok(Math.abs(got - count * testShare) < 1, `class of ${count}: ${got} at ${testShare}`);
            assert.ok(got < count, "every class can be learned");
          });
          assert.ok(Math.abs(split.test.length - examples.length * testShare) <= 1 + counts.length / 4);
        },
      ),
      { numRuns: 150, seed: 21 },
    );
  });

  it("is the same for a seed whatever the order of the lines, and another for another seed", () => {
    const examples = classesOf([30, 20, 10]);
    const ids = (list: readonly LoadedExample[]) => list.map(({ id }) => id).sort();
    const draw = (list: LoadedExample[], seed: number) =>
      splitExamples(loadedOf("single", list), { seed, testShare: 0.2 });
    const first = draw(examples, 1);
    const again = draw(shuffled(examples, seededRandom(2)), 1);
    assert.deepEqual(ids(again.test), ids(first.test));
    assert.notDeepEqual(ids(draw(examples, 2).test), ids(first.test));
    const line = (list: readonly LoadedExample[]) => list.map((each) => each.line);
    assert.deepEqual(
      line(first.train),
      line(first.train).sort((a, b) => a - b),
      "in the order of the file",
    );
  });

  it("keeps groups and near duplicates on one side", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(14), fc.nat(2), fc.option(fc.nat(8), { nil: undefined })), {
          minLength: 30,
          maxLength: 80,
        }),
        fc.nat(),
        (rows, seed) => {
          // The same number: near duplicates. Option: a group.
          const examples = rows.map(([n, label, group], at) => ({
            ...example(at, { label: `c${label}`, ...(group === undefined ? {} : { group: `g${group}` }) }),
            text: `${textOf(n)} ${at % 3}`,
          }));
          let split;
          try {
            split = splitExamples(loadedOf("single", examples), { seed, testShare: 0.3 });
          } catch (error) {
            assert.ok(error instanceof PlumbError && error.code === "no-split");
            return;
          }
          const sides = new Map<string, Set<string>>();
          const note = (key: string, side: string) => sides.set(key, (sides.get(key) ?? new Set()).add(side));
          for (const [side, part] of [
            ["train", split.train],
            ["test", split.test],
          ] as const) {
            for (const { group, text } of part) {
              if (group !== undefined) note(`group ${group}`, side);
              note(`text ${text.slice(0, -2)}`, side);
            }
          }
          for (const [key, on] of sides) assert.equal(on.size, 1, key);
        },
      ),
      { numRuns: 100, seed: 22 },
    );
  });

  it("still is about as large as asked for where groups are small", () => {
    const random = seededRandom(5);
    const examples = Array.from({ length: 300 }, (_, n) =>
      example(n, { label: `c${Math.floor(random() * 3)}`, group: `g${Math.floor(n / 3)}` }),
    );
    const split = splitExamples(loadedOf("single", examples), { seed: 1, testShare: 0.2 });
    assert.ok(Math.abs(split.test.length - 60) <= 6, `${split.test.length}`);
    const all = tally(examples);
    for (const [name, count] of tally(split.test))
      assert.ok(Math.abs(count - 0.2 * all.get(name)!) <= 4, name);
  });

  it("spreads the labels of a multi-label task, the rarest most exactly", () => {
    const random = seededRandom(6);
    const rates = [0.5, 0.2, 0.05, 0.02];
    const examples = Array.from({ length: 500 }, (_, n) =>
      example(n, { labels: rates.flatMap((rate, at) => (random() < rate ? [`c${at}`] : [])) }),
    );
    const split = splitExamples(loadedOf("multi", examples), { seed: 3, testShare: 0.2 });
    const all = tally(examples);
    const test = tally(split.test);
    for (const [name, count] of all) {
      const off = Math.abs((test.get(name) ?? 0) - 0.2 * count);
      assert.ok(off <= (name === "c3" ? 1 : 4), `${name}: off by ${off}`);
    }
    assert.ok(Math.abs(split.test.length - 100) <= 5, `${split.test.length} in the test`);
  });

  it("has the size asked for in a generation task", () => {
    const examples = Array.from({ length: 57 }, (_, n) => example(n, { target: "x" }));
    assert.equal(
      splitExamples(loadedOf("generation", examples), { seed: 1, testShare: 0.2 }).test.length,
      11,
    );
  });

  it("leaves what has no answer or is set aside out, and what says train in the training part", () => {
    const examples = [
      ...classesOf([20, 20]).map((each, n) => (n < 20 ? { ...each, split: "train" as const } : each)),
      example(90, {}),
      example(91, { label: "c0", status: "skipped" }),
    ];
    const split = splitExamples(loadedOf("single", examples), { seed: 4, testShare: 0.25 });
    assert.deepEqual(
      split.unanswered.map(({ id }) => id),
      ["e90", "e91"],
    );
    assert.ok(split.test.every((each) => each.split === undefined));
    assert.equal(split.test.length, 10);
  });

  it("can be had again from what is written down, whatever was added since", () => {
    const examples = classesOf([20, 20]);
    const split = splitExamples(loadedOf("single", examples), { seed: 4, testShare: 0.2 });
    const record = JSON.parse(JSON.stringify(recordSplit(split))) as ReturnType<typeof recordSplit>;
    const later = [example(99, { label: "c0" }), ...examples];
    const again = restoreSplit(loadedOf("single", later), record);
    assert.deepEqual({ ...again, unanswered: [] }, { ...split, unanswered: [] });
    assert.deepEqual(
      again.unanswered.map(({ id }) => id),
      ["e99"],
    );
    assert.throws(
      () => restoreSplit(loadedOf("single", later.slice(0, -1)), record),
      (error) =>
        error instanceof PlumbError && error.code === "split-changed" && error.message.includes("is gone"),
    );
  });

  it("refuses where one side would be empty, and says why", () => {
    const refuse = (examples: LoadedExample[], message: RegExp) =>
      assert.throws(
        () => splitExamples(loadedOf("single", examples), { seed: 1, testShare: 0.2 }),
        (error) => {
          assert.ok(error instanceof PlumbError && error.code === "no-split");
          assert.match(error.message, message);
          return true;
        },
      );
    refuse([], /no example has an answer/);
    refuse([example(1, {})], /no example has an answer/);
    refuse(classesOf([1]), /only one example/);
    refuse(
      classesOf([20]).map((each) => ({ ...each, group: "one" })),
      /test part would be empty/,
    );
    refuse(
      classesOf([5]).map((each) => ({ ...each, split: "test" as const })),
      /training part would be empty/,
    );
  });

  it("does not change when near duplicates are handed over", () => {
    const examples = classesOf([20, 20, 5]).map((each, n) =>
      n % 4 === 0 ? { ...each, text: `${textOf(n - (n % 8))} x` } : each,
    );
    const loaded = loadedOf("single", examples);
    const sketches = Sketches.of([...examples, example(99, {})].map(({ text }) => text));
    assert.ok(sketches.bonds().length > 0);
    const options = { seed: 4, testShare: 0.2 };
    assert.deepEqual(splitExamples(loaded, { ...options, sketches }), splitExamples(loaded, options));
  });
});

describe("sides drawn when a task is made", () => {
  const drawn = (examples: LoadedExample[], seed = 3) =>
    atOnce(drawSides(examples, { seed, testShare: 0.2 }));
  const draw = (examples: LoadedExample[], seed?: number) => drawn(examples, seed).sides;

  it("give the test its share of every class and of the texts without an answer", () => {
    const answered = classesOf([50, 25, 10]);
    const open = Array.from({ length: 200 }, (_, n) => example(1000 + n, {}));
    const examples = shuffled([...answered, ...open], seededRandom(2));
    const sides = draw(examples)!;
    const inTest = tally(examples.filter((_, at) => sides[at] === "test"));
    assert.deepEqual([inTest.get("c0"), inTest.get("c1"), inTest.get("c2"), inTest.get("")], [10, 5, 2, 40]);
    assert.deepEqual(draw(examples), sides);
    assert.notDeepEqual(draw(examples, 4), sides);
  });

  it("are what a run then takes for its split, whatever has been answered since", () => {
    const examples = Array.from({ length: 100 }, (_, n) => example(n, {}));
    const sides = draw(examples)!;
    const later = examples.map((each, n) => ({ ...each, split: sides[n]!, label: `c${n % 2}` }));
    const split = splitExamples(loadedOf("single", later), { seed: 0, testShare: 0.5 });
    assert.deepEqual([split.made, split.test.length], ["given", 20]);
  });

  it("keep groups, near duplicates and what is for training on theirs", () => {
    const examples = Array.from({ length: 90 }, (_, n) =>
      example(n, {
        text: textOf(Math.floor(n / 2)) + "!".repeat(n % 2),
        group: `g${Math.floor(n / 6)}`,
        ...(n < 30 ? { split: "train" as const } : {}),
      }),
    );
    const sides = draw(examples)!;
    sides.forEach((side, n) => assert.equal(side, n < 30 ? "train" : sides[n - (n % 6)]));
    assert.ok(sides.includes("test"));
    assert.equal(draw(examples.map((each) => ({ ...each, group: "one" }))), null);
    assert.deepEqual(drawn([example(0, {})]), { sides: null, alike: false });
  });

  it("leave a pattern that many texts follow whole, where a test with some of it would be worthless", () => {
    for (const answered of [200, 60, 0]) {
      for (const patterned of [120, 150, 190]) {
        const examples = Array.from({ length: 200 }, (_, n) =>
          example(n, {
            ...(n < patterned ? { text: parcel(n) } : {}),
            ...(n < answered ? { label: `c${n % 3}` } : {}),
          }),
        );
        const { sides, alike } = drawn(examples);
        const test = examples.filter((_, at) => sides?.[at] === "test");
        assert.deepEqual(
          [alike, test.filter(({ text }) => text.startsWith("Your parcel")).length],
          [true, 0],
          `${patterned} of 200 alike, ${answered} answered`,
        );
        assert.ok(test.length >= 10);
      }
    }
  });

  it("are none where all texts follow one pattern", () => {
    const examples = Array.from({ length: 200 }, (_, n) =>
      example(n, { text: parcel(n), label: `c${n % 2}` }),
    );
    assert.deepEqual(drawn(examples), { sides: null, alike: true });
  });
});

describe("a given split", () => {
  it("is taken as it is; what has no split is for training", () => {
    const sides = ["test", "train", undefined] as const;
    const examples = Array.from({ length: 30 }, (_, n) => {
      const split = sides[n % 3];
      return example(n, { label: `c${n % 2}`, ...(split === undefined ? {} : { split }) });
    });
    const split = splitExamples(loadedOf("single", examples), { seed: 1, testShare: 0.5 });
    assert.equal(split.made, "given");
    assert.deepEqual(
      split.test,
      examples.filter((each) => each.split === "test"),
    );
    assert.deepEqual(
      split.train,
      examples.filter((each) => each.split !== "test"),
    );
    assert.deepEqual([split.seed, split.testShare], [null, null]);
  });
});

describe("folds", () => {
  it("are alike in size, and in every class, to the example", () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 2, max: 7 }), fc.nat(), (counts, k, seed) => {
        const examples = classesOf(counts);
        fc.pre(examples.length >= k);
        const folds = foldExamples(examples, k, seed);
        assert.equal(folds.length, examples.length);
        const parts = Array.from({ length: k }, (_, fold) => examples.filter((_, at) => folds[at] === fold));
        counts.forEach((count, at) => {
          for (const part of parts) {
            const got = tally(part).get(`c${at}`) ?? 0;
            assert.ok(
              got === Math.floor(count / k) || got === Math.ceil(count / k),
              `class of ${count} in ${k} folds: ${got}`,
            );
          }
        });
        const lengths = parts.map((part) => part.length);
        assert.ok(Math.max(...lengths) - Math.min(...lengths) <= 2, lengths.join(" "));
      }),
      { numRuns: 200, seed: 23 },
    );
  });

  it("keep groups together", () => {
    const examples = classesOf([30, 30]).map((each, n) => ({ ...each, group: `g${n % 11}` }));
    const folds = foldExamples(examples, 4, 1);
    const byGroup = new Map(examples.map(({ group }, at) => [group, folds[at]]));
    examples.forEach(({ group }, at) => assert.equal(folds[at], byGroup.get(group)));
    assert.deepEqual([...new Set(folds)].sort(), [0, 1, 2, 3]);
  });

  it("are refused where there are fewer groups than folds", () => {
    const examples = classesOf([5, 5]).map((each, n) => ({ ...each, group: `g${n % 3}` }));
    assert.throws(() => foldExamples(examples, 4, 1), /10 examples fall into 3 groups/);
    assert.throws(() => foldExamples(examples, 1, 1), /at least 2/);
  });
});

describe("a held-out part", () => {
  it("takes its share of every class and leaves the first of each to learn from", () => {
    const { fit, heldOut } = holdOut(classesOf([60, 20, 1]), 0.15, 1);
    assert.deepEqual(Object.fromEntries(tally(heldOut)), { c0: 9, c1: 3 });
    assert.equal(fit.length, 69);
  });

  it("may be empty", () => {
    assert.deepEqual(holdOut([], 0.2, 1), { fit: [], heldOut: [] });
    assert.equal(holdOut(classesOf([1, 1]), 0.2, 1).heldOut.length, 0);
  });
});
