import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { ENGINE } from "../../src/core/native-sentences";
import { NOUNS, RUSSIAN } from "../../src/core/report/russian";
import { sentences, unsaid } from "../core-sentences";
import { localized } from "../label-words";
import { nativeSentences } from "../native-sentences";

const root = path.resolve(__dirname, "../..");
const read = (name: string) =>
  JSON.parse(readFileSync(path.join(root, name), "utf8")) as Record<string, string>;
/** The places that a text fills; in whatever order and number, since another language may say a count once more. */
const places = (text: string) => [...new Set([...text.matchAll(/\{(\d+)/g)].map((match) => match[1]))].sort();
/** Forms of counted words, as `say` names them. */
const forms = (text: string) =>
  [...text.matchAll(/\{\d+[:/]([^}]*)\}/g)].map((match) => match[1]!.split("|"));

/** What is not prose: JSON, options and their values, names of files and variables. */
const CODE =
  /"(\w+|…)": ?("[\w…]+"|\[[^\]]*\]|…|\d)?|\w+="\w+"|npm run \w+|--[\w-]+( (\w+|\{\d\}))?|\{"[^а-яё]*\}|\[\{[^а-яё]*\]/giu;

/** One word in Russian for one idea, and no other idea called by it; what stands in code does not count. */
const TERMS: readonly (readonly [english: RegExp, russian: RegExp])[] = [
  [/adapter/iu, /адаптер/iu],
  [/base models?\b/iu, /базов/iu],
  [/held[- ]out/iu, /отлож/iu],
  [/\bfolds?\b/iu, /блок|перекрёстн/iu],
  [/suggest|label with (the )?adapter/iu, /подсказ/iu],
  [/\bprompts?\b(?! rate)/iu, /промпт/iu],
  [/\bthresholds?\b|^Given from$/iu, /порог/iu],
  [/\bskip(ped)?\b/iu, /пропу/iu],
  [/graphics card|\bGPUs?\b/iu, /видеокарт|GPU/iu],
  [/the sample/iu, /пробн/iu],
  [/confidence interval|95 % interval/iu, /доверительн/iu],
];
/** Words that belong to one idea alone. */
const RESERVED: readonly (readonly [russian: RegExp, english: RegExp])[] = [
  [/отлож/iu, /held[- ]out|further texts of the training part/iu],
  [/подсказ/iu, /suggest|label with (the )?adapter|what the last adapter would answer/iu],
  [/промпт/iu, /prompt/iu],
  [/пробн/iu, /sample/iu],
];

describe("texts in two languages", () => {
  const sources = readdirSync(path.join(root, "src/host"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => path.join(root, "src/host", name));
  const texts = new Set(
    [...sources, path.join(root, "src/extension.ts")].flatMap(localized).map(({ text }) => text),
  );
  const ofPages = new Set(
    sources
      .filter((file) => file.endsWith("words.ts"))
      .flatMap(localized)
      .map(({ text }) => text),
  );
  const said = new Map(sentences().map(({ text, place }) => [text, place]));
  const native = new Map(nativeSentences().map(({ text, place }) => [`${ENGINE}${text}`, place]));
  const russian = read("l10n/bundle.l10n.ru.json");

  it("every text of the program has its Russian, with the same places to fill", () => {
    assert.ok(texts.size > 80);
    for (const text of texts) {
      assert.ok(russian[text], `no Russian for: ${text}`);
      assert.deepEqual(places(russian[text]), places(text), text);
    }
  });

  it("every sentence of the core has its Russian, with the same places and three forms of what is counted", () => {
    assert.ok(said.size > 600);
    for (const [text, place] of said) {
      assert.ok(russian[text], `${place}: no Russian for: ${text}`);
      assert.deepEqual(places(russian[text]), places(text), `${place}: ${text}`);
      for (const three of forms(russian[text])) assert.equal(three.length, 3, russian[text]);
    }
  });

  it("every sentence of the native engine has its Russian, with the same places", () => {
    assert.ok(native.size > 50);
    for (const [text, place] of native) {
      assert.ok(russian[text], `${place}: no Russian for: ${text}`);
      assert.deepEqual(places(russian[text]), places(text), `${place}: ${text}`);
    }
  });

  it("no sentence of the core or the host goes past what says it in the user's language", () => {
    assert.deepEqual(unsaid(), []);
  });

  it("no Russian text is left over", () => {
    for (const text of Object.keys(russian))
      assert.ok(texts.has(text) || said.has(text) || native.has(text), `not used any more: ${text}`);
  });

  it("every text of the manifest stands in both languages, and none is left over", () => {
    const manifest = readFileSync(path.join(root, "package.json"), "utf8");
    const used = [...manifest.matchAll(/"%([\w.]+)%"/g)].map((match) => match[1]).sort();
    for (const name of ["package.nls.json", "package.nls.ru.json"]) {
      assert.deepEqual(Object.keys(read(name)).sort(), [...new Set(used)], name);
    }
  });

  /** English and Russian of everything, by where it stands. */
  const all = (): { english: string; russian: string }[] => {
    const manifest = { english: read("package.nls.json"), russian: read("package.nls.ru.json") };
    return [
      ...Object.entries(russian).map(([english, text]) => ({ english, russian: text })),
      ...Object.entries(RUSSIAN).map(([english, text]) => ({ english, russian: text })),
      ...Object.entries(NOUNS).flatMap(([english, { russian: three }]) =>
        three.map((text) => ({ english, russian: text })),
      ),
      ...Object.entries(manifest.english).map(([name, english]) => ({
        english,
        russian: manifest.russian[name]!.replaceAll(/\]\(command:[^)]*\)/gu, "]"),
      })),
    ];
  };

  it("Russian is set as Russian is: its quotation marks and dashes, no space before an ellipsis, one that holds before %", () => {
    for (const { english, russian: text } of all()) {
      const prose = text.replaceAll(CODE, "X").replaceAll(/`[^`]*`/gu, "X");
      // A mark that is spoken of.
      if (!text.startsWith("закрывающая кавычка")) assert.doesNotMatch(prose, /["“”„]/u, english);
      assert.equal(text.split("«").length, text.split("»").length, english);
      assert.doesNotMatch(prose, / – | - /u, english);
      assert.doesNotMatch(prose, /\s…|[^[, ]\.\.\./u, english);
      assert.doesNotMatch(prose, /[^\u00a0]%/u, english);
      assert.doesNotMatch(prose, /\S {2}|\s[,.;:!?](?!\w)/u, english);
    }
  });

  it("no Russian word has a letter of another alphabet, and no word of English is left", () => {
    for (const { english, russian: text } of all()) {
      assert.doesNotMatch(text, /\p{Script=Cyrillic}[a-z]|[a-z]\p{Script=Cyrillic}/iu, english);
      const prose = text.replaceAll(CODE, "X").replaceAll(/`[^`]*`/gu, "X");
      assert.doesNotMatch(
        prose,
        /(^| )(the|of|is|are|and|not|file|with|has|no|to|label|text|run)( |$)/u,
        english,
      );
    }
  });

  it("an idea has one word in Russian, and the word means nothing else", () => {
    for (const { english, russian: text } of all()) {
      const [said, meant] = [english, text].map((one) => one.replaceAll(CODE, "X"));
      for (const [idea, word] of TERMS) if (idea.test(said!)) assert.match(meant!, word, english);
      for (const [word, idea] of RESERVED) if (word.test(meant!)) assert.match(said!, idea, text);
    }
  });

  it("what varies most with its number never stands behind a bare one: times, steps, tokens, time", () => {
    for (const { english, russian: text } of all())
      assert.doesNotMatch(
        text,
        /\{\d+\} (раза?(?!\p{L})|шаг|токенов(?!\/с)|секунд|минут|час[аов ])/u,
        english,
      );
  });

  it("a count has forms only where they are filled in, by `say` or on a page, and three of them", () => {
    for (const text of texts)
      if (!said.has(text) && !ofPages.has(text)) assert.deepEqual(forms(russian[text]!), [], text);
    for (const text of [...ofPages, ...native.keys()])
      for (const three of forms(russian[text]!)) assert.equal(three.length, 3, text);
  });
});
