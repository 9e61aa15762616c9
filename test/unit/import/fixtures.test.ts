import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
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

  const damages: Record<string, (bytes: Buffer) => void> = {
    "a group of -1 columns": (bytes) => {
      const at = bytes.indexOf(Buffer.from("\x18\x04tags\x15\x02", "latin1"));
      assert.ok(at > 0);
      bytes[at + 7] = 1; // -1, as Thrift writes it
    },
    // A page of a dictionary of 0 values, packed in as many bytes as eight zeros are, which are no number.
    "a page whose size is of another type": (bytes) =>
      bytes.set(Buffer.from("1504150018080000000000000000" + "4c150015000000", "hex"), 4),
  };
  for (const [damage, make] of Object.entries(damages))
    it(`none.parquet with ${damage}: answered, and not read for ever`, async () => {
      const bytes = await readFile(fixture("none.parquet"));
      make(bytes);
      const folder = await mkdtemp(path.join(os.tmpdir(), "plumb-parquet-"));
      const file = path.join(folder, "damaged.parquet");
      await writeFile(file, bytes);
      // In a process of its own: what goes round for ever cannot be timed from within.
      const program = `require("./src/core/import").inspect(process.argv[1]).catch(() => undefined)`;
      const { status } = spawnSync(process.execPath, ["--import", "tsx", "-e", program, file], {
        cwd: path.resolve(__dirname, "../../.."),
        timeout: 30_000,
      });
      await rm(folder, { recursive: true });
      assert.equal(status, 0);
    }).timeout(60_000);

  // Few bytes can promise any number of values: each of them would be made.
  it("none.parquet with a page of two thousand million values: refused before one is made", async () => {
    const bytes = await readFile(fixture("none.parquet"));
    const folder = await mkdtemp(path.join(os.tmpdir(), "plumb-parquet-"));
    const file = path.join(folder, "damaged.parquet");
    // A page of data, its values all the same ones, and what is left of the column in a page of no type.
    bytes.set(Buffer.from("1500150815082c" + "15feffffff0f" + "1500150615060000", "hex"), 4);
    await writeFile(file, bytes);
    await assert.rejects(
      inspect(file),
      /damaged\.parquet: the Parquet file is damaged .* \(the page at byte 4\)/,
    );
    await rm(folder, { recursive: true });
  });

  for (const name of ["dates.xlsx", "dates-1904.xlsx"]) {
    it(`${name}: dates and times by the format of their cells, and no other number`, async () => {
      const [row] = (await readAll(fixture(name))).rows;
      const { text, ...values } = row!;
      assert.equal(text, expected.rows[0]![1]);
      assert.deepEqual(Object.values(values), [
        ...["2026-03-01", "2026-03-01", "2026-03-01", "2026-03-01T14:05:00"],
        "14:05:00",
        ...["1.5", "1.5", "1.5", "1.5", "1.5", "1.5", "1.5"],
      ]);
    });
  }

  it("dates-openpyxl.xlsx: dates before the leap day that 1900 did not have, and lengths of time", async () => {
    const [row] = (await readAll(fixture("dates-openpyxl.xlsx"))).rows;
    assert.deepEqual(Object.values(row!).slice(1), [
      ...["2026-03-01", "2026-03-01T14:05:00", "14:05:00", "1900-02-28", "1.5"],
    ]);
  });

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
