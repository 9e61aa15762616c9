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

/** What stands before and behind each bare place of a number. */
function bare(text: string, at: number): { before: string; behind: string }[] {
  const parts = text.split(`{${at}}`);
  return parts.slice(1).map((behind, part) => ({ before: parts[part]!, behind }));
}
const astray = (text: string, at: number, language: "en" | "ru"): boolean =>
  bare(text, at).some(
    ({ before, behind }) => !NAMED[language].test(before) && !BEHIND[language].test(behind),
  );

/** Forms that stand at a place. */
const forms = (text: string, at: number | string): string[][] =>
  [...text.matchAll(new RegExp(`\\{${at}[:/]([^}]*)\\}`, "gu"))].map((match) => match[1]!.split("|"));

/** Words that a count changes, as far as any of these texts has them in forms. */
const inflected = (texts: readonly string[], wanted: RegExp): ReadonlySet<string> =>
  new Set(
    texts
      .flatMap((text) => forms(text, "\\d+"))
      .flatMap((all) => {
        const words = all.map((form) => form.split(" "));
        const some = words.flat().filter((word) => wanted.test(word));
        return some.filter((word) => !words.every((form) => form.includes(word)));
      }),
  );

describe("numbers in sentences of the editor", function () {
  this.timeout(60_000);
  let places: NumberPlace[];
  // What the command line alone says has no Russian.
  before(() => (places = numberPlaces().filter(({ text }) => russian[text] !== undefined)));
  const inEditor = () => places.filter(({ where }) => !where.startsWith("src/core/"));

  it("are found: by type in the host and the core, and by the word that a page says", () => {
    const files = (some: readonly NumberPlace[]) =>
      new Set(some.map(({ where }) => where.replace(/:\d+$/u, "")));
    assert.ok(files(places).size > 60);
    assert.ok(files(inEditor()).size > 20);
  });

  it("bring the forms of the word that they count: two in English, three in Russian", () => {
    for (const { text, at, where } of places) {
      const said = forms(text, at);
      const meant = forms(russian[text]!, at);
      for (const two of said) assert.equal(two.length, 2, `${where}: ${text}`);
      for (const three of meant) assert.equal(three.length, 3, `${where}: ${russian[text]}`);
      if (said.length > 0) assert.ok(meant.length > 0, `${where}: ${russian[text]}`);
    }
  });

  it("decide no form where they come as a text, which another language writes otherwise", () => {
    for (const { text, at, as, where } of places)
      if (as === "text") assert.deepEqual(forms(russian[text]!, at), [], `${where}: ${russian[text]}`);
  });

  it("have no word behind them that stands in forms elsewhere, in either language", () => {
    const plurals = inflected(Object.keys(russian), /^\p{Ll}{3,}s$/u);
    const cases = inflected(Object.values(russian), /^(?!или$)\p{Ll}{2,}$/u);
    for (const { text, at, where } of places) {
      for (const { behind } of bare(text, at)) {
        const words = BEHIND.en.test(behind)
          ? []
          : (/^( [\p{L}-]+){1,3}/u.exec(behind)?.[0] ?? "").split(" ");
        assert.deepEqual(
          words.filter((word) => plurals.has(word)),
          [],
          `${where}: ${text}`,
        );
      }
      for (const { before, behind } of bare(russian[text]!, at)) {
        const word = / (\p{L}+)/uy.exec(behind)?.[1] ?? "";
        const named = NAMED.ru.test(before) || before.endsWith("байта ");
        assert.ok(named || !cases.has(word), `${where}: ${word} in ${russian[text]}`);
      }
    }
  });

  it("have in the host and on pages nothing else behind them either that may vary", () => {
    for (const { text, at, where } of inEditor()) {
      assert.ok(!astray(text, at, "en"), `${where}: {${at}} in ${text}`);
      assert.ok(!astray(russian[text]!, at, "ru"), `${where}: {${at}} in ${russian[text]}`);
    }
  });

  it("have their thousands set apart there, but where they are the name of one in a row", () => {
    for (const { text, at, as, where } of inEditor())
      if (as === "number")
        for (const { before } of bare(text, at)) assert.match(before, NAMED.en, `${where}: ${text}`);
  });
});
