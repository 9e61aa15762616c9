import assert from "node:assert/strict";
import { marksByFile, summary, type CheckOutput } from "../../../src/host/findings";

type Finding = CheckOutput["findings"][number];
const finding = (changes: Partial<Finding>): Finding => ({
  severity: "error",
  code: "label-outside",
  message: "2 answers name a label that is not in the label set.",
  places: [],
  ...changes,
});
const check = (...findings: Finding[]): CheckOutput => ({
  task: "/t/a.plumb.json",
  runnable: false,
  findings,
});

describe("a check in the Problems view", () => {
  it("marks each place, counted from 0, with its own sentence first", () => {
    const marks = marksByFile(
      check(
        finding({
          places: [{ file: "/t/a.jsonl", line: 17, message: 'label "postive" is not in the label set' }],
        }),
      ),
    );
    assert.deepEqual(
      [...marks],
      [
        [
          "/t/a.jsonl",
          [
            {
              line: 16,
              severity: "error",
              code: "label-outside",
              message:
                'Label "postive" is not in the label set\n2 answers name a label that is not in the label set.',
              fixes: [],
            },
          ],
        ],
      ],
    );
  });

  it("puts what has no place at the head of the task file", () => {
    const places = [{ file: null, line: null, message: "guilt: 3 in the test" }];
    const marks = marksByFile(check(finding({ message: "1 class has few examples.", places })));
    assert.deepEqual(marks.get("/t/a.plumb.json"), [
      {
        line: 0,
        severity: "error",
        code: "label-outside",
        message: "1 class has few examples.\nguilt: 3 in the test",
        fixes: [],
      },
    ]);
  });

  it("stops listing after 200 places and says how many are left", () => {
    const places = Array.from({ length: 1203 }, (_, i) => ({
      file: "/t/a.jsonl",
      line: i + 1,
      message: "x",
    }));
    const marks = marksByFile(check(finding({ places })));
    assert.equal(marks.get("/t/a.jsonl")?.length, 200);
    assert.match(marks.get("/t/a.plumb.json")?.[0]?.message ?? "", /1,003 more places/);
  });

  it("sums up in words", () => {
    const warning = finding({ severity: "warning" });
    assert.equal(
      summary(check(finding({}), warning, warning)),
      "1 problem stops a run, 2 more are worth a look",
    );
    assert.equal(summary(check(warning)), "1 is worth a look");
    assert.equal(summary(check(finding({ severity: "info" }))), null);
  });
});
