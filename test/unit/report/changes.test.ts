import assert from "node:assert/strict";
import {
  buildReport,
  changedTexts,
  classDifferences,
  compareReports,
  renderComparisonText,
  renderComparison,
} from "../../../src/core/report";
import type { Report } from "../../../src/core/schema";
import { assertBalanced } from "./balanced";
import { generationSample, sample } from "./samples";

/** Two runs on the same test part, the second with decisions of its own on a part of it. */
function twoRuns(kind: "single" | "multi"): [Report, Report] {
  const input = sample(kind, { labels: 3, train: 60, test: 60, skill: 0.8 });
  const other = {
    ...input,
    run: { ...input.run, id: "other", startedAt: "2026-01-03T03:04:05Z" },
    predictions: input.predictions.map((one, at) =>
      at % 3 === 0 ? { ...one, scores: [...one.scores!].reverse() } : one,
    ),
  };
  return [buildReport(input), buildReport(other)];
}

const single = twoRuns("single");
const multi = twoRuns("multi");

describe("differences of two runs", () => {
  for (const [kind, [first, second]] of [
    ["single", single],
    ["multi", multi],
  ] as const) {
    it(`${kind}: per class they are those of the reports, inside their intervals`, () => {
      const differences = classDifferences(first, second);
      assert.equal(differences.length, 3);
      differences.forEach(({ first: mine, second: theirs, difference, support }, at) => {
        const [one, other] = [first, second].map((report) => report.classification!.classes[at]!);
        assert.equal(mine.f1, one!.f1.value);
        assert.equal(theirs.f1, other!.f1.value);
        assert.equal(mine.precision, one!.precision.value);
        assert.equal(theirs.recall, other!.recall.value);
        assert.equal(support, one!.support);
        assert.equal(difference.value, mine.f1! - theirs.f1!);
        assert.ok(difference.low! <= difference.value && difference.value <= difference.high!);
      });
    });

    it(`${kind}: turned round, they change their sign alone`, () => {
      const there = classDifferences(first, second);
      const back = classDifferences(second, first);
      there.forEach(({ difference }, at) => {
        const { value, low, high } = back[at]!.difference;
        for (const [one, other] of [
          [difference.value, value],
          [difference.low, high],
          [difference.high, low],
        ])
          assert.ok(Math.abs(one! + other!) < 1e-12);
      });
    });

    it(`${kind}: the texts that only one gets right are those of McNemar's test`, () => {
      const changed = changedTexts(first, second);
      const { mcnemar } = compareReports(first, second);
      const count = (right: string) => changed.filter((one) => one.right === right).length;
      assert.equal(count("first"), mcnemar.onlyFirst);
      assert.equal(count("second"), mcnemar.onlySecond);
      const byId = new Map(second.rows.map((row) => [row.id, row]));
      const differ = first.rows.filter(
        (row) => row.predicted.join("\n") !== byId.get(row.id)!.predicted.join("\n"),
      );
      assert.deepEqual(changed.map((one) => one.first.id).sort(), differ.map(({ id }) => id).sort());
    });
  }

  it("a run differs from itself in nothing, and for certain", () => {
    const [first] = single;
    assert.deepEqual(changedTexts(first, first), []);
    for (const { difference } of classDifferences(first, first))
      assert.deepEqual(difference, { value: 0, low: 0, high: 0 });
  });

  it("count only texts that both runs have with the same answer", () => {
    const [first, second] = single;
    const rows = second.rows.slice(10).map((row, at) => (at === 0 ? { ...row, truth: ["label 9"] } : row));
    const part = { ...second, rows };
    assert.equal(
      classDifferences(first, part).reduce((sum, { support }) => sum + support, 0),
      first.rows.length - 11,
    );
    const known = new Set(rows.slice(1).map(({ id }) => id));
    for (const { first: row } of changedTexts(first, part)) assert.ok(known.has(row.id));
  });
});

describe("the page that compares runs", () => {
  it("shows no choice where nobody answers it: a page's panel brings it out", () => {
    const choices = renderComparison(single, { reference: 0 }).match(/<input[^>]*>/g) ?? [];
    assert.equal(choices.length, 2);
    for (const choice of choices) assert.match(choice, / hidden=""/);
  });

  it("is well formed for two and three runs, whichever is the reference, and for generation", () => {
    const third = { ...single[1], run: { ...single[1].run, id: "third" } };
    for (const reference of [0, 2]) assertBalanced(renderComparison([...single, third], { reference }));
    assertBalanced(renderComparison(multi, { reference: 1 }));
    const outputs = [generationSample(30, 3), generationSample(30, 4)].map(buildReport);
    assertBalanced(renderComparison(outputs, { reference: 0 }));
  });

  it("names the runs by letters, says what leads over which, and lists every text that changed", () => {
    const [first, second] = single;
    const page = renderComparison([first, second], { reference: 0 });
    const { outcome } = compareReports(second, first);
    const said = { better: "B is better than A", worse: "B is worse than A" }[outcome as "better" | "worse"];
    assert.ok(page.includes(said), outcome);
    assert.match(page, /tells these adapters apart, not their settings/);
    assert.match(
      renderComparisonText(compareReports(second, first)),
      /tells these adapters apart, not their settings/,
    );
    for (const { first: row } of changedTexts(second, first))
      assert.ok(page.includes(`class="id">${row.id}<`));
  });

  it("shows each class with its sign, in the colour that was chosen for it", () => {
    const [first, second] = single.map((report) => ({
      ...report,
      task: { ...report.task, colors: [null, null, "orange" as const] },
    }));
    const page = renderComparison([first!, second!], { reference: 0 });
    const signs = Array.from(
      page.matchAll(/data-color="(\w+)"\s+aria-hidden="true"\s*>(.)<\/span\s*><bdi>([^<]*)/gu),
      ([, color, shape, label]) => `${color} ${shape} ${label}`,
    );
    assert.deepEqual(signs.sort(), ["blue ● label 0", "orange ▲ label 2", "yellow ■ label 1"]);
  });

  it("says why a run cannot be compared, and compares the others", () => {
    const [first, second] = single;
    const strange = { ...second, task: { ...second.task, labels: ["x", "y", "z"] } };
    const page = renderComparison([first, strange, second], { reference: 0 });
    assertBalanced(page);
    assert.match(page, /B cannot be compared with A:[^]*not runs of the same task/);
    assert.match(page, /C against A, per class/);
  });

  it("shows hostile texts and labels as text", () => {
    const evil = `<img src=x onerror=alert(1)>"'&`;
    const [first, second] = single;
    const texts = new Map(first.rows.map(({ id }) => [id, evil]));
    const page = renderComparison([first, second], { reference: 0, texts });
    assert.ok(!page.includes("<img"));
    assertBalanced(page);
  });
});
