import assert from "node:assert/strict";
import fc from "fast-check";
import { Rows, textHash, type RunGuesses, type Suggested } from "../../../../src/core/labelling";
import { arrange, stateLetters, whyShown, type Arrangement } from "../../../../src/host/label/arrange";
import type { LabelFilter, LabelOrder } from "../../../../src/protocol";

const TEXT = [
  '{"id":"sure","text":"Sure thing","label":"x"}',
  '{"id":"torn","text":"Hm","label":"x","note":"ask"}',
  '{"id":"wrong","text":"Other","label":"x"}',
  '{"id":"test","text":"Test","label":"x","split":"test"}',
  '{"id":"drawn","text":"Drawn for the test","label":"x"}',
  '{"id":"open","text":"Open"}',
  "",
  '{"id":"broken","te',
  '{"id":"away","text":"Away","label":"x","status":"skipped"}',
  '{"id":"held","text":"Held out","label":"y"}',
  '{"id":"fitted","text":"Fitted","label":"y"}',
];
const scores: Readonly<Record<string, [string, number[]]>> = {
  sure: ["out-of-fold", [0.9, 0.1]],
  torn: ["out-of-fold", [0.52, 0.48]],
  wrong: ["out-of-fold", [0.2, 0.8]],
  test: ["test", [0.1, 0.9]],
  drawn: ["out-of-fold", [0.3, 0.7]],
  away: ["out-of-fold", [0.5, 0.5]],
  held: ["held-out", [0.6, 0.4]],
};
/** Hash of the text of an example. */
const textOf = (id: string, lines = TEXT) => {
  const line = lines.find((one) => one.startsWith(`{"id":"${id}"`))!;
  return textHash((JSON.parse(line) as { text: string }).text);
};
const run: RunGuesses = {
  folder: "run",
  labels: ["x", "y"],
  thresholds: null,
  answers: new Map(
    Object.entries(scores).map(([id, [part, values]]) => [
      id,
      { part: part as "test", text: textOf(id), scores: values, output: null },
    ]),
  ),
  folds: true,
  fitted: new Set(),
  test: new Set(["drawn"]),
};

function arrangement(
  order: LabelOrder,
  filter: LabelFilter = { show: "all" },
  more: Partial<Arrangement> & { search?: string; text?: string[] } = {},
): Arrangement {
  const { search = "", text = TEXT, ...rest } = more;
  const rows = new Rows("single", (line) => text[line]!, text.length);
  return {
    view: { order, filter, search },
    ...{ rows, latest: run, folded: run, held: new Map(), judges: new Map(), seed: 1 },
    ...{ testFile: false, testFixed: true },
    ...rest,
  };
}
const ids = (of: Arrangement) =>
  arrange(of).map((line) => {
    const row = of.rows.at(line);
    return "id" in row ? row.id : row.state;
  });

describe("the order in which texts come up for labelling", () => {
  it("is the file's, broken lines among them, blank ones not", () => {
    assert.deepEqual(arrange(arrangement("file")), [0, 1, 2, 3, 4, 5, 7, 8, 9, 10]);
    assert.equal(stateLetters(arrangement("file").rows), "aaaaao xsaa");
  });

  it("at random is all of them, differently by seed and the same by the same", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const drawn = arrange(arrangement("random", { show: "all" }, { seed }));
        assert.deepEqual(
          [...drawn].sort((a, b) => a - b),
          arrange(arrangement("file")),
        );
        assert.deepEqual(drawn, arrange(arrangement("random", { show: "all" }, { seed })));
      }),
    );
  });

  it("by uncertainty begins with the most torn, and has only texts that the model was not fitted to", () => {
    assert.deepEqual(ids(arrangement("uncertain")), ["torn", "wrong", "sure"]);
  });

  it("by disagreement has those where the model says something else, surest first", () => {
    const text = [...TEXT, '{"id":"torn2","text":"t","label":"y"}'];
    const answers = new Map(run.answers).set("torn2", {
      part: "out-of-fold",
      text: textHash("t"),
      scores: [0.95, 0.05],
      output: null,
    });
    const folded = { ...run, answers };
    assert.deepEqual(ids(arrangement("disagree", { show: "all" }, { folded, text })), ["torn2", "wrong"]);
  });

  it("never has a test text in an order by the model: by its word, by the run's split, or by its file", () => {
    for (const order of ["uncertain", "disagree"] as const) {
      assert.equal(ids(arrangement(order)).includes("test"), false);
      assert.equal(ids(arrangement(order)).includes("drawn"), false);
      assert.deepEqual(ids(arrangement(order, { show: "all" }, { testFile: true })), []);
      assert.deepEqual(ids(arrangement(order, { show: "all" }, { folded: null })), []);
    }
  });

  it("rests on nothing that was said of another text under the same id, and on all that was said of the same", () => {
    const edited = TEXT.map((line) => line.replace('"text":"', '"text":"Not '));
    for (const [order, filter] of [
      ["uncertain", { show: "all" }],
      ["disagree", { show: "all" }],
      ["file", { show: "wrong" }],
    ] as const) {
      const before = arrangement(order, filter);
      const after = arrangement(order, filter, { text: edited });
      assert.deepEqual(ids(after), []);
      for (const line of arrange(before)) assert.deepEqual(whyShown(line, after), { kind: "changed" });
      const noted = TEXT.map((line) => line.replace("}", ',"note":"n","more":[1]}'));
      assert.deepEqual(ids(arrangement(order, filter, { text: noted })), ids(before));
    }
  });

  it("asks each label of a multi-label task against its threshold", () => {
    const text = ['{"id":"a","text":"t","labels":["x"]}', '{"id":"b","text":"t","labels":["x","y"]}'];
    const rows = new Rows("multi", (line) => text[line]!, 2);
    const answers = new Map([
      ["a", { part: "out-of-fold" as const, text: textHash("t"), scores: [0.9, 0.35], output: null }],
      ["b", { part: "out-of-fold" as const, text: textHash("t"), scores: [0.9, 0.1], output: null }],
    ]);
    const folded = { ...run, thresholds: [0.5, 0.3], answers };
    const of = arrangement("disagree", { show: "all" }, { rows, folded });
    assert.deepEqual(ids(of), ["b", "a"]);
    assert.deepEqual(whyShown(0, of), { kind: "adds", model: { label: "y", probability: 0.35 } });
    assert.deepEqual(whyShown(1, of), { kind: "misses", yours: { label: "y", probability: 0.1 } });
    assert.deepEqual(ids(arrangement("uncertain", { show: "all" }, { rows, folded })), ["a", "b"]);
  });
});

describe("orders by suggestions that were asked for beforehand", () => {
  const text = [
    '{"id":"torn","text":"Torn"}',
    '{"id":"sure","text":"Sure"}',
    '{"id":"changed","text":"Changed since"}',
    '{"id":"fitted","text":"Learned from"}',
    '{"id":"test","text":"Test","split":"test"}',
    '{"id":"drawn","text":"Drawn for the test"}',
    '{"id":"lost","text":"By a run that is gone"}',
    '{"id":"away","text":"Set aside","status":"skipped"}',
    '{"id":"given","text":"Answered since","label":"x"}',
  ];
  const suggested = (id: string, of: string, likely: number, by = "a"): [string, Suggested] => [
    id,
    {
      ...{ id, text: textHash(of), run: by, chosen: ["y"], output: null },
      labels: [
        { label: "y", probability: likely },
        { label: "x", probability: 1 - likely },
      ],
    },
  ];
  const held = new Map([
    suggested("torn", "Torn", 0.55),
    suggested("sure", "Sure", 0.9),
    suggested("changed", "As it was", 0.5),
    suggested("fitted", "Learned from", 0.5),
    suggested("test", "Test", 0.5),
    suggested("drawn", "Drawn for the test", 0.5),
    suggested("lost", "By a run that is gone", 0.5, "gone"),
    suggested("away", "Set aside", 0.5),
    suggested("given", "Answered since", 0.7),
  ]);
  const judge: RunGuesses = { ...run, answers: new Map(), folds: false, fitted: new Set(["fitted"]) };
  const judged = (order: LabelOrder, more: Partial<Arrangement> = {}) =>
    arrangement(
      order,
      { show: "all" },
      { text, held, judges: new Map([["a", judge]]), latest: judge, folded: null, ...more },
    );

  it("have unlabelled texts by uncertainty, and none that the adapter had learned from or is tested on", () => {
    assert.deepEqual(ids(judged("uncertain")), ["torn", "given", "sure"]);
    assert.deepEqual(whyShown(0, judged("uncertain")), {
      kind: "hesitates",
      between: [
        { label: "y", probability: 0.55 },
        { label: "x", probability: 1 - 0.55 },
      ],
    });
  });

  it("have texts by disagreement once a person has answered them otherwise", () => {
    assert.deepEqual(ids(judged("disagree")), ["given"]);
  });

  it("go by an out-of-fold prediction where there is one", () => {
    const answers = new Map(run.answers).set("sure", {
      part: "out-of-fold" as const,
      ...{ text: textHash("Sure"), scores: [0.5, 0.5], output: null },
    });
    const folded = { ...run, answers };
    assert.deepEqual(ids(judged("uncertain", { folded })), ["sure", "torn", "given"]);
  });

  it("have nothing where the runs that suggested are gone", () => {
    assert.deepEqual(ids(judged("uncertain", { judges: new Map() })), []);
  });
});

describe("why a text is shown", () => {
  it("is said from the model's own figures", () => {
    assert.deepEqual(whyShown(1, arrangement("uncertain")), {
      kind: "hesitates",
      between: [
        { label: "x", probability: 0.52 },
        { label: "y", probability: 0.48 },
      ],
    });
    assert.deepEqual(whyShown(2, arrangement("disagree")), {
      kind: "disagrees",
      model: { label: "y", probability: 0.8 },
      yours: { label: "x", probability: 0.2 },
    });
    assert.deepEqual(whyShown(0, arrangement("disagree")), { kind: "agrees" });
    assert.deepEqual(whyShown(3, arrangement("file", { show: "wrong" })), {
      kind: "wrong",
      predicted: ["y"],
      test: true,
    });
    assert.deepEqual(whyShown(7, arrangement("file")), { kind: "file", line: 7 });
    assert.deepEqual(whyShown(0, arrangement("random")), { kind: "random" });
  });

  it("stays what it was for a text that is set aside, and is never another order's", () => {
    const away = (line: string) => line.replace("}", ',"status":"skipped"}');
    for (const order of ["uncertain", "disagree"] as const) {
      const listed = arrangement(order);
      const skipped = arrangement(order, { show: "all" }, { text: TEXT.map(away) });
      assert.deepEqual(arrange(skipped), []);
      for (const line of arrange(listed)) assert.deepEqual(whyShown(line, skipped), whyShown(line, listed));
      for (const of of [listed, skipped]) {
        for (let line = 0; line < TEXT.length; line++)
          assert.doesNotMatch(whyShown(line, of).kind, /file|random|wrong/, TEXT[line]);
      }
    }
  });

  it("is no disagreement with an answer that was taken away since", () => {
    const text = TEXT.map((line) => line.replace(',"label":"x"', ""));
    assert.deepEqual(whyShown(2, arrangement("disagree", { show: "all" }, { text })), { kind: "changed" });
  });
});

describe("a task whose test part each run draws", () => {
  const drawn = { testFixed: false };

  it("lists nothing in the orders by a model: what it chose could come to be of the test", () => {
    for (const order of ["uncertain", "disagree"] as const)
      assert.deepEqual(
        [ids(arrangement(order, { show: "all" }, drawn)), ids(arrangement(order)).length > 0],
        [[], true],
      );
  });

  it("has no suggestion shown that was asked for before", () => {
    const labels = [{ label: "x", probability: 0.9 }];
    const text = ['{"id":"open","text":"Open."}'];
    const held = new Map([
      ["open", { id: "open", run: "r", labels, output: null, text: textHash("Open."), chosen: ["x"] }],
    ]);
    const suggested = (more: Partial<Arrangement>) =>
      ids(arrangement("file", { show: "suggested" }, { text, held, ...more }));
    assert.deepEqual([suggested({}), suggested(drawn)], [["open"], []]);
  });
});

describe("which texts are listed", () => {
  const shown = (filter: LabelFilter, search = "") => ids(arrangement("file", filter, { search }));

  it("is asked by state, label, note", () => {
    assert.deepEqual(shown({ show: "open" }), ["open"]);
    assert.deepEqual(shown({ show: "skipped" }), ["away"]);
    assert.deepEqual(shown({ show: "broken" }), ["broken"]);
    assert.deepEqual(shown({ show: "noted" }), ["torn"]);
    assert.deepEqual(shown({ show: "label", label: "y" }), ["held", "fitted"]);
  });

  it("knows what the last run got wrong, of all texts that it was not fitted to", () => {
    assert.deepEqual(shown({ show: "wrong" }), ["wrong", "test", "drawn", "held"]);
  });

  it("searches texts, ids and notes, whatever their case", () => {
    assert.deepEqual(shown({ show: "all" }, "SURE"), ["sure"]);
    assert.deepEqual(shown({ show: "all" }, " ask "), ["torn"]);
    assert.deepEqual(shown({ show: "all" }, '"te'), ["broken"]);
  });

  it("lists what has a suggestion for its text as it stands, without an answer, outside the test part", () => {
    const text = [
      '{"id":"open","text":"Open."}',
      '{"id":"changed","text":"Not what it was."}',
      '{"id":"answered","text":"Answered.","label":"x"}',
      '{"id":"given","text":"Given.","split":"test"}',
      '{"id":"drawn","text":"Drawn."}',
      '{"id":"none","text":"None."}',
    ];
    const texts = { open: "Open.", changed: "Was.", answered: "Answered.", given: "Given.", drawn: "Drawn." };
    const held = new Map(
      Object.entries(texts).map(([id, words]) => {
        const labels = [{ label: "x", probability: 0.9 }];
        const suggested: Suggested = {
          ...{ id, run: "r", labels, output: null },
          ...{ text: textHash(words), chosen: ["x"] },
        };
        return [id, suggested] as const;
      }),
    );
    assert.deepEqual(ids(arrangement("file", { show: "suggested" }, { text, held })), ["open"]);
  });
});
