import assert from "node:assert/strict";
import { buildReport, renderReport, unseenTexts, type ReportInput } from "../../../src/core/report";
import { sample } from "./samples";

describe("what next", () => {
  const base = sample("single", { labels: 4, train: 400, test: 400, skill: 0.7, seed: 3 });
  const names = base.task.labels!.map(({ name }) => name);

  /** The report of a run that gives each test text the label that `given` says. */
  function reportOf(given: (label: string, index: number) => string, change: Partial<ReportInput> = {}) {
    const test = change.test ?? base.test;
    const predictions = test.map(({ id, label }, index) => {
      const answer = given(label!, index);
      return { id, part: "test" as const, scores: names.map((name) => (name === answer ? 0.7 : 0.1)) };
    });
    return buildReport({ ...base, ...change, predictions });
  }
  const next = (...asked: Parameters<typeof reportOf>): string[] => reportOf(...asked).next;
  const right = (label: string) => label;

  it("names a class that swallows the others, and then no pair of classes", () => {
    const steps = next((label, index) => (index % 10 === 0 ? label : names[0]!));
    assert.match(
      steps[0]!,
      /^It answers “label 0” for 9\d\u00a0% of the texts, and only 2\d\u00a0% are of it/u,
    );
    assert.ok(!steps.some((step) => step.includes("taken for each other")));
  });

  it("names two classes that are taken for each other, in both directions only", () => {
    const swap = (label: string, index: number) =>
      index % 2 === 0 && label === names[1]
        ? names[2]!
        : index % 2 === 0 && label === names[2]
          ? names[1]!
          : label;
    assert.match(next(swap)[0]!, /^“label 1” and “label 2” are taken for each other in \d+ test texts/u);
    const oneWay = (label: string) => (label === names[1] ? names[2]! : label);
    assert.ok(!next(oneWay).some((step) => step.includes("taken for each other")));
  });

  it("asks for more of the weakest class where it has fewer training texts than most", () => {
    const train = base.train.filter(({ label }, index) => label !== names[3] || index % 4 === 0);
    const weak = (label: string, index: number) =>
      label === names[3] && index % 2 === 0 ? names[index % 3]! : label;
    assert.match(
      next(weak, { train }).join("\n"),
      /^Label more of “label 3”: it has the lowest F1 \(0\.\d\d\) and \d+ training texts\.$/mu,
    );
    assert.ok(!next(right).some((step) => step.startsWith("Label more")));
  });

  it("asks for more test texts of a class that has too few", () => {
    let kept = 0;
    const test = base.test.filter(({ label }) => label !== names[2] || kept++ < 4);
    const untuned = base.untuned;
    assert.match(
      next(right, { test, untuned }).join("\n"),
      /“label 2” has only 4 test texts: label more of it/u,
    );
  });

  it("says how many test texts would show a difference", () => {
    const test = base.test.slice(0, 60);
    const steps = next((label, index) => (index % 4 < 3 ? label : names[(index >> 2) % 4]!), {
      test,
      untuned: base.predictions.slice(0, 60),
    });
    const [, needed] = /about ([\d,]+) test texts would be needed; there are 60/u.exec(steps.join("\n"))!;
    // Half a width of roughly 0.15 at 60 texts shrinks to 0.05 at about nine times as many.
    const count = Number(needed!.replace(",", ""));
    assert.ok(count > 300 && count < 1000, needed);
  });

  it("tells a word count that does the job from one that does not either", () => {
    const told = (examples: ReportInput["test"]) =>
      examples.map((example) => ({ ...example, text: example.label!.replace(" ", "") }));
    const change = { train: told(base.train), test: told(base.test), untuned: null };
    assert.match(next(right, change).join("\n"), /Words alone give the answer away/u);
    const hopeless = next((_, index) => names[index % 4]!, { untuned: null });
    assert.match(
      hopeless.join("\n"),
      /has not learned more than words alone tell|test texts would be needed/u,
    );
    assert.ok(!hopeless.some((step) => step.startsWith("Words alone")));
  });

  it("says when the held-out score was still rising, and when all is good enough", () => {
    const history = [0.2, 0.3, 0.4, 0.5].map((heldOutScore, index) => ({
      step: index,
      loss: 1,
      heldOutScore,
    }));
    const rising = next(right, { run: { ...base.run, history } });
    assert.deepEqual(rising, [
      "The held-out score was still rising when the run ended: more steps may help.",
    ]);
    const flat = history.map((row) => ({ ...row, heldOutScore: 0.5 }));
    const good = next((label, index) => (index % 20 === 0 ? names[index % 4]! : label), {
      run: { ...base.run, history: flat },
    });
    assert.match(good.join("\n"), /^Good enough to use: .* \(\[0\.\d\d,\u00a0(0\.\d\d|1\.00)\]\)\.$/u);
  });

  it("doubts labels by the word of a run only where the run is no weak one, on its page too", () => {
    const examples = base.train.slice(0, 20);
    const predictions = examples.map(({ id, label }, index) => {
      const said = index < 5 ? names.find((name) => name !== label) : label;
      return { id, part: "out-of-fold" as const, scores: names.map((name) => (name === said ? 0.97 : 0.01)) };
    });
    const outOfFold = { examples, predictions };
    /** What is said of training labels: as advice, in the page's list, and on a page that has no predictions at hand. */
    const doubts = (given: Parameters<typeof reportOf>[0], change: Partial<ReportInput> = {}) => {
      const report = reportOf(given, { outOfFold, ...change });
      assert.equal(report.suspects.length, 5, "the facts are the same");
      const unseen = unseenTexts(report, predictions, examples);
      const pages = [renderReport(report, { unseen }), renderReport(report)] as const;
      const doubting = ["here wrong labels show first", "5 training texts with a doubtful label"] as const;
      for (const [at, page] of pages.entries()) {
        assert.ok(page.includes("train-4</span>"), "the texts are listed all the same");
        assert.equal(page.includes("A run as weak as this one"), !page.includes(doubting[at]!));
      }
      return [
        report.next.some((step) => step.startsWith("Check 5 training labels first")),
        ...pages.map((page, at) => page.includes(doubting[at]!)),
      ];
    };
    const some = (share: number) => (label: string, index: number) =>
      index % 20 < share * 20 ? label : names[(index >> 2) % 4]!;
    const yes = [true, true, true];
    const no = [false, false, false];
    assert.deepEqual(doubts(right), yes, "better than all, F1 of 1");
    assert.deepEqual(doubts(some(0.5)), yes, "better than all, F1 of 0.6");
    assert.deepEqual(doubts(right, { untuned: allRight(base.test) }), yes, "as good as a rival, F1 of 1");
    const few = { test: base.test.slice(0, 60), untuned: base.predictions.slice(0, 60) };
    assert.deepEqual(doubts(some(0.5), few), no, "cannot tell, F1 of 0.6");
    assert.deepEqual(
      doubts(some(0.75), { untuned: allRight(base.test) }),
      no,
      "a rival is better, F1 of 0.8",
    );
    assert.deepEqual(
      doubts((_, index) => names[index % 4]!),
      no,
      "nothing learned",
    );
    const swallowing = (label: string, index: number) => (index % 4 < 2 ? label : names[0]!);
    assert.deepEqual(doubts(swallowing), no, "one class swallows the others");
  });

  /** A rival that gets every text right. */
  function allRight(test: ReportInput["test"]): ReportInput["untuned"] {
    return test.map(({ id, label }) => ({
      ...{ id, part: "test" as const },
      scores: names.map((name) => (name === label ? 0.97 : 0.01)),
    }));
  }
});
