import assert from "node:assert/strict";
import { quoted } from "../../../src/core/data/problem";

describe("a text in a sentence", () => {
  it("stands on one line, with its own quotes as they are", () => {
    assert.equal(quoted('She said, "no".'), '"She said, "no"."');
    assert.equal(quoted('a\\"b'), '"a\\\\"b"');
    assert.equal(quoted("two\nlines"), '"two\\nlines"');
  });
});
