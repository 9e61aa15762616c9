import assert from "node:assert/strict";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { loadTask, splitExamples } from "../../../src/core/data";
import { buildReport, countClasses, macroF1 } from "../../../src/core/report";
import { TEXTS_TO_CHOOSE_ON, wordCountRival } from "../../../src/core/report/word-count-rival";
import { seededRandom } from "../../../src/core/random";
import type { Example } from "../../../src/core/schema";
import { sample } from "./samples";

const SAMPLE = path.join(
  path.dirname(fileURLToPath(import.meta.url)),
  "../../../media/sample/manipulation.plumb.json",
);

/** Texts of two words that nothing in them explains but one word of their class, which some of them have. */
function told(count: number, told: number, label: (random: () => number) => number, seed = 1) {
  const random = seededRandom(seed);
  const truth = Array.from({ length: count }, () => [label(random)]);
  const noise = () => `n${Math.floor(random() * 400)}`;
  const train = truth.map(([own], index): Example => ({
    id: `t${index}`,
    text: `${noise()} ${noise()} ${noise()} ${noise()}${random() < told ? ` c${own!}` : ""}`,
    label: String(own),
  }));
  return { train, truth };
}

describe("the word count as a rival", () => {
  it("is a fair one on the sample: macro F1 of at least 0.4 where default settings reach 0.16", async () => {
    const loaded = await loadTask(SAMPLE);
    const { train, test } = splitExamples(loaded, { seed: 1, testShare: 0.2 });
    const names = loaded.task.labels!.map(({ name }) => name);
    const truthOf = (examples: typeof train) => examples.map(({ label }) => [names.indexOf(label!)]);
    const rival = wordCountRival(train, truthOf(train), names.length, "single");
    const predicted = rival.decide(test.map(({ text }) => text));
    const truth = truthOf(test);
    const judged = truth.map((labels, index) => ({ truth: labels, predicted: predicted[index]! }));
    const figure = macroF1(countClasses(judged, names.length))!;
    assert.ok(figure >= 0.4, `${figure} with ${rival.description}`);
    assert.equal(rival.chosen!.balanced, true);
  });

  it("weighs classes alike where one is rare, and does not where that is no better", () => {
    const rare = told(300, 0.8, (random) => (random() < 0.06 ? 1 : 0));
    assert.equal(wordCountRival(rare.train, rare.truth, 2, "single").chosen!.balanced, true);
    const even = told(300, 1, (random) => (random() < 0.5 ? 1 : 0));
    // Every setting gets all of them right: the first is taken.
    assert.deepEqual(wordCountRival(even.train, even.truth, 2, "single").chosen, {
      inversePenalty: 1,
      balanced: false,
    });
  });

  it("says in the report what was chosen, and that it was", () => {
    const report = buildReport(sample("single", { labels: 3, train: 90, test: 40, skill: 0.5 }));
    assert.match(
      report.rivals.find(({ name }) => name === "word-counts")!.description,
      /^words and pairs of words: TF-IDF, logistic regression, C = (1|10|100)(, balanced)?, chosen on the training part$/u,
    );
  });

  it("chooses without a look at texts of the group that it judges", () => {
    // Each author's texts share a word that gives the label away within the author and says nothing beyond.
    const random = seededRandom(4);
    const grouped = Array.from({ length: 60 }, (_, author) => Math.floor(random() * 2) + 2 * author).flatMap(
      (key) =>
        Array.from({ length: 6 }, (_, index): Example => ({
          id: `${key}-${index}`,
          text: `author${key} w${Math.floor(random() * 300)} v${Math.floor(random() * 300)}`,
          label: String(key % 2),
          group: String(key),
        })),
    );
    const truth = grouped.map(({ label }) => [Number(label)]);
    const free = grouped.map(({ group: _, ...rest }): Example => rest);
    const without = wordCountRival(free, truth, 2, "single");
    const within = wordCountRival(grouped, truth, 2, "single");
    assert.ok(without.crossValidated! > 0.95, String(without.crossValidated));
    assert.ok(within.crossValidated! < 0.7, String(within.crossValidated));
  });

  it("is the same for the same training part in any order, chosen on a part of a large one", () => {
    const { train, truth } = told(TEXTS_TO_CHOOSE_ON + 100, 0.5, (random) => Math.floor(random() * 3));
    const turned = wordCountRival(train.toReversed(), truth.toReversed(), 3, "single");
    const straight = wordCountRival(train, truth, 3, "single");
    assert.deepEqual(turned.chosen, straight.chosen);
    assert.equal(turned.crossValidated, straight.crossValidated);
    // Too many texts to choose on all of them.
    assert.equal(straight.chosenOn, TEXTS_TO_CHOOSE_ON);
  });

  it("has thresholds of its own for several labels a text, chosen out of fold", () => {
    // The best F1 is had by giving label 0 always and label 1 with its word. From 0.5 on, no setting would do both: without
    // class weights label 1 is never likely, with them label 0 is not without its word.
    const random = seededRandom(9);
    const words = Array.from({ length: 600 }, () => [random() < 0.5, random() < 0.25] as const);
    const truth = words.map(([zero, one]) => [
      ...(random() < (zero ? 0.97 : 0.75) ? [0] : []),
      ...(one && random() < 0.35 ? [1] : []),
    ]);
    const train = truth.map((labels, index): Example => ({
      id: `m${index}`,
      text: `${words[index]![0] ? "c0" : "d0"} ${words[index]![1] ? "c1" : "d1"} n${index % 7}`,
      labels: labels.map(String),
    }));
    const rival = wordCountRival(train, truth, 2, "multi");
    assert.deepEqual(rival.decide(["d0 c1", "c0 c1", "c0 d1", "d0 d1"]), [[0, 1], [0, 1], [0], [0]]);
  });

  it("keeps a setting in the middle where there is nothing to choose on", () => {
    for (const kind of ["single", "multi"] as const) {
      const rival = wordCountRival(
        ["red apple", "green pear"].map((text, index) => ({ id: text, text, label: String(index) })),
        [[0], [1]],
        2,
        kind,
      );
      assert.equal(rival.chosen, null);
      assert.equal(
        rival.description,
        "words and pairs of words: TF-IDF, logistic regression, C = 10, balanced",
      );
      assert.deepEqual(rival.decide(["apple", "pear"]), [[0], [1]]);
    }
    assert.deepEqual(wordCountRival([], [], 2, "single").decide(["x"]), [[0]]);
  });
});
