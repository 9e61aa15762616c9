import assert from "node:assert/strict";
import { isCutOff } from "../../../src/core/labelling";

describe("a file that was not saved whole", () => {
  const text = '{"id":"a","text":"Nine o’clock."}\n{"id":"b","text":"😀"}\n';
  const bytes = Buffer.from(text);
  const mark = Buffer.from("\uFEFF");

  it("is every proper beginning of the text, be it within a character, and with a byte order mark too", () => {
    for (let length = 0; length < bytes.length; length++) {
      const part = bytes.subarray(0, length);
      assert.ok(isCutOff(part, text), `${length}`);
      assert.ok(isCutOff(Buffer.concat([mark, part]), text), `marked, ${length}`);
    }
  });

  it("is not the whole text, a longer or another one, or one in another encoding", () => {
    const others = [bytes, Buffer.concat([mark, bytes]), Buffer.concat([bytes, bytes])];
    others.push(Buffer.from(text.replace("Nine", "Ten")), Buffer.from(text, "utf16le"));
    others.push(Buffer.from(text.replace("’", "'").replace("😀", "é"), "latin1"));
    for (const other of others) assert.equal(isCutOff(other, text), false, other.toString());
  });
});
