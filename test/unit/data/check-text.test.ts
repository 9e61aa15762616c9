import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { renderCheck } from "../../../src/cli/check-text";
import type { CheckResult } from "../../../src/core/data";

const result: CheckResult = {
  task: "/home/t/my task.plumb.json",
  name: "Pressure in messages",
  kind: "single",
  files: [{ path: "/home/t/messages.jsonl", lines: 1234 }],
  runnable: false,
  findings: [
    {
      severity: "error",
      code: "label-outside",
      message: "5 answers name a label that is not in the label set.",
      places: [17, 40, 41, 42, 43].map((line) => ({
        file: "/home/t/messages.jsonl",
        line,
        message: 'label "presure".',
      })),
    },
    {
      severity: "warning",
      code: "class-unmeasured",
      message: "1 class has fewer than 10 test examples; what the report says about it will be vague.",
      places: [
        { file: null, line: null, message: "давление: 4 in the test; 30 more labelled texts would do." },
      ],
    },
    {
      severity: "info",
      code: "unanswered",
      message: "12 examples have no answer yet; a run leaves them out.",
      places: [],
    },
  ],
  counts: { examples: 1234, answered: 1220, unanswered: 12, skipped: 2 },
  classes: [
    { label: "давление", all: 20, train: 16, test: 4 },
    { label: "压力", all: 1200, train: 960, test: 240 },
  ],
  split: { made: "drawn", train: 976, test: 244, seed: 3, testShare: 0.2 },
  lengths: { room: 1990, measured: 1232, median: 23, most: 210 },
};
const plain = { from: "/home/t", all: false, width: null, color: false, unmeasured: null };

describe("check in words", () => {
  it("says what stops a run first, then warnings, then counts, then what to do", () => {
    assert.equal(
      renderCheck(result, plain),
      `Pressure in messages (single: one label each)
messages.jsonl: 1,234 lines

Stops a run
x 5 answers name a label that is not in the label set.
    messages.jsonl, line 17: label "presure".
    messages.jsonl, line 40: label "presure".
    messages.jsonl, line 41: label "presure".
    and 2 more (--all lists them)

Worth a look
! 1 class has fewer than 10 test examples; what the report says about it will be vague.
    давление: 4 in the test; 30 more labelled texts would do.

Good to know
- 12 examples have no answer yet; a run leaves them out.

Counts
               all   train    test
  давление      20      16       4
  压力       1,200     960     240
  together   1,220     976     244
  besides: 12 without an answer, 2 skipped

The test part would be drawn class by class from seed 3 (20 %).
Half of the texts have at most 23 tokens, 99 of 100 at most 210; the model reads up to 1,990.

A run is refused until this is corrected.
`,
    );
  });

  it("names the next command where a run is possible", () => {
    const text = renderCheck({ ...result, runnable: true, findings: [] }, plain);
    assert.match(text, /\nA run is possible: plumb tune 'my task\.plumb\.json'\n$/);
    assert.doesNotMatch(text, /Stops a run|Worth a look|Good to know/);
  });

  it("lists every place where asked to, and shows paths from outside whole", () => {
    const text = renderCheck(result, { ...plain, all: true, from: "/home/elsewhere" });
    assert.equal(text.match(/^ {4}\/home\/t\/messages\.jsonl, line \d+: /gm)?.length, 5);
    assert.doesNotMatch(text, /more \(--all/);
  });

  it("breaks lines between words, and never loses one", () => {
    const words = (text: string) => text.split(/\s+/);
    const narrow = renderCheck(result, { ...plain, width: 50 });
    assert.deepEqual(words(narrow), words(renderCheck(result, plain)));
    assert.ok(
      narrow.split("\n").every((line) => line.length <= 50),
      narrow,
    );
  });

  it("says the same in colour", () => {
    const colored = renderCheck(result, { ...plain, color: true });
    assert.notEqual(colored, renderCheck(result, plain));
    assert.equal(stripVTControlCharacters(colored), renderCheck(result, plain));
  });

  it("says why texts were not measured, and counts a task without classes", () => {
    const text = renderCheck(
      { ...result, kind: "generation", classes: [], split: null, lengths: null },
      { ...plain, unmeasured: "No model." },
    );
    assert.match(text, /\nCounts\n {15}all\n {2}examples {3}1,220\n {2}besides/);
    assert.match(text, /\nNo model\.\n/);
    assert.doesNotMatch(text, /tokens|test part/);
  });
});
