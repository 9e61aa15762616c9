import assert from "node:assert/strict";
import fc from "fast-check";
import { editLine, type LabelAction } from "../../../src/core/labelling";
import type { TaskKind } from "../../../src/core/schema";

function apply(line: string, action: LabelAction, kind: TaskKind = "single"): string {
  const edit = editLine(line, action, kind);
  return edit === null ? line : line.slice(0, edit.start) + edit.text + line.slice(edit.end);
}
const label = (answer: string | readonly string[] | null): LabelAction => ({ type: "answer", answer });
const hasLoneSurrogate = (text: string) => /\p{Surrogate}/u.test(text);

describe("what a label changes in its line", () => {
  it("is its value alone", () => {
    const line = '{ "id" : "a",  "label":"fear", "text":"😀 t", "x": 1.50 }';
    const edit = editLine(line, label("guilt"), "single")!;
    assert.equal(line.slice(0, edit.start).endsWith('"label":"'), true);
    assert.equal(apply(line, label("guilt")), line.replace("fear", "guilt"));
  });

  it("is nothing where the answer is the same", () => {
    assert.equal(editLine('{"id":"a","text":"t","label":"x"}', label("x"), "single"), null);
    assert.equal(editLine('{"id":"a","text":"t"}', { type: "skip", skipped: false }, "single"), null);
  });

  it("adds a field behind the others and takes it away again to the byte", () => {
    const line = '{"id": "a", "text": "t"}';
    assert.equal(apply(line, label("x")), '{"id": "a", "text": "t", "label": "x"}');
    assert.equal(apply(apply(line, label("x")), label(null)), line);
    const multi = apply(line, label([]), "multi");
    assert.equal(multi, '{"id": "a", "text": "t", "labels": []}');
    assert.equal(apply(multi, label(["b", "c"]), "multi"), '{"id": "a", "text": "t", "labels": ["b","c"]}');
  });

  it("takes an example back that was set aside, in the same edit", () => {
    const skipped = apply('{"id":"a","text":"t"}', { type: "skip", skipped: true });
    assert.equal(skipped, '{"id":"a","text":"t","status":"skipped"}');
    assert.equal(apply(skipped, label("x")), '{"id":"a","text":"t","label":"x"}');
  });

  it("keeps a note, and takes an empty one away", () => {
    const noted = apply('{"id":"a","text":"t"}', { type: "note", note: "ask «her»" });
    assert.deepEqual(JSON.parse(noted), { id: "a", text: "t", note: "ask «her»" });
    assert.equal(apply(noted, { type: "note", note: "" }), '{"id":"a","text":"t"}');
  });

  it("gives, for any texts, the object with the one field changed, and cuts no character in two", () => {
    const words = fc.string({ unit: "grapheme", maxLength: 6 });
    fc.assert(
      fc.property(words, words, words, (text, before, after) => {
        const line = JSON.stringify({ id: "a", text, target: before, more: [text] });
        const edit = editLine(line, label(after), "generation");
        if (before === after) {
          assert.equal(edit, null);
          return;
        }
        assert.deepEqual(JSON.parse(apply(line, label(after), "generation")), {
          ...{ id: "a", text, more: [text] },
          target: after,
        });
        assert.equal(hasLoneSurrogate(edit!.text) || hasLoneSurrogate(line.slice(0, edit!.start)), false);
        assert.equal(hasLoneSurrogate(line.slice(edit!.end)), false);
      }),
    );
    const emoji = '{"id":"a","text":"t","target":"😀"}';
    const edit = editLine(emoji, label("😁"), "generation")!;
    assert.deepEqual([edit.text, emoji.slice(edit.start, edit.end)], ["😁", "😀"]);
  });
});
