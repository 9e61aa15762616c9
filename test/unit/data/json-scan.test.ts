import assert from "node:assert/strict";
import fc from "fast-check";
import { isFault, scanObject } from "../../../src/core/data/json-scan";

/** Whether JSON.parse takes a text for an object: the judge of what is JSON. */
function parsesAsObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

describe("scan of a JSON object", () => {
  it("takes exactly what JSON.parse takes", () => {
    const damaged = fc
      .tuple(
        fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.stringify(value)),
        fc.array(
          fc.tuple(
            fc.nat(200),
            fc.nat(3),
            fc.constantFrom(
              '"',
              "{",
              "}",
              "[",
              "]",
              ",",
              ":",
              "\\",
              "\\u12",
              "0",
              "-",
              ".",
              "e",
              "t",
              " ",
              "\n",
              "\u0001",
              "nul",
              "",
            ),
          ),
          { maxLength: 3 },
        ),
      )
      .map(([text, cuts]) =>
        cuts.reduce((rest, [at, length, put]) => {
          const from = at % (rest.length + 1);
          return rest.slice(0, from) + put + rest.slice(from + length);
        }, text),
      );
    let whole = 0;
    let broken = 0;
    fc.assert(
      fc.property(damaged, (text) => {
        const valid = parsesAsObject(text);
        if (valid) whole++;
        else broken++;
        assert.equal(!isFault(scanObject(text)), valid, text);
      }),
      { numRuns: 3000, seed: 1 },
    );
    assert.ok(whole > 300 && broken > 300, `one-sided: ${whole} whole, ${broken} broken`);
  });

  it("finds every member where JSON.parse reads it", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.constantFrom(undefined, 1, "\t"),
        (value, indent) => {
          const text = JSON.stringify(value, null, indent);
          const scanned = scanObject(text);
          assert.ok(!isFault(scanned));
          const read = scanned.members.map(({ key, keyStart, keyEnd, valueStart, valueEnd }) => {
            assert.equal(JSON.parse(text.slice(keyStart, keyEnd)), key);
            return [key, JSON.parse(text.slice(valueStart, valueEnd)) as unknown];
          });
          assert.deepEqual(read, Object.entries(JSON.parse(text) as object));
        },
      ),
      { numRuns: 500, seed: 2 },
    );
  });

  const faults: [text: string, at: number, found: string, expected: string][] = [
    ["", 0, "the end", "an object: {…}"],
    ["[1]", 0, '"["', "an object: {…}"],
    ['{"a": }', 6, '"}"', "a value"],
    ['{"a": 1 "b": 2}', 8, "a double quote", '"," or "}"'],
    ['{"a": 1,}', 8, '"}"', "a field name in quotes"],
    ["{'a': 1}", 1, "a single quote", 'a field name in quotes, or "}"'],
    ['{"a" 1}', 5, '"1"', '":"'],
    ['{"a": "x', 6, "a quote that is never closed", 'a closing "'],
    ['{"a": "x\ty"}', 8, "a tab", "\\t"],
    ['{"a": "\\x"}', 7, "\\x", String.raw`one of \" \\ \/ \b \f \n \r \t \uXXXX`],
    ['{"a": 1} x', 9, '"x"', "nothing more on this line"],
    ['{"a": [1 2]}', 9, '"2"', '"," or "]"'],
    ['{"a": 01}', 7, '"1"', '"," or "}"'],
    ['{"a": NaN}', 6, '"N"', "a value"],
    ['{\u00a0"a": 1}', 1, "the character U+00A0", 'a field name in quotes, or "}"'],
  ];
  for (const [text, at, found, expected] of faults) {
    it(`names place, find and expectation in ${JSON.stringify(text)}`, () => {
      const {
        at: seen,
        found: what,
        expected: wanted,
      } = scanObject(text) as never as Record<string, unknown>;
      assert.deepEqual({ at: seen, found: what, expected: wanted }, { at, found, expected });
    });
  }

  it("refuses brackets without end instead of exhausting the stack", () => {
    for (const open of ["[", '{"a":']) {
      const scanned = scanObject(`{"a": ${open.repeat(100_000)}`);
      assert.ok(isFault(scanned));
      assert.match(scanned.expected, /brackets inside each other/);
    }
  });
});
