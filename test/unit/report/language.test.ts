import assert from "node:assert/strict";
import { buildReport, renderComparison, renderReport } from "../../../src/core/report";
import { languageFor } from "../../../src/core/report/language";
import { NOUNS, RUSSIAN } from "../../../src/core/report/russian";
import { pageTexts } from "../../page-texts";
import { sample } from "./samples";

const places = (text: string) => [...text.matchAll(/\{\d\}/g)].map(String).sort();

describe("pages of reports in two languages", () => {
  const texts = pageTexts();

  it("every text has its Russian, with the same places to fill", () => {
    assert.ok(texts.size > 200);
    for (const text of texts) {
      assert.ok(RUSSIAN[text] !== undefined, `no Russian for: ${text}`);
      assert.deepEqual(places(RUSSIAN[text]), places(text), text);
    }
  });

  it("no Russian text is left over", () => {
    for (const text of Object.keys(RUSSIAN)) assert.ok(texts.has(text), `not used any more: ${text}`);
  });

  it("counts in the forms that a language has, and writes figures as it does", () => {
    const english = languageFor("en-GB");
    const russian = languageFor("ru");
    const count = (language: typeof english) =>
      [1, 2, 5, 11, 21, 1234].map((number) => language.counted(number, "test text"));
    assert.deepEqual(count(english).slice(0, 2), ["1 test text", "2 test texts"]);
    assert.deepEqual(count(russian), [
      "1 тестовый текст",
      "2 тестовых текста",
      "5 тестовых текстов",
      "11 тестовых текстов",
      "21 тестовый текст",
      "1\u00a0234 тестовых текста",
    ]);
    assert.deepEqual(
      [1, 2, 5, 21].map((number) => russian.counted(number, "more text")),
      ["ещё 1 текст", "ещё 2 текста", "ещё 5 текстов", "ещё 21 текст"],
    );
    const figure = { value: 0.5, low: 0.25, high: 0.75 };
    assert.equal(english.interval(figure), "[0.25,\u00a00.75]");
    assert.equal(russian.interval(figure), "[0,25;\u00a00,75]");
    assert.equal(russian.signed(-0.07), "−0,07");
    assert.equal(russian.duration(125), "2 мин 05 с");
    assert.equal(russian.bytes(1.25e9), "1,3 ГБ");
    for (const { russian: forms } of Object.values(NOUNS)) assert.equal(forms.length, 3);
  });

  it("an editor in another language gets English", () => {
    for (const tag of ["de", "run", "", "en"]) assert.equal(languageFor(tag).tag, "en", tag);
    for (const tag of ["ru", "ru-RU", "RU"]) assert.equal(languageFor(tag).tag, "ru", tag);
  });

  it("a Russian page says verdict, advice and cautions in Russian, from the same facts", () => {
    for (const kind of ["single", "multi"] as const) {
      const report = buildReport(sample(kind, { labels: 3, train: 60, test: 40, skill: 0.6 }));
      const page = renderReport(report, { language: "ru" });
      assert.match(page, /<html lang="ru">/u);
      for (const said of [report.verdict.sentence, ...report.next, ...report.notes])
        assert.ok(!page.includes(said), said);
      const words = page.replace(/<(style|script)[^]*?<\/\1>/gu, "").replace(/<[^>]*>/gu, " ");
      assert.doesNotMatch(words, /\b(the|of|and|texts|given|run)\b/u);
      assert.ok(renderComparison([report, report], { reference: 0, language: "ru" }).includes("сравнение"));
    }
  });
});
