import assert from "node:assert/strict";
import fc from "fast-check";
import { editLine, wholeLine, type LabelAction } from "../../../src/core/labelling";
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

  it("is the part where it becomes a test text, and no other field", () => {
    assert.equal(apply('{"id":"a","text":"t"}', { type: "test" }), '{"id":"a","text":"t","split":"test"}');
    assert.equal(apply('{"id":"a","split":"train"}', { type: "test" }), '{"id":"a","split":"test"}');
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

describe("the removal of a line", () => {
  it("takes that line and its end alone, whatever the others hold, and undone leaves every byte as it was", () => {
    const line = fc.oneof(
      fc.constantFrom("", "no JSON {", '{"id":"a","text":"t"}', " "),
      fc.string({ unit: "binary" }).map((text) => text.replace(/[\r\n]/g, "")),
    );
    const files = fc.tuple(fc.array(line, { minLength: 1, maxLength: 6 }), fc.constantFrom("\n", "\r\n"));
    fc.assert(
      fc.property(files, fc.nat(), ([texts, end], seed) => {
        const at = seed % texts.length;
        const whole = texts.join(end);
        const { to, end: last } = wholeLine(at, { lineCount: texts.length, lineAt: (one) => texts[one]! });
        const place = (of: number, character: number) =>
          texts.slice(0, of).reduce((sum, text) => sum + text.length + end.length, 0) + character;
        const [from, until] = [place(at, 0), place(to, last)];
        const gone = whole.slice(from, until);
        const left = whole.slice(0, from) + whole.slice(until);
        assert.equal(gone, texts[at]! + (at < texts.length - 1 ? end : ""));
        // The line before the last one keeps its end.
        const others = texts.flatMap((text, other) =>
          other === at ? [] : [text + (other < texts.length - 1 ? end : "")],
        );
        assert.equal(left, others.join(""));
        assert.equal(left.slice(0, from) + gone + left.slice(from), whole);
      }),
      { seed: 1 },
    );
  });
});
