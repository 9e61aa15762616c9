import assert from "node:assert/strict";
import fc from "fast-check";
import { parseExample } from "../../../src/core/data/read";
import { readRow, Rows } from "../../../src/core/labelling";

const lines = fc.array(
  fc.constantFrom(
    "",
    '{"id":"a","text":"one"}',
    '{"id":"b","text":"two","label":"x"}',
    '{"id":"c","text":"three","label":"x","status":"skipped"}',
    '{"id":"d","text":"fo',
    '{"id":"e","text":"five","split":"test","note":"look"}',
  ),
  { minLength: 1, maxLength: 8 },
);
const all = (rows: Rows) => Array.from({ length: rows.length }, (_, line) => rows.at(line));

describe("lines under labelling", () => {
  it("says of each line whether it is open, answered, set aside, broken or blank", () => {
    assert.equal(readRow('{"id":"a","text":"t"}', "single").state, "open");
    assert.equal(readRow('{"id":"a","text":"t","label":"x"}', "single").state, "answered");
    assert.equal(readRow('{"id":"a","text":"t","labels":[]}', "multi").state, "answered");
    assert.equal(readRow('{"id":"a","text":"t","label":"x"}', "multi").state, "open");
    assert.equal(readRow('{"id":"a","text":"t","target":"x"}', "generation").state, "answered");
    assert.equal(readRow("  ", "single").state, "blank");
  });

  it("keeps the answer of an example that was set aside", () => {
    const row = readRow('{"id":"a","text":"t","label":"x","status":"skipped"}', "single");
    assert.deepEqual(row.state === "skipped" && row.answer, ["x"]);
  });

  it("shows a broken line as it stands, and says what is wrong with it", () => {
    const row = readRow('{"id":"a","text":"half', "single");
    assert.ok(row.state === "broken");
    assert.equal(row.raw, '{"id":"a","text":"half');
    assert.match(row.problem, /not JSON at column 18/);
  });

  it("is read as a run reads it: what is an example, and what is wrong with what is none", () => {
    const value = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.constant(null),
      fc.constant("skipped"),
      fc.array(fc.string()),
    );
    const example = fc.dictionary(fc.constantFrom("id", "text", "label", "labels", "status", "own"), value);
    const line = fc.oneof(
      example.map((fields) => JSON.stringify({ id: "a", text: "t", ...fields })),
      fc.tuple(example, fc.nat(40)).map(([fields, end]) => JSON.stringify(fields).slice(0, end)),
      fc
        .tuple(fc.string({ minLength: 1 }), value)
        .map(([text, own]) => JSON.stringify({ id: "a", text, own })),
      fc.json(),
      fc.constant(`{"id":"a","text":"t","own":${"[".repeat(1100)}${"]".repeat(1100)}}`),
      fc.constant('{"id":"a","text":"t","text":"\\ud800"}'),
    );
    const seen = { examples: 0, broken: 0 };
    fc.assert(
      fc.property(line, (text) => {
        const row = readRow(text, "single");
        if (row.state === "blank") return;
        const problems: string[] = [];
        const whole = parseExample(text, (code, message) => {
          if (code !== "field-twice") problems.push(message);
        });
        if (row.state === "broken") assert.deepEqual([whole, row.problem], [null, problems[0]]);
        else assert.deepEqual([row.id, row.text, row.note], [whole?.id, whole?.text, whole?.note ?? ""]);
        seen[row.state === "broken" ? "broken" : "examples"]++;
      }),
      { seed: 5, numRuns: 1000 },
    );
    assert.ok(seen.examples > 50 && seen.broken > 200, JSON.stringify(seen));
  });

  it("is, after any changes, what reading the whole text anew would give", () => {
    const change = fc.record({ first: fc.nat(20), length: fc.nat(3), fresh: lines });
    fc.assert(
      fc.property(lines, fc.array(change, { maxLength: 4 }), (start, changes) => {
        const text = [...start];
        const rows = new Rows("single", (line) => text[line]!, text.length);
        for (const { first, length, fresh } of changes) {
          const from = first % text.length;
          const last = Math.min(text.length - 1, from + length);
          text.splice(from, last - from + 1, ...fresh);
          const read = rows.change([{ first: from, last, count: fresh.length }], text.length);
          assert.equal(read === null, last - from + 1 !== fresh.length);
        }
        assert.deepEqual(all(rows), all(new Rows("single", (line) => text[line]!, text.length)));
      }),
    );
  });

  it("reads a changed line again, and no other", () => {
    const text = ['{"id":"a","text":"one"}', '{"id":"b","text":"two"}', '{"id":"c","text":"three"}'];
    const asked: number[] = [];
    const at = (line: number) => {
      asked.push(line);
      return text[line]!;
    };
    const rows = new Rows("single", at, 3);
    asked.length = 0;
    text[1] = '{"id":"b","text":"two","label":"x"}';
    assert.deepEqual(rows.change([{ first: 1, last: 1, count: 1 }], 3), [1]);
    assert.deepEqual(asked, [1]);
  });

  it("takes several changes of one moment in, each told in terms of the text before", () => {
    const text = ["a", "b", "c", "d"].map((id) => `{"id":"${id}","text":"t"}`);
    const rows = new Rows("single", (line) => text[line]!, 4);
    text.splice(3, 1);
    text.splice(0, 1, '{"id":"x","text":"t"}', '{"id":"y","text":"t"}');
    // Editors tell the one that stands last first.
    const changes = [
      { first: 2, last: 3, count: 1 },
      { first: 0, last: 0, count: 2 },
    ];
    assert.equal(rows.change(changes, 4), null);
    assert.deepEqual(all(rows), all(new Rows("single", (line) => text[line]!, 4)));
  });

  it("finds an example where it was, else where it has gone", () => {
    const text = ["a", "b", "a"].map((id) => `{"id":"${id}","text":"t"}`);
    const rows = new Rows("single", (line) => text[line]!, 3);
    assert.equal(rows.find("a", 2), 2);
    assert.equal(rows.find("b", 2), 1);
    assert.equal(rows.find("z", 0), null);
  });
});
