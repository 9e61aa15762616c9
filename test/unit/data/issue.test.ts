import assert from "node:assert/strict";
import * as z from "zod";
import { describeFirst } from "../../../src/core/data/issue";
import { speak } from "../../../src/core/say";
import { BaseTraining, Manifest, Suite, Task, TuningSettings } from "../../../src/core/schema";

const describedBy = (schema: z.ZodType, value: unknown) => {
  const { error } = schema.safeParse(value);
  assert.ok(error, JSON.stringify(value));
  return describeFirst(error, value).message;
};

describe("what a schema complains of", () => {
  const cases: readonly [z.ZodType, unknown, string][] = [
    [z.object({ a: z.string() }), {}, 'field "a" is missing; expected text in quotes.'],
    [z.object({ a: z.string() }), [], "the whole: found an empty list, expected an object: {…}."],
    [z.string(), undefined, "the whole: found nothing, expected text in quotes."],
    [
      z.object({ a: z.array(z.int()) }),
      { a: [1, 0.5] },
      'field "a[1]": found the number 0.5, expected a whole number.',
    ],
    [z.record(z.string(), z.string()), 3, "the whole: found the number 3, expected an object: {…}."],
    [z.strictObject({}), { b: 1 }, 'the whole: found an object, expected no field "b".'],
    [z.array(z.string()).min(1), [], "the whole: found an empty list, expected at least 1."],
    [z.number().lt(1), 1, "the whole: found the number 1, expected a number below 1."],
    [z.number().min(1), 0, "the whole: found the number 0, expected a number from 1."],
    [z.number().nullable(), "a", 'the whole: found the text "a", expected a number.'],
    [z.date(), "a", 'the whole: found the text "a", expected another value.'],
    [
      z.string().regex(/^cpu$/),
      "gpu",
      'the whole: found the text "gpu", expected a text of the form /^cpu$/.',
    ],
    [
      z.discriminatedUnion("from", [
        z.object({ from: z.literal("zero") }),
        z.object({ from: z.literal("text") }),
      ]),
      { from: "one" },
      'field "from": found the text "one", expected "zero" or "text".',
    ],
    [
      z.string().refine((text) => text.includes("{text}"), "a wording holds {text} once"),
      "a",
      'the whole: found the text "a"; a wording holds {text} once.',
    ],
  ];
  for (const [schema, value, said] of cases) it(said, () => assert.equal(describedBy(schema, value), said));

  it("is of the form that the value was meant to have, else of all forms", () => {
    const file = z.union([z.string(), z.object({ train: z.string() })]);
    assert.equal(
      describedBy(file, 3),
      "the whole: found the number 3, expected text in quotes or an object: {…}.",
    );
    assert.equal(
      describedBy(file, { train: 3 }),
      'field "train": found the number 3, expected text in quotes.',
    );
  });

  it("names a number as the file has it, in whatever language", () => {
    speak({ language: "ru", texts: { "the number {0}": "число {0}" } });
    try {
      assert.match(describedBy(z.string(), 1.5), /число 1\.5/);
    } finally {
      speak(null);
    }
  });

  it("is never in the words of the library that found it", () => {
    const wrong = [undefined, null, true, -1, 0.5, 1e300, Infinity, "", "x", [], [1], {}, { x: 1 }];
    const complaints: string[] = [];
    for (const schema of [Task, Suite, BaseTraining, Manifest, TuningSettings]) {
      const fields = Object.keys(schema.shape);
      for (const field of fields)
        for (const value of wrong) {
          const whole = { [field]: value };
          for (const issue of schema.safeParse(whole).error?.issues ?? [])
            complaints.push(describeFirst(new z.ZodError([issue]), whole).message);
        }
    }
    assert.ok(complaints.length > 2000);
    for (const said of new Set(complaints))
      assert.doesNotMatch(said, /Invalid|Too (big|small)|Unrecognized|undefined/);
  });
});
