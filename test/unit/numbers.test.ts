import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { numberPlaces, type NumberPlace } from "../number-places";

const root = path.resolve(__dirname, "../..");
const russian = JSON.parse(readFileSync(path.join(root, "l10n/bundle.l10n.ru.json"), "utf8")) as Record<
  string,
  string
>;

/** Names of what is one of a row, before its number: no word has to agree with it, and its thousands are not set apart. */
const NAMED = {
  en: /(^|\P{L})(line|step|fold|text|label|exit code) $/iu,
  ru: /(^|\P{L})(строка|шага?|блока?|текст|метки|код выхода) $/iu,
};
/** What may stand behind a number without a word of forms: its end, or what is the same whatever the number. */
const BEHIND = {
  en: /^($|[.,;:)]| ·| “| (MB|million|of|on|for|to|with|without|and|more|labelled|skipped)(?!\p{L}))/u,
  ru: /^($|[.,;:)]| ·| (МБ|млн|из|на|до)(?!\p{L}))/u,
};

/** Bare places of a number in a sentence behind which a word stands that would have to agree with it. */
const astray = (text: string, at: number, language: "en" | "ru"): boolean =>
  text
    .split(`{${at}}`)
    .some(
      (before, part, parts) =>
        part < parts.length - 1 && !NAMED[language].test(before) && !BEHIND[language].test(parts[part + 1]!),
    );
/** Forms that stand at a place. */
const forms = (text: string, at: number): string[][] =>
  [...text.matchAll(new RegExp(`\\{${at}[:/]([^}]*)\\}`, "gu"))].map((match) => match[1]!.split("|"));

describe("numbers in sentences of the editor", function () {
  this.timeout(60_000);
  let places: NumberPlace[];
  before(() => (places = numberPlaces()));

  it("are found: by type in the host, and by the word that a page says", () => {
    const files = new Set(places.map(({ where }) => where.replace(/:\d+$/u, "")));
    assert.ok(places.length > 80);
    assert.ok(files.size > 20);
  });

  it("bring the forms of the word that they count: two in English, three in Russian", () => {
    for (const { text, at, where } of places) {
      const said = forms(text, at);
      for (const two of said) assert.equal(two.length, 2, `${where}: ${text}`);
      for (const three of forms(russian[text]!, at))
        assert.equal(three.length, 3, `${where}: ${russian[text]}`);
      if (said.length > 0) assert.ok(forms(russian[text]!, at).length > 0, `${where}: ${russian[text]}`);
    }
  });

  it("have no word behind them that has no forms and would need them, in either language", () => {
    for (const { text, at, where } of places) {
      assert.ok(!astray(text, at, "en"), `${where}: {${at}} in ${text}`);
      assert.ok(!astray(russian[text]!, at, "ru"), `${where}: {${at}} in ${russian[text]}`);
    }
  });

  it("have their thousands set apart, but where they are the name of one in a row", () => {
    for (const { text, at, plain, where } of places)
      if (plain && forms(text, at).length === 0)
        assert.match(text.split(`{${at}}`, 1).join(""), NAMED.en, `${where}: ${text}`);
  });
});
