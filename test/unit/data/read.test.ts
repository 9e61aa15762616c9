import assert from "node:assert/strict";
import { chmod } from "node:fs/promises";
import fc from "fast-check";
import { readExamples } from "../../../src/core/data";
import { PlumbError } from "../../../src/core/errors";
import { speak } from "../../../src/core/say";
import { TestFolder, withoutPrivileges } from "./folder";

const good = (id: string) => `{"id": "${id}", "text": "Fine, thanks.", "label": "positive"}`;

describe("reading examples", () => {
  let folder: TestFolder;
  beforeEach(async () => {
    folder = await TestFolder.make();
  });
  afterEach(() => folder.remove());

  it("reads the same from any mixture of line ends, blank lines, byte-order mark and last line end", async () => {
    const values = [
      { id: "1", text: "Привет \u2028 мир", label: "a" },
      { id: "2", text: 'quotes " and \\ and \n inside', labels: [] },
      { id: "3", text: "👩‍👩‍👧 é", target: "x", extra: { deep: [1, null] } },
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("\n", "\r\n", "\n\n", "\r\n  \r\n", "\n\t\n"), {
          minLength: 3,
          maxLength: 3,
        }),
        fc.boolean(),
        fc.boolean(),
        async (ends, mark, lastEnd) => {
          const body = values
            .map((value, i) => JSON.stringify(value) + (i === 2 && !lastEnd ? "" : ends[i]!))
            .join("");
          const file = await folder.write("e.jsonl", (mark ? "\ufeff" : "") + body);
          const { examples, problems, lines } = await readExamples(file);
          assert.deepEqual(problems, []);
          assert.equal(lines, 3);
          assert.deepEqual(
            examples.map(({ file: _file, line: _line, ...value }) => value),
            values,
          );
          const place = (i: number) =>
            ((mark ? "\ufeff" : "") + body).slice(0, body.indexOf(`"id":"${i + 1}"`)).split("\n").length;
          assert.deepEqual(
            examples.map(({ line }) => line),
            [0, 1, 2].map(place),
          );
        },
      ),
      { numRuns: 60, seed: 3 },
    );
  });

  it("reads lines that are longer than the chunks in which a file arrives", async () => {
    const texts = [3_000_000, 1, 1_048_576, 70_000].map((length, i) => String(i).repeat(length));
    const file = await folder.writeLines(
      "e.jsonl",
      texts.map((text, i) => ({ id: `${i}`, text })),
    );
    const { examples } = await readExamples(file);
    assert.deepEqual(
      examples.map(({ text }) => text),
      texts,
    );
  });

  const broken: [name: string, line: string | Buffer, code: string, message: RegExp][] = [
    [
      "no JSON",
      '{"id": "x" "text": "y"}',
      "not-json",
      /^not JSON at column 12: found a double quote, expected "," or "}"\.$/,
    ],
    [
      "a quote left open",
      '{"id": "x',
      "not-json",
      /column 8: found a quote that is never closed, expected a closing "\.$/,
    ],
    ["a list", '["x"]', "not-json", /column 1: found "\[", expected an object/],
    ["no text", '{"id": "x"}', "wrong-field", /^field "text" is missing; expected text in quotes\.$/],
    ["no id", '{"text": "x"}', "wrong-field", /^field "id" is missing/],
    [
      "an empty id",
      '{"id": "", "text": "x"}',
      "wrong-field",
      /^field "id": found an empty text, expected at least one character\.$/,
    ],
    [
      "a number as text",
      '{"id": "x", "text": 7}',
      "wrong-field",
      /^field "text": found the number 7, expected text in quotes\.$/,
    ],
    ["nothing but blanks", '{"id": "x", "text": " \\n "}', "wrong-field", /nothing but white space/],
    [
      "a list as label",
      '{"id": "x", "text": "y", "label": ["a"]}',
      "wrong-field",
      /^field "label": found a list of 1, expected text in quotes\.$/,
    ],
    [
      "a number among labels",
      '{"id": "x", "text": "y", "labels": ["a", 2]}',
      "wrong-field",
      /^field "labels\[1\]": found the number 2/,
    ],
    [
      "an unknown split",
      '{"id": "x", "text": "y", "split": "dev"}',
      "wrong-field",
      /^field "split": found the text "dev", expected "train" or "test"\.$/,
    ],
    [
      "an unknown status",
      '{"id": "x", "text": "y", "status": "done"}',
      "wrong-field",
      /^field "status": found the text "done", expected "skipped"\.$/,
    ],
    [
      "half of a character",
      String.raw`{"id": "x", "text": "\ud83d"}`,
      "wrong-field",
      /field "text" holds half of a character .* Remove it\.$/,
    ],
    [
      "NUL as an escape",
      String.raw`{"id": "x", "text": "a\u0000b"}`,
      "nul-byte",
      /field "text" holds the character NUL/,
    ],
    ["a NUL byte", Buffer.from('{"id": "x", "te\0t": "y"}'), "nul-byte", /^a NUL byte at byte 16\./],
    [
      "Latin-1",
      Buffer.from('{"id": "x", "text": "caf\u00e9"}', "latin1"),
      "not-utf8",
      /^byte 25 \(0xE9\) is not UTF-8/,
    ],
    [
      "a character cut short",
      Buffer.from([0x7b, 0x22, 0xe2, 0x82]),
      "not-utf8",
      /^byte 3 \(0xE2\) is not UTF-8/,
    ],
    [
      "brackets without end",
      `{"id": "x", "text": ${"[".repeat(5000)}`,
      "not-json",
      /no more than 1000 brackets/,
    ],
  ];
  for (const [name, line, code, message] of broken) {
    it(`reports ${name} with its line and loads the others`, async () => {
      const bytes = Buffer.concat([
        Buffer.from(`${good("1")}\n\n`),
        Buffer.from(line),
        Buffer.from(`\r\n${good("2")}`),
      ]);
      const file = await folder.write("e.jsonl", bytes);
      const { examples, problems, lines } = await readExamples(file);
      assert.deepEqual(
        examples.map(({ id, line: at }) => [id, at]),
        [
          ["1", 1],
          ["2", 4],
        ],
      );
      assert.equal(lines, 3);
      assert.deepEqual(
        problems.map((problem) => [problem.file, problem.line, problem.severity, problem.code]),
        [[file, 3, "error", code]],
      );
      assert.match(problems[0]?.message ?? "", message);
    });
  }

  it("names every field that is wrong", async () => {
    const file = await folder.write("e.jsonl", `${good("1")}\n{"text": 5, "label": 6}\n`);
    const { problems } = await readExamples(file);
    assert.deepEqual(
      problems.map(({ field }) => field),
      ["id", "text", "label"],
    );
  });

  it("takes a number as id, and null as a field left out", async () => {
    const file = await folder.write(
      "e.jsonl",
      '{"id": 17, "text": "x", "label": null, "split": null, "other": null}\n',
    );
    const { examples, problems } = await readExamples(file);
    assert.deepEqual(problems, []);
    assert.deepEqual(examples, [{ id: "17", text: "x", other: null, file, line: 1 }]);
  });

  it("reads the last of a field that stands twice, and says so", async () => {
    const file = await folder.write(
      "e.jsonl",
      String.raw`{"id": "1", "text": "x", "label": "a", "l\u0061bel": "b"}`,
    );
    const { examples, problems } = await readExamples(file);
    assert.equal(examples[0]?.label, "b");
    assert.deepEqual(
      problems.map(({ severity, code, field }) => [severity, code, field]),
      [["warning", "field-twice", "label"]],
    );
  });

  it("says in one sentence that a file is one JSON document", async () => {
    const file = await folder.write(
      "e.json",
      JSON.stringify(
        [
          { id: "1", text: "x" },
          { id: "2", text: "y" },
        ],
        null,
        2,
      ),
    );
    const { problems } = await readExamples(file);
    assert.deepEqual(
      problems.map(({ code }) => code),
      ["not-jsonl"],
    );
    assert.match(
      problems[0]?.message ?? "",
      /one JSON document spread over 10 lines\. Write one object on each line/,
    );
  });

  it("knows a document over several lines from lines that are no JSON, in whatever language it says so", async () => {
    const spread = JSON.stringify([{ id: "1", text: "x" }], null, 2);
    const loose = "{id: 1, text: 'x'}\n{id: 2, text: 'y'}\n";
    for (const speaking of [null, { language: "ru", texts: { "the end": "конец" } }]) {
      speak(speaking);
      try {
        const said = async (content: string) =>
          (await readExamples(await folder.write("a.jsonl", content))).problems;
        assert.match((await said(spread))[0]?.message ?? "", /one JSON document spread over/);
        assert.match((await said(spread.slice(1)))[0]?.message ?? "", /one JSON document spread over/);
        assert.match((await said(loose))[0]?.message ?? "", /none of 2 lines is a JSON object/);
      } finally {
        speak(null);
      }
    }
  });

  it("says in one sentence that a file is a table", async () => {
    const file = await folder.write("e.csv", "id,text,label\n1,hello,a\n2,there,b\n");
    const { problems } = await readExamples(file);
    assert.deepEqual(
      problems.map(({ code, line }) => [code, line]),
      [["not-jsonl", 1]],
    );
    assert.match(problems[0]?.message ?? "", /none of 3 lines is a JSON object/);
  });

  for (const [name, bytes, message] of [
    ["UTF-16", Buffer.from(`\ufeff${good("1")}\n${good("2")}`, "utf16le"), /UTF-16/],
    ["UTF-16 the other way round", Buffer.from(`${good("1")}\n${good("2")}`, "utf16le").swap16(), /UTF-16/],
    ["UTF-32", Buffer.from("fffe00007b000000220000000a000000", "hex"), /UTF-32/],
    ["UTF-32 the other way round", Buffer.from("0000007b000000220000000a", "hex"), /UTF-32/],
    ["Parquet", Buffer.from("PAR1\0\n\0"), /packed file .* plumb import/],
    ["an old spreadsheet", Buffer.from("d0cf11e0a1b11ae10a00", "hex"), /packed file .* plumb import/],
    ["gzip", Buffer.from("1f8b0800000a00", "hex"), /packed file .* plumb import/],
    ["Zstandard", Buffer.from("28b52ffd00000a00", "hex"), /packed file .* plumb import/],
    ["xz", Buffer.from("fd377a585a0000000a00", "hex"), /packed file .* plumb import/],
    ["bzip2", Buffer.from("425a68393141592653590a00", "hex"), /packed file .* plumb import/],
    ["7-Zip", Buffer.from("377abcaf271c0a00", "hex"), /packed file .* plumb import/],
    ["a spreadsheet", Buffer.from("PK\u0003\u0004 not a text\nat\0all\n\xff"), /packed file .* plumb import/],
  ] as const) {
    it(`names ${name} by its first bytes`, async () => {
      const { examples, problems } = await readExamples(await folder.write("e.jsonl", bytes));
      assert.deepEqual(examples, []);
      assert.equal(problems.length, 1);
      assert.match(problems[0]?.message ?? "", message);
    });
  }

  it("takes a text that begins as bzip2's files do for a text", async () => {
    const { problems } = await readExamples(await folder.write("e.jsonl", "BZh9 is how they begin\n"));
    assert.match(problems[0]?.message ?? "", /not JSON|JSON object/);
  });

  it("says that lines end in \\r alone", async () => {
    const { examples, problems } = await readExamples(
      await folder.write("e.jsonl", `${good("1")}\r${good("2")}\r`),
    );
    assert.deepEqual(examples, []);
    assert.deepEqual(
      problems.map(({ code, line }) => [code, line]),
      [["line-ends", 1]],
    );
    assert.match(problems[0]?.message ?? "", /carriage return \(\\r\) alone\. Save the file/);
  });

  it("finds nothing wrong with an empty file", async () => {
    assert.deepEqual(await readExamples(await folder.write("e.jsonl", "")), {
      examples: [],
      problems: [],
      lines: 0,
    });
    assert.deepEqual(await readExamples(await folder.write("e.jsonl", "\ufeff\r\n \n")), {
      examples: [],
      problems: [],
      lines: 0,
    });
  });

  it("reads what has a byte-order mark too many, as a program leaves it that adds one to a file that had it", async () => {
    for (const marks of ["\ufeff\ufeff", "\ufeff\ufeff\ufeff"]) {
      const file = await folder.write("e.jsonl", `${marks}${good("1")}\n${marks}${good("2")}\n`);
      const { examples, problems } = await readExamples(file);
      assert.deepEqual([examples.map(({ id }) => id), problems], [["1", "2"], []]);
    }
  });

  it("never throws and never hangs on random bytes", async () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
      fc
        .constantFrom(good("1"), "{", "\n", "\r", '"', "\\u00", "[[", "\ufeff")
        .map((text) => Buffer.from(text)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
        const file = await folder.write("e.jsonl", Buffer.concat(pieces));
        const { examples, problems, lines } = await readExamples(file);
        assert.ok(examples.length <= lines);
        assert.ok(examples.length === lines || problems.some(({ severity }) => severity === "error"));
      }),
      { numRuns: 400, seed: 4 },
    );
  });

  const refused = async (file: string, code: string, message: RegExp) => {
    await assert.rejects(readExamples(file), (error) => {
      assert.ok(error instanceof PlumbError);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    });
  };

  it("refuses what is no file, in a sentence", async () => {
    await folder.write("t.plumb.json", "{}");
    await refused(
      folder.at("none.jsonl"),
      "no-such-file",
      /^There is no examples file .*none\.jsonl\. Check the path\.$/,
    );
    await folder.write("nine.jsonl", "");
    await refused(
      folder.at("none.jsonl"),
      "no-such-file",
      /^There is no examples file .*none\.jsonl\. Check the path\. JSON Lines there: nine\.jsonl\.$/,
    );
    await refused(folder.path, "is-folder", /is a folder, not a file/);
    await refused("/dev/null", "not-a-file", /not a regular file/);
    await refused(folder.at("t.plumb.json/x"), "cannot-read", /a part of its path is a file/);
  });

  it("refuses a file without permission, in a sentence", async () => {
    const file = await folder.write("e.jsonl", good("1"));
    await chmod(file, 0);
    await chmod(folder.path, 0o755);
    await withoutPrivileges(() => refused(file, "cannot-read", /no permission to read it/));
  });
});
