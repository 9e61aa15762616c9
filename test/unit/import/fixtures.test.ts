import assert from "node:assert/strict";
import { inspect, type Encoding } from "../../../src/core/import";
import { PlumbError } from "../../../src/core/errors";
import { asRecords, expected, fixture, readAll } from "./expected";

const western = asRecords(expected.header, expected.rows);
const russian = asRecords(expected.headerRussian, expected.russian);

describe("tables written by other programs", () => {
  const tables: [string, typeof western, Encoding | null, string | null][] = [
    ["utf8.csv", western, "utf-8", ","],
    ["utf8-bom.csv", western, "utf-8", ";"],
    ["utf16le.csv", western, "utf-16le", "\t"],
    ["utf16be.csv", russian, "utf-16be", ";"],
    ["windows-1251.csv", russian, "windows-1251", ";"],
    ["windows-1252.csv", western, "windows-1252", ","],
    ["russian.tsv", russian, "utf-8", "\t"],
    ["pandas-records.json", western, "utf-8", null],
    ["pandas-table.json", western, "utf-8", null],
    ["pandas.jsonl", western, "utf-8", null],
    ["pandas.xlsx", western, null, null],
    ["inline.xlsx", western, null, null],
    ["pandas.parquet", western, null, null],
  ];
  for (const [name, records, encoding, delimiter] of tables) {
    it(`${name}: every value as it was written, encoding and delimiter found`, async () => {
      const { rows, told } = await readAll(fixture(name));
      assert.deepEqual(rows, records);
      assert.deepEqual(
        told.filter((one) => !one.endsWith("list-in-object")),
        [],
      );
      const found = await inspect(fixture(name));
      assert.deepEqual([found.encoding, found.delimiter, found.rows], [encoding, delimiter, 6]);
      const [id, text, label, author] = Object.keys(records[0]!);
      assert.deepEqual(found.guess, {
        text,
        id,
        group: author,
        split: null,
        kind: "single",
        labels: [label],
        flags: false,
        separator: null,
      });
      assert.deepEqual(
        found.labels?.map(({ count }) => count),
        [2, 2, 1, 1],
      );
    });
  }

  it("iso-8859-1.csv: letters with accents", async () => {
    const { rows } = await readAll(fixture("iso-8859-1.csv"));
    assert.equal(rows[1]?.text, "Die Bücherei öffnet um neun.");
    assert.equal((await inspect(fixture("iso-8859-1.csv"))).encoding, "iso-8859-1");
  });

  it("pandas.csv: the index has no name and gets one", async () => {
    const { rows } = await readAll(fixture("pandas.csv"));
    assert.deepEqual(
      rows,
      western.map((row, at) => ({ "column 1": String(at), ...row })),
    );
  });

  it("pandas-columns.json: columns instead of rows are refused with the way out", async () => {
    await assert.rejects(
      inspect(fixture("pandas-columns.json")),
      (error) =>
        error instanceof PlumbError && error.code === "no-list" && error.message.includes('orient="records"'),
    );
  });

  for (const codec of ["none", "snappy", "gzip", "brotli", "zstd"]) {
    it(`${codec}.parquet: lists, dates, and names of classes, over two row groups`, async () => {
      const { rows, lines } = await readAll(fixture(`${codec}.parquet`));
      assert.deepEqual(lines, [1, 2, 3, 4, 5, 6]);
      assert.deepEqual(
        rows.map(({ text }) => text),
        expected.rows.map(([, text]) => text),
      );
      assert.deepEqual(
        rows.map(({ label }) => label),
        expected.rows.map(([, , label]) => label),
      );
      assert.deepEqual(
        rows.map(({ tags }) => tags),
        [["a", "b"], [], ["b"], null, ["a"], ["c"]],
      );
      assert.equal(rows[0]?.when, "2026-01-01");
    });
  }

  it("openpyxl.xlsx: a hidden page, a title, gaps, truth values, a formula without its result", async () => {
    const found = await inspect(fixture("openpyxl.xlsx"));
    assert.deepEqual([found.sheet, found.sheets], ["Messages", ["Messages"]]);
    const { rows, lines, told } = await readAll(fixture("openpyxl.xlsx"));
    assert.deepEqual(told, ["1: title-line", "10: no-result"]);
    assert.deepEqual(lines, [4, 5, 6, 7, 8, 9, 10, 12]);
    assert.deepEqual(rows[0], {
      text: expected.rows[0]![1],
      score: "0.5",
      urgent: "true",
      fear: "0",
      guilt: "0",
    });
    assert.deepEqual([rows[7]?.text, rows[7]?.["column 7"]], ["far below", "beside the table"]);
    const { kind, labels, flags } = found.guess!;
    assert.deepEqual(
      { kind, labels, flags },
      { kind: "multi", labels: ["urgent", "fear", "guilt"], flags: true },
    );
    const notes = await readAll(fixture("openpyxl.xlsx"), { sheet: "Notes" });
    assert.deepEqual(notes.rows, [{ text: "Only notes here" }]);
    await assert.rejects(inspect(fixture("openpyxl.xlsx"), { sheet: "Nots" }), /no page "Nots".*"Messages"/);
  });

  it("xlsxwriter.xlsx: runs of rich text, line breaks, escapes, blanks, numbers as labels", async () => {
    const { rows } = await readAll(fixture("xlsxwriter.xlsx"));
    assert.deepEqual(rows, [
      { text: "Now or never", label: "1" },
      { text: "A line\nand another, with _x0041_ in it", label: "0" },
      { text: " blanks around ", label: "1" },
    ]);
    assert.deepEqual((await inspect(fixture("xlsxwriter.xlsx"))).labels, [
      { label: "0", count: 1 },
      { label: "1", count: 2 },
    ]);
  });
});

describe("exports of other programs", () => {
  const texts = expected.rows.map(([, text]) => text);
  const labels = expected.rows.map(([, , label]) => label);
  const both = labels.map((label, at) => (at % 2 ? [label, "short"] : [label]));
  const cases: [string, string, string, unknown[], string[]][] = [
    [
      "prodigy-choice.jsonl",
      "prodigy",
      "label",
      [["pressure"], ["none"], ["pressure"], null],
      ["4: no-answer"],
    ],
    [
      "prodigy-binary.jsonl",
      "prodigy",
      "label",
      labels.map((label) => (label === "pressure" ? "PRESSURE" : "not PRESSURE")),
      [],
    ],
    [
      "label-studio.json",
      "label-studio",
      "technique",
      ["pressure", "none", null, undefined, "none"],
      ["76: no-agreement", "122: no-answer"],
    ],
    ["label-studio-min.json", "label-studio", "technique", [["pressure", "guilt"], ...labels.slice(1)], []],
    ["doccano.jsonl", "doccano", "label", both, []],
    [
      "argilla.json",
      "argilla",
      "technique",
      labels.map((label, at) => (at === 1 ? null : label)),
      ["30: no-answer"],
    ],
    ["argilla-columns.jsonl", "argilla", "technique", labels, []],
    ["argilla-1.jsonl", "argilla", "label", labels.map((label, at) => (at === 3 ? null : label)), []],
  ];
  for (const [name, tool, column, answers, problems] of cases) {
    it(`${name}: answers of people, not suggestions, and what has none`, async () => {
      const { rows, told } = await readAll(fixture(name));
      const found = await inspect(fixture(name));
      assert.equal(found.tool, tool);
      assert.deepEqual([found.guess?.text, found.guess?.labels], ["text", [column]]);
      assert.deepEqual(
        rows.map(({ text }) => text),
        texts.slice(0, rows.length),
      );
      assert.deepEqual(
        rows.map((row) => row[column]),
        answers,
      );
      assert.deepEqual(told, problems);
    });
  }

  it("doccano.csv: labels with # between them", async () => {
    const found = await inspect(fixture("doccano.csv"));
    assert.deepEqual([found.guess?.text, found.guess?.kind, found.guess?.separator], ["data", "multi", "#"]);
    assert.deepEqual(
      found.labels?.find(({ label }) => label === "short"),
      { label: "short", count: 3 },
    );
  });

  it("is read as it stands where that is asked for", async () => {
    const { rows } = await readAll(fixture("label-studio.json"), { tool: null });
    assert.equal(rows[0]?.["data.text"], texts[0]);
  });
});
