import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { readWordCounts } from "../../../src/core/report/word-counts";
import { needPublicData } from "../../public-data";
import { recorded } from "./fixtures";

interface Recorded {
  cases: {
    kind: "single" | "multi";
    labels: number;
    train: string[];
    answers: number[][];
    test: string[];
    features: number;
    fits: { inversePenalty: number; balanced: boolean; probabilities: number[][] }[];
  }[];
}

const PLAIN = { inversePenalty: 1, balanced: false };
const named = ({ inversePenalty, balanced }: typeof PLAIN): string =>
  `C = ${inversePenalty}${balanced ? ", balanced" : ""}`;

describe("word counts", () => {
  const { cases } = recorded("metrics-word-counts.json") as Recorded;
  for (const { kind, labels, train, answers, test, features, fits } of cases) {
    const texts = readWordCounts(train, answers, labels, kind);
    for (const { probabilities, ...options } of fits) {
      it(`reach scikit-learn's optimum: ${kind}, ${labels} labels, ${named(options)}`, () => {
        const model = texts.fit(options);
        assert.equal(model.features, features);
        for (const [index, row] of model.score(test).entries()) {
          for (const [label, probability] of row.entries()) {
            const expected = probabilities[index]![label]!;
            // The stopping rule leaves the loss within about 1e-6 of its minimum; a probability moves by its root, and
            // further where a weak penalty makes the minimum flat.
            assert.ok(
              Math.abs(probability - expected) < (options.inversePenalty > 10 ? 1e-2 : 2e-3),
              `text ${index}, label ${label}: ${probability}, not ${expected}`,
            );
          }
        }
      });
    }
  }

  it("give the same model for the same texts", () => {
    const { train, answers, labels, kind, test } = cases[1]!;
    const fit = () => readWordCounts(train, answers, labels, kind).fit(PLAIN).score(test);
    assert.deepEqual(fit(), fit());
  });

  it("give a label that no training text has probability 0, and one that all have probability 1", () => {
    const texts = ["red apple", "green pear", "red pear"];
    assert.deepEqual(
      readWordCounts(texts, [[1], [1], [1]], 3, "single")
        .fit(PLAIN)
        .score(["red"])
        .map((row) => [...row]),
      [[0, 1, 0]],
    );
    const multi = readWordCounts(texts, [[0, 1], [1], [0, 1]], 3, "multi")
      .fit(PLAIN)
      .score(["red"])[0]!;
    assert.ok(multi[0]! > 0.5);
    assert.deepEqual([multi[1], multi[2]], [1, 0]);
    assert.deepEqual([...readWordCounts([], [], 2, "single").fit(PLAIN).score(["x"])[0]!], [0, 0]);
  });

  it("read a text of a hundred thousand words, and one without any", () => {
    const long = Array.from({ length: 100_000 }, (_, index) => `w${index}`).join(" ");
    const [scores] = readWordCounts([long, "short one", "", "!!"], [[0], [1], [1], [0]], 2, "single")
      .fit(PLAIN)
      .score([long]);
    assert.ok(Math.abs(scores![0]! + scores![1]! - 1) < 1e-12 && scores![0]! > 0.5);
  });

  const recordedPublic = recorded("metrics-word-counts-public.json") as Record<
    string,
    { inversePenalty: number; balanced: boolean; accuracy: number; predicted: string }[]
  >;
  for (const name of ["fallacy-en", "entity-sentiment-ru", "command-intent-en"]) {
    it(`label ${name} as scikit-learn does`, function () {
      const folder = needPublicData(this, name);
      const [train, test] = ["train", "test"].map((part) =>
        readFileSync(path.join(folder, `${part}.jsonl`), "utf8")
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as { text: string; label: string }),
      ) as [{ text: string; label: string }[], { text: string; label: string }[]];
      const labels = [...new Set(train.map(({ label }) => label))];
      const texts = readWordCounts(
        train.map(({ text }) => text),
        train.map(({ label }) => [labels.indexOf(label)]),
        labels.length,
        "single",
      );
      for (const { accuracy, predicted: expected, ...options } of recordedPublic[name]!) {
        const predicted = texts
          .fit(options)
          .score(test.map(({ text }) => text))
          .map((row) => row.indexOf(Math.max(...row)));
        const same = predicted.filter((label, index) => String(label) === expected[index]).length;
        const right = predicted.filter((label, index) => labels[label] === test[index]!.label).length;
        assert.equal(expected.length, test.length);
        // scikit-learn stops a little before its optimum: texts on the edge between two labels may fall the other way.
        assert.ok(same / test.length > 0.99, `${named(options)}: ${same} of ${test.length} the same`);
        assert.ok(
          Math.abs(right / test.length - accuracy) < 0.01,
          `${named(options)}: accuracy ${right / test.length}, not ${accuracy}`,
        );
      }
    });
  }
});
