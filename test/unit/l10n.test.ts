import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { sentences, unsaid } from "../core-sentences";
import { localized } from "../label-words";

const root = path.resolve(__dirname, "../..");
const read = (name: string) =>
  JSON.parse(readFileSync(path.join(root, name), "utf8")) as Record<string, string>;
/** The places that a text fills; in whatever order and number, since another language may say a count once more. */
const places = (text: string) => [...new Set([...text.matchAll(/\{(\d+)/g)].map((match) => match[1]))].sort();
/** Forms of counted words, as `say` names them. */
const forms = (text: string) =>
  [...text.matchAll(/\{\d+[:/]([^}]*)\}/g)].map((match) => match[1]!.split("|"));

describe("texts in two languages", () => {
  const sources = readdirSync(path.join(root, "src/host"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => path.join(root, "src/host", name));
  const texts = new Set(
    [...sources, path.join(root, "src/extension.ts")].flatMap(localized).map(({ text }) => text),
  );
  const said = new Map(sentences().map(({ text, place }) => [text, place]));
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

  it("no sentence of the core goes past what says it in the user's language", () => {
    assert.deepEqual(unsaid(), []);
  });

  it("no Russian text is left over", () => {
    for (const text of Object.keys(russian))
      assert.ok(texts.has(text) || said.has(text), `not used any more: ${text}`);
  });

  it("every text of the manifest stands in both languages, and none is left over", () => {
    const manifest = readFileSync(path.join(root, "package.json"), "utf8");
    const used = [...manifest.matchAll(/"%([\w.]+)%"/g)].map((match) => match[1]).sort();
    for (const name of ["package.nls.json", "package.nls.ru.json"]) {
      assert.deepEqual(Object.keys(read(name)).sort(), [...new Set(used)], name);
    }
  });
});
