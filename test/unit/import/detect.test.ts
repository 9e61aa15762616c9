import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { deflateRawSync } from "node:zlib";
import { PlumbError } from "../../../src/core/errors";
import { inspect } from "../../../src/core/import";
import { seededRandom } from "../../../src/core/random";
import { readAll } from "./expected";

describe("what a file is", () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(path.join(os.tmpdir(), "plumb-import-"))));
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const put = async (name: string, content: string | Buffer) => {
    const file = path.join(folder, name);
    await writeFile(file, content);
    return file;
  };
  const refused = (code: string, words: RegExp) => (error: unknown) =>
    error instanceof PlumbError && error.code === code && words.test(error.message);

  it("is found out by what stands in it, whatever it is called", async () => {
    const cases: [string, string, string, string | null, number][] = [
      ["a.txt", "First one, and more.\nSecond one, and more.\n", "text", null, 2],
      ["a.txt", "text\tlabel\none, a\tx\ntwo, b\ty\n", "csv", "\t", 2],
      ["a.txt", "text;label\none, a;x\ntwo, b;y\n", "csv", ";", 2],
      ["a.dat", '{"text": "a"}\n{"text": "b"}\n', "jsonl", null, 2],
      ["a.json", '{"text": "a"}\n{"text": "b"}\n', "jsonl", null, 2],
      ["a.txt", '[\n  {"text": "a"},\n  {"text": "b"}\n]', "json", null, 2],
      ["a.json", '{"version": 2, "items": [{"text": "a"}, {"text": "b"}]}', "json", null, 2],
      ["a.json", '["one text", "two texts"]', "json", null, 2],
      ["a.txt", "[1] A note that begins with a bracket\n{2} Another one\n", "text", null, 2],
      ["a.csv", "text\nHello; dear world\nGood, bye\n", "csv", "\t", 2],
      ["a.csv", "sep=|\ntext|label\na|b\n", "csv", "|", 1],
      ["a.csv", "text^label\na, b^x\nc, d^y", "csv", "^", 2],
    ];
    for (const [name, content, format, delimiter, rows] of cases) {
      const found = await inspect(await put(name, content));
      assert.deepEqual([found.format, found.delimiter, found.rows], [format, delimiter, rows], content);
    }
  });

  it("can be said against what it looks like", async () => {
    const file = await put("a.txt", "text;label\none, a;x\ntwo, b;y\n");
    assert.equal((await inspect(file, { format: "text" })).rows, 3);
    assert.deepEqual((await readAll(file, { delimiter: ",", format: "csv", header: false })).rows[1], {
      "column 1": "one",
      "column 2": " a;x",
    });
    const russian = await put("b.csv", Buffer.from([0xc4, 0xe0, 0x2c, 0x78, 0x0a, 0xcd, 0xe5, 0x2c, 0x79]));
    assert.equal((await inspect(russian)).encoding, "windows-1251");
    assert.deepEqual((await readAll(russian, { encoding: "iso-8859-1", header: false })).rows[0], {
      "column 1": "Äà",
      "column 2": "x",
    });
    const wrong = await readAll(russian, { encoding: "utf-8", header: false });
    assert.deepEqual(wrong.told, ["1: wrong-character", "2: wrong-character"]);
  });

  it("has a header where its first row differs from the rest", async () => {
    const cases: [string, boolean, string[]][] = [
      ["text,label\nfoo bar,x\nbaz qux,y\n", true, ["text", "label"]],
      ["foo bar,x\nbaz qux,y\nqux foo,x\n", false, ["column 1", "column 2"]],
      [
        "Nachricht,Urteil\nGuten Tag allerseits und willkommen hier,1\nAuf Wiedersehen und bis zum nächsten Mal,0\n",
        true,
        ["Nachricht", "Urteil"],
      ],
      ["label,note\nx,label\n", true, ["label", "note"]],
      ["text,text,,label\na,b,c,d\n", true, ["text", "text (2)", "column 3", "label"]],
      [
        "Survey 2026,,\n,,\ntext,label,author\nfoo bar,x,me\nbaz qux,y,you\n",
        true,
        ["text", "label", "author"],
      ],
      [
        "Survey 2026\nspring\ntext,label,author\nfoo bar,x,me\nbaz qux,y,you\n",
        true,
        ["text", "label", "author"],
      ],
    ];
    for (const [content, header, columns] of cases) {
      const found = await inspect(await put("a.csv", content));
      assert.deepEqual([found.header, found.columns.map(({ name }) => name)], [header, columns], content);
    }
  });

  const survey = [
    ...[
      "Текст сообщения;Впечатление",
      "Скидка только сегодня, успейте купить!;плохо",
      "Всё пришло вовремя;хорошо",
    ],
    ...["Последний шанс, осталось два места;плохо", "Спасибо за подробный ответ;хорошо"],
  ];

  it("has titles above its header, filled up with empty cells as a spreadsheet saves them", async () => {
    for (const titles of [["Опрос 2026;"], ["Опрос 2026;", ";", "весна;"]])
      for (const header of [undefined, true]) {
        const file = await put("a.csv", [...titles, ...survey].join("\r\n"));
        const { rows, told } = await readAll(file, header === undefined ? {} : { header });
        assert.deepEqual(
          told,
          titles.map((_, at) => `${at + 1}: title-line`),
        );
        assert.deepEqual(rows[0], {
          "Текст сообщения": "Скидка только сегодня, успейте купить!",
          Впечатление: "плохо",
        });
        assert.equal(rows.length, 4);
        const found = await inspect(file);
        assert.deepEqual(found.labels, [
          { label: "плохо", count: 2 },
          { label: "хорошо", count: 2 },
        ]);
      }
    // Where too little speaks for a header, one that is said to be there is the first row that can be one.
    const short = ["Опрос 2026;", ...survey.slice(0, 3)];
    const columnsOf = async (lines: string[]) => {
      const found = await inspect(await put("a.csv", lines.join("\n")), { header: true });
      return found.columns.map(({ name }) => name);
    };
    assert.deepEqual(await columnsOf(short), ["Текст сообщения", "Впечатление"]);
    assert.deepEqual(await columnsOf(["Моё;", ...survey.slice(1)]), ["Моё", "column 2"]);
  });

  it("takes no first text without a label for a title, under a header or without one", async () => {
    const first = "Первое сообщение, ещё без оценки;";
    const cases: [string[], string[], number][] = [
      [[survey[0]!, first, ...survey.slice(1), ...survey.slice(1)], ["Текст сообщения", "Впечатление"], 9],
      [["текст;метка", first, ...survey.slice(1)], ["текст", "метка"], 5],
      [[first, ...survey.slice(1)], ["column 1", "column 2"], 5],
      [[first, ...survey.slice(1), "Ещё одно;"], ["column 1", "column 2"], 6],
      [[first, "Одно;0", "Другое;1", "Третье;1"], ["column 1", "column 2"], 4],
      // A label that one text has, and more texts without any.
      [[first, "Одно;вина", "Другое;", "Третье;лесть", "Ещё;лесть"], ["column 1", "column 2"], 5],
      // The header itself names one column of two.
      [["текст;", "Одно;вина", "Другое;лесть", "Третье;лесть"], ["текст", "column 2"], 3],
      // Numbers of rows, and names of them, as a program writes them without a name.
      [[";мой текст", "0;Одно", "1;Другое"], ["column 1", "мой текст"], 2],
      [
        [
          ";мой текст",
          "а;Одно",
          ...["б", "в"].map(
            (id) => `${id};Другое сообщение, и намного длиннее, чем то, что стоит первым ${id}`,
          ),
        ],
        ["column 1", "мой текст"],
        3,
      ],
    ];
    for (const [lines, columns, rows] of cases) {
      const content = lines.join("\n");
      const found = await inspect(await put("a.csv", content));
      assert.deepEqual([found.columns.map(({ name }) => name), found.rows], [columns, rows], content);
      assert.deepEqual(found.problems, []);
    }
  });

  it("is refused in a sentence where it is of a kind that is not read", async () => {
    const random = seededRandom(3);
    const cases: [string | Buffer, string, RegExp][] = [
      ["", "empty-file", /empty/],
      [" \n ", "empty-file", /white space/],
      [Buffer.from("d0cf11e0a1b11ae1", "hex"), "unknown-format", /\.xls.*Save it as \.xlsx/],
      [Buffer.from("1f8b0800", "hex"), "unknown-format", /gzip/],
      [Buffer.from("fd377a585a000004", "hex"), "unknown-format", /packed file \(xz\), .*Unpack it first/],
      ["%PDF-1.7", "unknown-format", /PDF/],
      ["PAR1 nothing", "damaged", /Parquet/],
      [Buffer.from("504b0304ffff", "hex"), "damaged", /spreadsheet is damaged/],
      [zip({ "word/document.xml": "<a/>" }), "not-a-spreadsheet", /Word/],
      [zip({ "xl/workbook.xml": "<workbook><sheet name='a' " }), "damaged", /workbook\.xml/],
      [
        zip({ "xl/workbook.xml": "<workbook><sheets><sheet name='a'/></sheets></workbook>" }),
        "damaged",
        /sheet1\.xml is missing/,
      ],
      ["text,label\n", "no-rows", /no row/],
      [
        Buffer.from("89504e470d0a1a0a0000000d49484452000000100000001008060000001ff3ff61", "hex"),
        "unknown-format",
        /no text/,
      ],
      [
        Buffer.from(Array.from({ length: 4096 }, () => Math.floor(256 * random()))),
        "unknown-format",
        /no text/,
      ],
    ];
    for (const [content, code, words] of cases)
      await assert.rejects(
        inspect(await put("a.csv", content)),
        refused(code, words),
        `${code} ${String(content)}`,
      );
    // One strange character makes no picture, and who names a format is believed.
    assert.equal(
      (
        await inspect(
          await put("a.csv", `text,label\n${"a plain text that holds one,x\n".repeat(40)}a\x01 text,y\n`),
        )
      ).rows,
      41,
    );
    assert.ok(await inspect(await put("a.bin", "a\0\x01\x02\x03\n"), { format: "text" }));
    // Nothing that it could be read as is guessed where the name says what it should be.
    for (const name of ["a.xlsx", "A.XLSX", "a.parquet", "a.ods"]) {
      const file = await put(name, Buffer.from("00010203", "hex"));
      await assert.rejects(inspect(file), refused("damaged", /its name ends in .*damaged.*\.csv/));
    }
    const text = await put("text.xlsx", "text,label\none text,a\nanother text,b\n");
    await assert.rejects(inspect(text), refused("damaged", /name its format/));
    assert.equal((await inspect(text, { format: "csv" })).rows, 2);
    await assert.rejects(inspect(path.join(folder, "none.csv")), refused("no-such-file", /There is no file/));
    await assert.rejects(inspect(await mkdtemp(path.join(folder, "empty-"))), refused("no-rows", /no row/));
  });

  const book = (sheet: string, sizes: Record<string, number> = {}, shared?: string) =>
    zip(
      {
        "xl/workbook.xml": "<workbook><sheets><sheet name='a'/></sheets></workbook>",
        "xl/worksheets/sheet1.xml": `<worksheet><sheetData>${sheet}</sheetData></worksheet>`,
        ...(shared === undefined ? {} : { "xl/sharedStrings.xml": shared }),
      },
      sizes,
    );
  const text = (value: string) => `<c t="inlineStr"><is><t>${value}</t></is></c>`;

  it("is a spreadsheet, whose rows end at their last cell: a title above the header is one, a first text without a label is not", async () => {
    const sheet = (lines: string[]) =>
      book(
        lines
          .map((line) => {
            const cells = line
              .split(";")
              .map((cell, at) => (cell === "" ? "" : `<c r="${"AB"[at]!}1" ${text(cell).slice(3)}`));
            return `<row>${cells.join("")}</row>`;
          })
          .join(""),
      );
    const titled = await readAll(await put("a.xlsx", sheet(["Опрос 2026", ...survey])));
    assert.deepEqual([titled.told, titled.rows.length], [["1: title-line"], 4]);
    assert.deepEqual(Object.keys(titled.rows[0]!), ["Текст сообщения", "Впечатление"]);
    const first = "Первое сообщение, ещё без оценки";
    const cases: string[][] = [
      [first, ...survey.slice(1)],
      [first, "Второе, и тоже без неё", ...survey.slice(1)],
      [first, "Одно;0", "Другое;1", "Третье;1"],
    ];
    for (const lines of cases)
      for (const header of [undefined, false]) {
        const { rows, told } = await readAll(
          await put("b.xlsx", sheet(lines)),
          header === undefined ? {} : { header },
        );
        assert.deepEqual(told, []);
        assert.deepEqual(
          rows.map((row) => row["column 1"]),
          lines.map((line) => line.split(";")[0]),
        );
      }
    // Nothing is lost where a header is said to be there either.
    const said = await readAll(await put("c.xlsx", sheet(["Моё", ...survey.slice(1)])), { header: true });
    assert.deepEqual([said.told, said.rows.length], [[], 4]);
  });

  it("is a spreadsheet that unpacks to more than it says or than is held: refused before memory is asked for", async () => {
    const row = `<row r="1">${text("a")}</row>`;
    const digits = Array.from({ length: 5 << 17 }, (_, n) =>
      String((n * 7919) % 99_999_989).padStart(8, "0"),
    ).join("");
    const cases: [Buffer, string, RegExp][] = [
      [book(row, { "xl/worksheets/sheet1.xml": 2 ** 31 }), "too-large", /unpacks to 2048 MiB/],
      [book(row, {}, "<sst/>".padEnd(100)), "", /^/],
      [book(row, { "xl/sharedStrings.xml": 600 << 20 }, "<sst/>"), "too-large", /texts of the spreadsheet/],
      [
        book(`<row>${text("x".repeat(5000))}</row>`, { "xl/worksheets/sheet1.xml": 100 }),
        "damaged",
        /unpacked/,
      ],
      [book(`<row>${text(digits)}</row>`), "damaged", /longer than 4 MiB/],
      [book(`<row>${text(" ".repeat(40 << 20))}</row>`), "too-large", /\d{3} times its size/],
      [book("<a>".repeat(1000)), "damaged", /inside each other/],
      [book('<row r="1"><c r="ZZZ1"><v>1</v></c></row>'), "damaged", /column 18278/],
      [book(`<row>${text("a b")}`), "damaged", /sheet1/],
    ];
    for (const [content, code, words] of cases) {
      const file = await put("a.xlsx", content);
      if (code === "") assert.equal((await inspect(file)).rows, 1);
      else await assert.rejects(inspect(file), refused(code, words), `${code} ${String(words)}`);
    }
  });

  it("is a spreadsheet whose texts are escaped in any way, and none of them by an entity of its own", async () => {
    const cells = text("&lt;a&gt; &amp;amp; &#128512;&#x436; &bomb; <![CDATA[<b>]]>") + text("&#9999999;");
    const bomb = "<!DOCTYPE x [<!ENTITY bomb 'x'>]>";
    const file = await put("a.xlsx", book(`<row>${cells}</row>`));
    const { rows } = await readAll(file, { header: false });
    assert.deepEqual(Object.values(rows[0]!), ["<a> &amp; 😀ж &bomb; <b>", "&#9999999;"]);
    const parts = {
      "xl/workbook.xml": `${bomb}<workbook><sheets><sheet name='a &amp; b'/></sheets></workbook>`,
    };
    await assert.rejects(inspect(await put("b.xlsx", zip(parts))), refused("damaged", /missing/));
  });

  it("is a spreadsheet whose styles cannot be read: its dates stand as numbers, and that is told once", async () => {
    const rows = [1, 2, 3].map(
      (at) => `<row r="${at}">${text(`text ${at}`)}<c s="1"><v>4608${at}</v></c></row>`,
    );
    const styled = (styles: string, sizes: Record<string, number> = {}) =>
      zip(
        {
          "xl/workbook.xml": "<workbook><sheets><sheet name='a'/></sheets></workbook>",
          "xl/worksheets/sheet1.xml": `<worksheet><sheetData>${rows.join("")}</sheetData></worksheet>`,
          "xl/styles.xml": styles,
        },
        sizes,
      );
    const formats = '<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>';
    const read = async (content: Buffer) => {
      const { rows: found, told } = await readAll(await put("a.xlsx", content), { header: false });
      return { second: found.map((row) => Object.values(row)[1]), told };
    };
    const dates = ["2026-02-28", "2026-03-01", "2026-03-02"];
    assert.deepEqual(await read(styled(formats)), { second: dates, told: [] });
    const damaged = { second: ["46081", "46082", "46083"], told: ["-: damaged"] };
    const name = "xl/styles.xml";
    for (const [content, sizes] of [
      [formats.slice(0, 80), {}],
      ["<a>".repeat(1000), {}],
      [formats, { [name]: 10 }],
      [formats, { [name]: 2 ** 31 }],
    ] as const)
      assert.deepEqual(await read(styled(content, sizes)), damaged, content.slice(0, 90));
  });

  it("is a spreadsheet with cells that refer nowhere or hold errors: told by row and column", async () => {
    const cells = `<row r="2">${text("a b")}<c r="B2" t="s"><v>7</v></c></row><row r="5">${text("c d")}<c r="AB5" t="e"><v>#DIV/0!</v></c></row>`;
    const { rows, told } = await readAll(await put("a.xlsx", book(cells)), { header: false });
    assert.deepEqual(told, ["2: damaged", "5: formula-error"]);
    assert.deepEqual(
      rows.map((row) => Object.values(row)[0]),
      ["a b", "c d"],
    );
  });
});

/** An archive; `sizes` says how large a part claims to be. */
function zip(parts: Record<string, string>, sizes: Record<string, number> = {}): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(parts)) {
    const data = deflateRawSync(content);
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt16LE(8, 4);
    head.writeUInt32LE(data.length, 14);
    head.writeUInt32LE(sizes[name] ?? Buffer.byteLength(content), 18);
    head.writeUInt16LE(name.length, 22);
    const entry = Buffer.alloc(14);
    entry.writeUInt32LE(offset, 10);
    bodies.push(Buffer.from("504b0304", "hex"), head, Buffer.from(name), data);
    directory.push(Buffer.from("504b01021400", "hex"), head, entry, Buffer.from(name));
    offset += 30 + name.length + data.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32BE(0x504b0506, 0);
  end.writeUInt16LE(Object.keys(parts).length, 8);
  end.writeUInt16LE(Object.keys(parts).length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...bodies, list, end]);
}
