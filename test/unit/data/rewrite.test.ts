import assert from "node:assert/strict";
import { chmod, lstat, readFile, readdir, stat, symlink, utimes } from "node:fs/promises";
import fc from "fast-check";
import { rewriteExamples, spliceFields, type FieldChanges, type JsonValue } from "../../../src/core/data";
import { PlumbError } from "../../../src/core/errors";
import { TestFolder, withoutPrivileges } from "./folder";

/** An object as a text with arbitrary keys (some twice, some escaped) and white space. */
const written = fc
  .array(
    fc.record({
      key: fc.oneof(
        fc.constantFrom("id", "label", "labels", "note", "__proto__", ""),
        fc.string({ maxLength: 4 }),
      ),
      escape: fc.boolean(),
      value: fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom("}", '","', "\\", "{", "é", "🙂")),
      indent: fc.constantFrom(undefined, 1, "\t"),
      space: fc.array(fc.constantFrom("", " ", "\t", "  ", "\r"), { minLength: 4, maxLength: 4 }),
    }),
    { maxLength: 6 },
  )
  .chain((members) =>
    fc.tuple(
      fc.constant(members),
      fc.constantFrom("", " ", "\ufeff", "\ufeff\ufeff"),
      fc.constantFrom("", "\r", " \n", "\r\n"),
    ),
  )
  .map(([members, before, after]) => {
    const inside = members.map(({ key, escape, value, indent, space: [a, b, c, d] }) => {
      const quoted = JSON.stringify(key);
      const spelled =
        escape && /^"[a-z]/.test(quoted)
          ? `"\\u00${key.charCodeAt(0).toString(16)}${quoted.slice(2)}`
          : quoted;
      return `${a}${spelled}${b}:${c}${JSON.stringify(value, null, indent).replaceAll("\n", "")}${d}`;
    });
    return `${before}{${inside.join(",")}}${after}`;
  });

const field = fc.oneof(
  fc.constantFrom("label", "labels", "note", "status", "__proto__"),
  fc.string({ maxLength: 3 }),
);
const newValue: fc.Arbitrary<JsonValue | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.string(),
  fc.constantFrom("pressure", "}", '", "x": "', "\\", "ярлык 🙂"),
  fc.array(fc.string(), { maxLength: 3 }),
);

const parse = (line: string) => JSON.parse(line.replace(/^\ufeff+/, "")) as Record<string, JsonValue>;
/** Without what `__proto__` does in literals and assignments: JSON.parse makes it a field like any other. */
const entries = (line: string) => Object.entries(parse(line));

describe("changing a field of a line", () => {
  it("reads afterwards as asked for, all other fields as before", () => {
    fc.assert(
      fc.property(written, field, newValue, (line, key, value) => {
        const before = entries(line);
        const expected = before.filter(([name]) => name !== key);
        if (value !== undefined) {
          const at = before.findIndex(([name]) => name === key);
          expected.splice(at < 0 ? expected.length : at, 0, [key, value]);
        }
        // Names that are whole numbers come first in JavaScript wherever they stand in the text.
        const order = (list: [string, JsonValue][]) =>
          [...list].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
        assert.deepEqual(order(entries(spliceFields(line, oneChange(key, value)))), order(expected));
      }),
      { numRuns: 5000, seed: 5 },
    );
  });

  it("keeps every other character where it is", () => {
    let replaced = 0;
    fc.assert(
      fc.property(written, field, newValue, (line, key, value) => {
        const result = spliceFields(line, oneChange(key, value));
        if (value === undefined) {
          // What is left is what was there, with pieces cut out.
          assert.ok(isSubsequence(result, line), `${line} -> ${result}`);
          return;
        }
        // One stretch differs, and what stands there now is the new value, or the new field behind a comma.
        const put = JSON.stringify(value);
        let same = 0;
        while (same < Math.min(line.length, result.length) && line[same] === result[same]) same++;
        let tail = 0;
        while (
          tail < Math.min(line.length, result.length) - same &&
          line[line.length - 1 - tail] === result[result.length - 1 - tail]
        )
          tail++;
        const inserted = result.slice(same, result.length - tail);
        if (result !== line) replaced++;
        const isNew = !entries(line).some(([name]) => name === key);
        if (isNew) {
          assert.equal(line.length - tail - same, 0, "an inserted field takes nothing away");
          assert.ok(inserted.length <= 20 + JSON.stringify(key).length + put.length);
        } else {
          assert.ok(inserted.length <= put.length, `${line} -> ${result}`);
        }
      }),
      { numRuns: 5000, seed: 6 },
    );
    assert.ok(replaced > 1000);
  });

  it("comes back to the byte when a field is added and removed, or changed and changed back", () => {
    fc.assert(
      fc.property(written, field, fc.string(), (line, key, value) => {
        const had = new Map(entries(line)).get(key);
        const isNew = !entries(line).some(([name]) => name === key);
        if (isNew) {
          assert.equal(
            spliceFields(spliceFields(line, oneChange(key, value)), oneChange(key, undefined)),
            line,
          );
        } else if (typeof had === "string" && line.includes(JSON.stringify(had))) {
          const back = spliceFields(spliceFields(line, oneChange(key, value)), oneChange(key, had));
          assert.deepEqual(entries(back), entries(line));
        }
      }),
      { numRuns: 2000, seed: 7 },
    );
  });

  const cases: [name: string, line: string, changes: FieldChanges, result: string][] = [
    ["replaces a value", '{"id":"1","label":"a","x":1}', { label: "b" }, '{"id":"1","label":"b","x":1}'],
    [
      "keeps the style of a tight line",
      '{"id":"1","text":"t"}',
      { label: "b" },
      '{"id":"1","text":"t","label":"b"}',
    ],
    [
      "keeps the style of a wide line",
      '{ "id" : "1" ,  "text" : "t" }',
      { label: "b" },
      '{ "id" : "1" ,  "text" : "t" ,  "label" : "b" }',
    ],
    ["adds to an empty object", "{ }", { label: "b" }, '{"label": "b" }'],
    ["adds to a single field", '{"id": "1"}', { label: "b" }, '{"id": "1", "label": "b"}'],
    ["removes the first", '{ "label": "a", "id": "1"}', { label: undefined }, '{ "id": "1"}'],
    ["removes the last", '{"id": "1" , "label": "a" }', { label: undefined }, '{"id": "1" }'],
    ["removes the only one", '{ "label": "a" }', { label: undefined }, "{  }"],
    [
      "removes all of a field",
      '{"label": 1, "id": "1", "label": 2, "label": 3}',
      { label: undefined },
      '{"id": "1"}',
    ],
    [
      "replaces the one that counts",
      '{"label": 1, "label": 2}',
      { label: "b" },
      '{"label": 1, "label": "b"}',
    ],
    [
      "sees through escapes in names",
      String.raw`{"l\u0061bel": "a"}`,
      { label: "b" },
      String.raw`{"l\u0061bel": "b"}`,
    ],
    [
      "leaves inner objects alone",
      '{"x": {"label": "a"}, "label": "a"}',
      { label: "b" },
      '{"x": {"label": "a"}, "label": "b"}',
    ],
    [
      "keeps the spelling of a value that is the same",
      String.raw`{"label": "\u0061"}`,
      { label: "a" },
      String.raw`{"label": "\u0061"}`,
    ],
    [
      "changes several fields",
      '{"id": "1", "status": "skipped"}',
      { status: undefined, labels: ["a", "b"], note: "ü" },
      '{"id": "1", "labels": ["a","b"], "note": "ü"}',
    ],
  ];
  for (const [name, line, changes, result] of cases) {
    it(name, () => assert.equal(spliceFields(line, changes), result));
  }

  it("refuses a line that is no object", () => {
    assert.throws(
      () => spliceFields('{"a": 1', { label: "b" }),
      (error) => error instanceof PlumbError && error.code === "not-json",
    );
  });
});

/** A change of one field, even one called `__proto__`. */
function oneChange(key: string, value: JsonValue | undefined): FieldChanges {
  return Object.defineProperty({}, key, { value, enumerable: true });
}

function isSubsequence(part: string, whole: string): boolean {
  let at = 0;
  for (const character of whole) if (part.startsWith(character, at)) at += character.length;
  return at === part.length;
}

describe("rewriting an examples file", () => {
  let folder: TestFolder;
  beforeEach(async () => {
    folder = await TestFolder.make();
  });
  afterEach(() => folder.remove());

  it("changes the lines asked for and no other byte, broken lines included", async () => {
    const line = (id: number, label: string) =>
      Buffer.from(`{ "id":"${id}","text" : "t${id} é", "x":[1, 2 ],"label":"${label}" }`);
    const fixed = [
      Buffer.from("\ufeff"),
      Buffer.from("\r\n \r\n{broken\n"),
      Buffer.from([0xff, 0x00, 0x0d, 0x0a]),
      Buffer.from("\r\n"),
    ];
    const build = (labels: string[]) =>
      Buffer.concat(labels.flatMap((label, i) => [fixed[i] as Buffer, line(i, label)]));
    const file = await folder.write("e.jsonl", build(["a", "b", "c", "d"]));
    const changed = await rewriteExamples(file, [
      { line: 6, id: "3", set: { label: "новый" } },
      { line: 1, id: "0", set: { label: "z" } },
    ]);
    assert.equal(changed, 2);
    assert.deepEqual(await readFile(file), build(["z", "b", "c", "новый"]));
    assert.deepEqual(await readdir(folder.path), ["e.jsonl"]);
  });

  it("does not touch the file where nothing changes", async () => {
    const file = await folder.writeLines("e.jsonl", [{ id: "1", text: "x", label: "a" }]);
    const long = new Date(1_000_000_000_000);
    await utimes(file, long, long);
    const { ino } = await stat(file);
    assert.equal(
      await rewriteExamples(file, [{ line: 1, id: "1", set: { label: "a", note: undefined } }]),
      0,
    );
    const after = await stat(file);
    assert.deepEqual([after.ino, after.mtimeMs], [ino, long.getTime()]);
  });

  it("writes all or nothing where a line holds another example", async () => {
    const file = await folder.writeLines("e.jsonl", [
      { id: "1", text: "x" },
      { id: "2", text: "y" },
    ]);
    const before = await readFile(file);
    const first = { line: 1, id: "1", set: { label: "a" } };
    for (const second of [
      { line: 2, id: "3", set: { label: "a" } },
      { line: 9, id: "2", set: { label: "a" } },
    ]) {
      await assert.rejects(rewriteExamples(file, [first, second]), (error) => {
        assert.ok(error instanceof PlumbError);
        assert.equal(error.code, "line-moved");
        assert.match(error.message, /Nothing was written/);
        return true;
      });
      assert.deepEqual(await readFile(file), before);
    }
  });

  it("says so where it may not write, and leaves nothing behind", async () => {
    const file = await folder.writeLines("e.jsonl", [{ id: "1", text: "x" }]);
    const before = await readFile(file);
    await chmod(file, 0o444);
    for (const mode of [0o755, 0o777]) {
      await chmod(folder.path, mode);
      await withoutPrivileges(() =>
        assert.rejects(rewriteExamples(file, [{ line: 1, id: "1", set: { label: "a" } }]), (error) => {
          assert.ok(error instanceof PlumbError);
          assert.match(error.message, /no permission to write it or its folder\. The file is unchanged\./);
          return true;
        }),
      );
    }
    assert.deepEqual(await readFile(file), before);
    assert.deepEqual(await readdir(folder.path), ["e.jsonl"]);
  });

  it("keeps permissions, and writes through a link", async () => {
    const file = await folder.writeLines("e.jsonl", [{ id: "1", text: "x" }]);
    await chmod(file, 0o640);
    const link = folder.at("link.jsonl");
    await symlink(file, link);
    await rewriteExamples(link, [{ line: 1, id: "1", set: { label: "a" } }]);
    assert.equal((await stat(file)).mode & 0o777, 0o640);
    assert.ok((await lstat(link)).isSymbolicLink());
    assert.equal(await readFile(file, "utf8"), '{"id":"1","text":"x","label":"a"}\n');
  });
});
