import assert from "node:assert/strict";
import fc from "fast-check";
import { thresholdCurve } from "../../../src/core/report";
import { sortedPlaces } from "../../../src/webview/report/sort";
import { csvOf, markdownOf } from "../../../src/webview/report/table-text";
import { figuresAt, macro } from "../../../src/webview/report/threshold";

describe("a panel's tables", () => {
  const sorted = (values: string[], descending = false) =>
    sortedPlaces(values, descending, "en").map((place) => values[place]);

  it("sort figures as figures and names as names, and what is not defined last either way", () => {
    assert.deepEqual(sorted(["10", "9", "", "0.5"]), ["0.5", "9", "10", ""]);
    assert.deepEqual(sorted(["10", "9", "", "0.5"], true), ["10", "9", "0.5", ""]);
    assert.deepEqual(sorted(["b", "Á", "a", "item 10", "item 9"]), ["a", "Á", "b", "item 9", "item 10"]);
  });

  it("keep the order of rows that are alike", () => {
    assert.deepEqual(sortedPlaces(["1", "0", "1", "0"], false, "en"), [1, 3, 0, 2]);
    assert.deepEqual(sortedPlaces(["1", "0", "1", "0"], true, "en"), [0, 2, 1, 3]);
  });

  it("are copied so that every cell stays one cell", () => {
    const grid = [
      ["Class", "F1"],
      ["a|b\\", "0.5\n[0.1, 0.9]"],
      ['say "x"', ""],
    ];
    assert.equal(
      markdownOf(grid),
      '| Class | F1 |\n| :-- | --: |\n| a\\|b\\\\ | 0.5 [0.1, 0.9] |\n| say "x" |  |\n',
    );
    assert.equal(csvOf(grid), 'Class,F1\r\na|b\\,"0.5\n[0.1, 0.9]"\r\n"say ""x""",\r\n');
  });
});

describe("a panel's thresholds", () => {
  it("say what deciding text by text says", () => {
    const text = fc.record({ probability: fc.double({ min: 0, max: 1, noNaN: true }), has: fc.boolean() });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 30 }), fc.integer({ min: 0, max: 100 }), (texts, step) => {
        const curve = thresholdCurve(
          "x",
          0.5,
          texts.map(({ probability }) => probability),
          texts.map(({ has }) => has),
        );
        const given = texts.filter(({ probability }) => probability >= step / 100);
        const hits = given.filter(({ has }) => has).length;
        const positives = texts.filter(({ has }) => has).length;
        const figures = figuresAt(curve, step);
        assert.equal(figures.given, given.length);
        assert.equal(figures.precision, given.length === 0 ? null : hits / given.length);
        assert.equal(figures.recall, positives === 0 ? null : hits / positives);
        const both = given.length + positives;
        assert.equal(figures.f1, both === 0 ? null : (2 * hits) / both);
      }),
    );
  });

  it("average the labels whose F1 is defined", () => {
    const of = (f1: number | null) => ({ f1, precision: null, recall: null, given: 0 });
    assert.equal(macro([of(0.5), of(null), of(1)]), 0.75);
    assert.equal(macro([of(null)]), null);
  });
});
