import assert from "node:assert/strict";
import type { RunGuesses } from "../../../../src/core/labelling";
import { Desk, type DeskOptions } from "../../../../src/host/label/desk";
import type { ToLabel } from "../../../../src/protocol";

const run: RunGuesses = {
  folder: "run",
  labels: ["x", "y"],
  thresholds: null,
  answers: new Map(),
  folds: false,
  fitted: new Set(["fitted"]),
  test: new Set(["drawn"]),
};
const everything = { order: "file", filter: { show: "all" }, search: "" } as const;

function desk(text: string[], options: Partial<DeskOptions> = {}) {
  const lines = {
    get lineCount() {
      return text.length;
    },
    lineAt: (line: number) => text[line]!,
  };
  const task = { kind: "single" as const, labels: [{ name: "x" }, { name: "y" }] };
  return new Desk(lines, { task, part: null, latest: run, folded: null, seed: 1, ...options });
}
const example = (id: string, more = {}) => JSON.stringify({ id, text: `text of ${id}`, ...more });
function arranged(message: ToLabel) {
  assert.ok(message.type === "arranged");
  return message;
}

describe("what the label editor says to its page", () => {
  it("tells a change in place by its row, and shows where something was undone", () => {
    const text = [example("a"), example("b")];
    const of = desk(text);
    text[1] = example("b", { label: "x" });
    const message = of.changed([{ first: 1, last: 1, count: 1 }], true);
    assert.ok(message.type === "changed");
    assert.deepEqual(
      message.rows.map(({ line, state, answer, whole }) => ({ line, state, answer, whole })),
      [{ line: 1, state: "answered", answer: ["x"], whole: true }],
    );
    assert.equal(message.show, 1);
    assert.equal(message.progress.answered, 1);
    text[1] = example("b");
    const plain = of.changed([{ first: 1, last: 1, count: 1 }], false);
    assert.equal(plain.type === "changed" && plain.show, null);
  });

  it("lists anew where lines have moved, and stays on the example that was shown", () => {
    const text = [example("a"), example("b")];
    const of = desk(text);
    of.moveTo(1);
    text.unshift(example("new"));
    const message = arranged(of.changed([{ first: 0, last: 0, count: 2 }], false));
    assert.deepEqual([message.lines, message.keep], [[0, 1, 2], 2]);
  });

  it("removes the line of an example, finds it where it has moved, and shows it again where that is undone", () => {
    const text = [example("a"), "no JSON {", example("b"), example("c")];
    const of = desk(text);
    of.moveTo(2);
    const remove = (id: string, line: number) => of.edit({ type: "remove", id, line });
    const whole = (line: number) => ({ line, to: line + 1, edit: { start: 0, end: 0, text: "" } });
    assert.deepEqual([remove("b", 2), remove("b", 0)], [whole(2), whole(2)]);
    assert.deepEqual(remove("c", 3), { line: 3, to: 3, edit: { start: 0, end: text[3]!.length, text: "" } });
    assert.equal(remove("gone", 1), "gone");
    const [gone] = text.splice(2, 1);
    const after = arranged(of.changed([{ first: 2, last: 3, count: 1 }], false));
    assert.deepEqual([after.lines, after.keep], [[0, 1, 2], null]);
    of.moveTo(0);
    text.splice(2, 0, gone!);
    const undone = arranged(of.changed([{ first: 2, last: 2, count: 2 }], true));
    assert.deepEqual([undone.lines, undone.keep], [[0, 1, 2, 3], 2]);
  });

  it("removes a line that is no example where it stands now, and no other that begins like it", () => {
    const text = [example("a"), '{"id":"b","te', '{"id":"b","text', example("c"), "  "];
    const of = desk(text);
    const remove = (raw: string, line: number) => of.edit({ type: "remove-broken", raw, line });
    const whole = (line: number) => ({ line, to: line + 1, edit: { start: 0, end: 0, text: "" } });
    assert.deepEqual(remove(text[1]!, 1), whole(1));
    assert.deepEqual(remove('{"id":"b"', 1), whole(1), "the beginning is enough where the line stands there");
    assert.deepEqual(remove(text[2]!, 0), whole(2), "it has moved");
    for (const [raw, line] of [
      ['{"id":"b"', 0],
      [text[0]!, 0],
      ["  ", 4],
    ] as const)
      assert.equal(remove(raw, line), "gone");
    const [gone] = text.splice(1, 1);
    const after = arranged(of.changed([{ first: 1, last: 2, count: 1 }], false));
    assert.deepEqual(after.lines, [0, 1, 2]);
    text.splice(1, 0, gone!);
    const undone = arranged(of.changed([{ first: 1, last: 1, count: 2 }], true));
    assert.deepEqual([undone.lines, undone.keep], [[0, 1, 2, 3], 1]);
  });

  it("lists anew where a line has become blank", () => {
    const text = [example("a"), example("b")];
    const of = desk(text);
    text[0] = "";
    assert.deepEqual(arranged(of.changed([{ first: 0, last: 0, count: 1 }], false)).lines, [1]);
  });

  it("edits the line where the example stands now, and none where it is gone", () => {
    const text = [example("a"), example("b")];
    const of = desk(text);
    text.unshift("");
    of.changed([{ first: 0, last: 0, count: 2 }], false);
    const found = of.edit({ type: "answer", edit: 1, line: 1, id: "b", answer: "x" });
    assert.ok(found !== null && found !== "gone");
    assert.equal(found.line, 2);
    assert.equal(of.edit({ type: "answer", edit: 1, line: 1, id: "z", answer: "x" }), "gone");
    assert.equal(of.edit({ type: "note", edit: 1, line: 1, id: "a", note: "" }), null);
  });

  it("jumps to an id, else to a line", () => {
    const of = desk([example("a"), example("1"), "", example("b")]);
    const line = (to: string) => {
      const message = of.jump(to);
      return message.type === "jumped" ? message.line : undefined;
    };
    assert.deepEqual(["b", "1", "2", "3", "4", "99", "z"].map(line), [3, 1, 1, null, 3, null, null]);
  });

  it("jumps to a line by itself, whatever the ids are", () => {
    const of = desk([example("2"), example("2"), "", "{"]);
    const jumps = [0, 1, 2, 3, 4].map((line) => of.jumpToLine(line));
    assert.deepEqual(
      jumps.map(({ line, to }) => [line, to]),
      [
        [0, "1"],
        [1, "2"],
        [null, "3"],
        [3, "4"],
        [null, "5"],
      ],
    );
  });

  it("sends the beginning of a text for the list, the whole for the screen, and cuts no character in two", () => {
    const text = `${"a".repeat(239)}😀${"b".repeat(50)}`;
    const of = desk([JSON.stringify({ id: "a", text })]);
    const row = (whole: boolean) => {
      const message = of.tell([0], whole);
      return message.type === "rows" ? message.rows[0]! : assert.fail();
    };
    assert.deepEqual([row(false).text, row(false).whole], ["a".repeat(239), false]);
    assert.deepEqual([row(true).text, row(true).whole], [text, true]);
  });

  it("asks the adapter neither about texts that it was fitted to nor about the test part", () => {
    const ids = ["fresh", "fitted", "drawn", "marked"];
    const text = ids.map((id) => example(id, id === "marked" ? { split: "test" } : {}));
    const of = desk(text);
    const asked = ids.map((id, line) => of.askable(line, id));
    assert.deepEqual(asked, [
      { text: "text of fresh" },
      { refusal: { state: "none", reason: "fitted" } },
      { refusal: { state: "none", reason: "test" } },
      { refusal: { state: "none", reason: "test" } },
    ]);
    assert.equal(of.askable(0, "other"), null);
    assert.equal(desk(text, { latest: null }).askable(0, "fresh"), null);
  });

  it("lets no model have a say before the files tell the test part, as a line does that is marked", () => {
    const text = [example("fresh"), example("other")];
    const of = desk(text);
    assert.deepEqual(
      [of.fixed, of.askable(0, "fresh")],
      [false, { refusal: { state: "none", reason: "drawn" } }],
    );
    text[1] = example("other", { split: "test" });
    of.changed([{ first: 1, last: 1, count: 1 }], false);
    assert.deepEqual([of.fixed, of.askable(0, "fresh")], [true, { text: "text of fresh" }]);
    assert.equal(desk(text.slice(0, 1), { part: "train" }).fixed, true);
  });

  it("turns the adapter's probabilities into the labels that it would give", () => {
    const labels = [
      { label: "y", probability: 0.6 },
      { label: "x", probability: 0.4 },
    ];
    const chosen = (of: Desk) => {
      const suggestion = of.suggestion({ labels, output: null });
      return suggestion.state === "ready" ? suggestion.chosen : null;
    };
    assert.deepEqual(chosen(desk([])), ["y"]);
    const multi = { kind: "multi" as const, labels: [{ name: "x" }, { name: "y" }] };
    assert.deepEqual(chosen(desk([], { task: multi, latest: { ...run, thresholds: [0.3, 0.7] } })), ["x"]);
  });

  it("draws the random order anew each time it is chosen", () => {
    const of = desk(Array.from({ length: 30 }, (_, at) => example(`e${at}`)));
    const random = { ...everything, order: "random" } as const;
    const first = arranged(of.choose(random, null)).lines;
    assert.deepEqual(arranged(of.choose({ ...random, search: "text" }, null)).lines, first);
    of.choose(everything, null);
    assert.notDeepEqual(arranged(of.choose(random, null)).lines, first);
  });
});

describe("how far a class is", () => {
  const progress = (text: string[], options: Partial<DeskOptions> = {}) =>
    arranged(desk(text, options).choose(everything, null)).progress;
  const labelled = (count: number, more = {}) =>
    Array.from({ length: count }, (_, at) => example(`e${at}`, { label: "x", ...more }));

  it("counts answers, not what was set aside", () => {
    const text = [...labelled(3), example("s", { label: "x", status: "skipped" }), example("o"), "{"];
    const { classes, ...totals } = progress(text);
    assert.deepEqual(totals, { answered: 3, skipped: 1, open: 1, broken: 1 });
    assert.equal(classes[0]?.count, 3);
  });

  it("wants so many that ten will be in the test part", () => {
    const needed = (text: string[], options = {}) => progress(text, options).classes.map((one) => one.needed);
    assert.deepEqual(needed(labelled(20)), [30, 50]);
    const half = { task: { kind: "single" as const, labels: [{ name: "x" }], testShare: 0.5 } };
    assert.deepEqual(needed(labelled(20), half), [0]);
    assert.deepEqual(needed([...labelled(20), ...labelled(4, { split: "test" })]), [6, 10]);
    assert.deepEqual(needed(labelled(4), { part: "test" }), [6, 10]);
    assert.deepEqual(needed(labelled(4), { part: "train" }), [0, 0]);
    const ofTest = (text: string[]) => progress(text).classes.map((one) => one.ofTest);
    assert.deepEqual(ofTest(labelled(20)), [false, false]);
    assert.deepEqual(ofTest([...labelled(20), example("t", { split: "test" })]), [true, true]);
  });
});
