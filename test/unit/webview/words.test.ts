import assert from "node:assert/strict";
import { Words } from "../../../src/webview/label/words";
import { labelWords } from "../../label-words";

const english = new Words(labelWords("en"), "en");
const russian = new Words(labelWords("ru"), "ru");
const disagrees = {
  kind: "disagrees",
  model: { label: "guilt", probability: 0.914 },
  yours: { label: "none", probability: 0.04 },
} as const;

describe("words of the label editor's page", () => {
  it("say why a text is shown, with the model's own figures", () => {
    assert.equal(
      english.why(disagrees),
      "The model, which had not seen this text, says guilt 91\u00a0%; yours: none 4\u00a0%.",
    );
    assert.match(
      english.why({ kind: "hesitates", between: [disagrees.model, disagrees.yours] }),
      /hesitates between guilt 91\u00a0% and none 4\u00a0%\.$/,
    );
    assert.match(english.why({ kind: "misses", yours: disagrees.yours }), /does not see none 4\u00a0%\.$/);
    assert.match(
      english.why({ kind: "wrong", predicted: [], test: true }),
      /^A test text; the model says no label\. /,
    );
  });

  it("write numbers as the language does", () => {
    assert.equal(russian.say("labelled", 12345, 20000), "Размечено 12\u00a0345 из 20\u00a0000");
    assert.match(russian.why(disagrees), /говорит: guilt 91\u00a0%; ваш ответ: none 4\u00a0%\./);
  });

  it("say a number with the form of what it counts", () => {
    const counts = [1, 2, 5, 11, 21, 1234];
    const said = (words: Words) => counts.map((count) => words.say("brokenCount", count));
    assert.deepEqual(said(english), [
      "1 broken line",
      ...["2", "5", "11", "21", "1,234"].map((count) => `${count} broken lines`),
    ]);
    assert.deepEqual(said(russian), [
      ...["1 битая строка", "2 битые строки", "5 битых строк", "11 битых строк", "21 битая строка"],
      "1\u00a0234 битые строки",
    ]);
  });

  it("put a text in as it is, even where it looks like a place to fill", () => {
    assert.equal(
      english.say("jumpNothing", "{1} $&"),
      "There is no example with the id or in the line “{1} $&”.",
    );
  });
});
