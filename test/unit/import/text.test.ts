import assert from "node:assert/strict";
import fc from "fast-check";
import { DelimitedReader } from "../../../src/core/import/csv";
import { detectEncoding, textOf } from "../../../src/core/import/encoding";
import { JsonLinesReader, JsonListReader } from "../../../src/core/import/json";
import { TextLineReader } from "../../../src/core/import/texts";
import type { Encoding, RawItem } from "../../../src/core/import/types";

const csv = (delimiter = ",", backslash = false) => new DelimitedReader({ delimiter, backslash });

interface Reader {
  push(piece: string, final?: boolean): RawItem[];
}

/** What a reader says of a text that comes in these pieces. */
const inPieces = (reader: Reader, pieces: readonly string[]) => [
  ...pieces.flatMap((piece) => reader.push(piece)),
  ...reader.push("", true),
];
const values = (reader: Reader, text: string) => inPieces(reader, [text]).map(({ value }) => value);
const cut = (text: string, at: readonly number[]) => {
  const places = [
    0,
    ...at.map((share) => Math.floor(share * text.length)).sort((a, b) => a - b),
    text.length,
  ];
  return places.slice(1).map((end, n) => text.slice(places[n], end));
};
const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 });

/** Text that is full of what delimited text stumbles over. */
const nasty = fc
  .array(
    fc.constantFrom(
      '"',
      ",",
      ";",
      "\n",
      "\r\n",
      "\t",
      " ",
      "a",
      "ж",
      "\\",
      "'",
      "[",
      "{",
      "]",
      "}",
      ":",
      "1",
    ),
    { maxLength: 14 },
  )
  .map((parts) => parts.join(""));

describe("delimited text", () => {
  it("gives back every table that is written by the rules, with any delimiter, line end and quoting", () => {
    const tables = fc.tuple(
      fc.array(fc.array(nasty, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 6 }),
      fc.constantFrom(",", ";", "\t", "|", "^"),
      fc.constantFrom("\n", "\r\n", "\r"),
      fc.boolean(),
      shares,
    );
    fc.assert(
      fc.property(tables, ([table, delimiter, end, all, places]) => {
        const field = (text: string) =>
          all || /["\r\n]/.test(text) || text.includes(delimiter) ? `"${text.replaceAll('"', '""')}"` : text;
        const written = table.map((row) => row.map(field).join(delimiter) + end).join("");
        const items = inPieces(csv(delimiter), cut(written, places));
        assert.deepEqual(
          items.map(({ value }) => value),
          table,
        );
        assert.ok(items.every(({ faults }) => faults === undefined));
        let line = 1;
        const breaks = (text: string) => text.split(/\r\n|\n|\r/).length - 1;
        for (const [at, item] of items.entries()) {
          assert.equal(item.line, line);
          line += 1 + breaks(table[at]!.join("a"));
        }
      }),
      { numRuns: 600, seed: 4 },
    );
  });

  it("says the same however the text comes in pieces, by the rules or not", () => {
    const readers: (() => Reader)[] = [
      () => csv(),
      () => csv(",", true),
      () => new JsonLinesReader(),
      () => new JsonListReader(),
      () => new TextLineReader(),
    ];
    const text = fc.array(nasty, { maxLength: 8 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(
        text,
        fc.constantFrom("", "[", '{"a":['),
        shares,
        fc.constantFrom(...readers),
        (body, start, places, make) => {
          const whole = start + body;
          assert.deepEqual(inPieces(make(), cut(whole, places)), inPieces(make(), [whole]));
        },
      ),
      { numRuns: 2000, seed: 5 },
    );
  });

  it("loses no character of a row, whatever stands in it", () => {
    fc.assert(
      fc.property(fc.array(nasty, { maxLength: 8 }), (parts) => {
        const text = parts.join("");
        const letters = (of: string) => of.replace(/[^aж1]/g, "");
        assert.equal(
          letters(
            values(csv(), text)
              .map((row) => (Array.isArray(row) ? row.join("") : ""))
              .join(""),
          ),
          letters(text),
        );
      }),
      { numRuns: 1000, seed: 6 },
    );
  });

  const told = (text: string, reader = csv()) =>
    inPieces(reader, [text]).map(({ value, faults }) => [
      value,
      ...(faults ?? []).map(({ line, code }) => `${line}: ${code}`),
    ]);

  it("takes a quote that is never closed for a character, and says so; the rows below stay rows", () => {
    assert.deepEqual(told('t,l\n"Oops,a\nfine,b\n"with, comma",c\n'), [
      [["t", "l"]],
      [['"Oops', "a"], "2: open-quote"],
      [["fine", "b"]],
      [["with, comma", "c"]],
    ]);
    assert.deepEqual(told('"Oops,a\nfine,b'), [[['"Oops', "a"], "1: open-quote"], [["fine", "b"]]]);
  });

  it("takes quotes inside a quoted value that are not doubled for characters, and says so", () => {
    assert.deepEqual(told('"say "hi" now",a\n'), [[['say "hi" now', "a"], "1: stray-quote"]]);
    assert.deepEqual(told('"Yes" he said,a\nb,c\n'), [
      [['"Yes" he said', "a"], "1: open-quote"],
      [["b", "c"]],
    ]);
    assert.deepEqual(told('5" disk,a\n'), [[['5" disk', "a"]]]);
    assert.deepEqual(told('a, "b, c" ,d\n'), [[["a", "b, c", "d"]]]);
  });

  it("takes a backslash before a quote where a file does so", () => {
    assert.deepEqual(told('"say \\"hi\\"",a\n"b\\\\",c\n', csv(",", true)), [
      [['say "hi"', "a"]],
      [["b\\", "c"]],
    ]);
  });
});

describe("JSON as it comes", () => {
  const record = fc.dictionary(
    fc.string({ maxLength: 5 }).filter((key) => key !== "__proto__"),
    fc.jsonValue({ maxDepth: 2 }),
    { maxKeys: 4 },
  );

  it("gives back every list of objects, alone, inside an object, and as lines", () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(0, 2),
        shares,
        (records, indent, places) => {
          const list = JSON.stringify(records, null, indent);
          const inside = `{"n": 1, "names": ["a", "]"], "data": ${list}, "more": {"x": [1]}}`;
          for (const text of [list, inside]) {
            const items = inPieces(new JsonListReader(), cut(text, places)).filter(
              ({ value }) => value !== null,
            );
            assert.deepEqual(
              items.map(({ value }) => value),
              JSON.parse(JSON.stringify(records)),
            );
          }
          const lines = records.map((one) => JSON.stringify(one)).join("\r\n");
          assert.deepEqual(
            inPieces(new JsonLinesReader(), cut(lines, places)).map(({ value, line }) => [line, value]),
            records.map((one, at) => [at + 1, JSON.parse(JSON.stringify(one)) as unknown]),
          );
        },
      ),
      { numRuns: 300, seed: 7 },
    );
  });

  const told = (text: string, reader: Reader = new JsonListReader()) =>
    inPieces(reader, [text]).map(({ line, value, faults }) => value ?? `${line}: ${faults?.[0]?.code ?? ""}`);

  it("tells a broken element by its line and goes on", () => {
    assert.deepEqual(told('[\n{"a": 1},\n{"a": x},\n{"a": 3}\n]'), [{ a: 1 }, "3: not-json", { a: 3 }]);
    assert.deepEqual(told('{"a": 1}\n{"a": \n\n7\n{"a": 3}', new JsonLinesReader()), [
      { a: 1 },
      "2: not-json",
      "4: not-a-record",
      { a: 3 },
    ]);
  });

  it("tells a list that is cut off, and what stands behind its end", () => {
    assert.deepEqual(told('[{"a": 1}, {"a": 2'), [{ a: 1 }, "1: not-json", "1: cut-off"]);
    assert.deepEqual(told('[{"a": 1}]\n[{"a": 2}]'), [{ a: 1 }, "2: after-end"]);
  });

  it("takes NaN, which Python writes, for nothing, but not inside texts", () => {
    assert.deepEqual(told('[{"a": NaN, "b": "NaN, \\"NaN", "c": -Infinity}]'), [
      { a: null, b: 'NaN, "NaN', c: null },
    ]);
  });

  it("refuses what lies too deep without running out of stack", () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    assert.deepEqual(told(`[${deep}, {"a": 1}]`), ["1: too-deep", { a: 1 }]);
    assert.deepEqual(told(`{"a": ${deep}}\n{"a": 1}`, new JsonLinesReader()), ["1: too-deep", { a: 1 }]);
  });
});

describe("encodings", () => {
  async function* stream(...pieces: Buffer[]) {
    for (const piece of pieces) yield await Promise.resolve(piece);
  }
  const decode = async (bytes: Buffer, encoding: Encoding, size = bytes.length) => {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    );
    let text = "";
    for await (const piece of textOf(stream(...pieces), encoding)) text += piece;
    return text;
  };

  it("decodes every byte of windows-1251 and ISO-8859-1 as their standards say, and the marks of windows-1252", async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    assert.equal(await decode(bytes, "windows-1251"), new TextDecoder("windows-1251").decode(bytes));
    assert.equal(await decode(bytes, "iso-8859-1"), bytes.toString("latin1"));
    assert.equal(await decode(Buffer.from([0x80, 0x93, 0x94, 0x85, 0xe9]), "windows-1252"), "€“”…é");
  });

  it("puts characters together that were cut between pieces, and drops the mark at the start", async () => {
    const text = "\ufeffжé😀 и";
    const big = Buffer.from(text, "utf16le").swap16();
    for (const size of [1, 2, 3]) {
      assert.equal(await decode(Buffer.from(text), "utf-8", size), text.slice(1));
      assert.equal(await decode(Buffer.from(text, "utf16le"), "utf-16le", size), text.slice(1));
      assert.equal(await decode(big, "utf-16be", size), text.slice(1));
    }
  });

  it("finds the encoding of a text, marked or not, in whatever pieces", async () => {
    const russian = 'номер;текст\n1;"Осталось всего два места, торопитесь!"\n2;Ёлка и TV\n';
    const french = "1,Déjà vu à la crème brûlée\n2,plain words only and more of them\n";
    const to1251 = (text: string) =>
      Buffer.from(
        Array.from(text, (one) =>
          one === "Ё" ? 0xa8 : one >= "А" && one <= "я" ? one.charCodeAt(0) - 0x350 : one.charCodeAt(0),
        ),
      );
    const cases: [Buffer, Encoding][] = [
      [Buffer.from(russian), "utf-8"],
      [Buffer.from("plain"), "utf-8"],
      [Buffer.from(`${russian.repeat(20)}\xff`, "utf8"), "utf-8"],
      [Buffer.concat([Buffer.from(russian.repeat(20)), Buffer.from([0xff])]), "utf-8"],
      [to1251(russian), "windows-1251"],
      [Buffer.from(french, "latin1"), "iso-8859-1"],
      [Buffer.concat([Buffer.from(french, "latin1"), Buffer.from([0x93, 0x61, 0x94])]), "windows-1252"],
      [Buffer.from(russian, "utf16le"), "utf-16le"],
      [Buffer.from(russian, "utf16le").swap16(), "utf-16be"],
      [Buffer.from(`\ufeff${french}`, "utf16le"), "utf-16le"],
    ];
    for (const [bytes, encoding] of cases) {
      assert.equal(await detectEncoding(stream(bytes)), encoding);
      const at = Math.floor(bytes.length / 2);
      assert.equal(await detectEncoding(stream(bytes.subarray(0, at), bytes.subarray(at))), encoding);
    }
  });
});
