import assert from "node:assert/strict";
import {
  counted,
  decimals,
  grouped,
  inflected,
  inQuotes,
  languageName,
  say,
  speak,
  spokenLanguage,
} from "../../../src/core/say";

const sentence = (count: number, name: string) =>
  say`${counted(count, "text is", "texts are")} left in ${name}; mend ${inflected(count, "it", "them")}.`;
const KEY = "{0:text is|texts are} left in {1}; mend {2/it|them}.";

describe("a sentence", () => {
  afterEach(() => speak(null));

  it("is English as it stands where no other language is spoken", () => {
    assert.equal(sentence(1, "a"), "1 text is left in a; mend it.");
    assert.equal(sentence(2000, "{0}"), "2,000 texts are left in {0}; mend them.");
    assert.equal(say`0.5 and ${0.25}`, "0.5 and 0.25");
  });

  it("takes the order and the forms of another language", () => {
    const russian = "В {1} {0:остался|осталось|осталось} {0/текст|текста|текстов}; исправьте {2/его|их|их}.";
    speak({
      language: "ru",
      texts: { [KEY]: russian, "half: {0}": "половина: {0}", "{0:hour|hours}": "{0:час|часа|часов}" },
    });
    const form = (count: number) => /осталось|остался/.exec(sentence(count, "a"))![0];
    assert.equal(sentence(1, "a"), "В a 1 остался текст; исправьте его.");
    assert.equal(sentence(22, "a"), "В a 22 осталось текста; исправьте их.");
    assert.equal(sentence(111, "a"), "В a 111 осталось текстов; исправьте их.");
    assert.equal(form(21), "остался");
    assert.equal(say`half: ${0.5}`, "половина: 0,5");
    assert.equal(say`${counted(3.5, "hour", "hours")}`, "3,5 часа");
  });

  it("may take forms where English has none: of a number, or of one in a text", () => {
    const [after, of] = ["after {0} steps", "{0} of them"];
    speak({
      language: "ru",
      texts: { [after]: "после {0:шага|шагов|шагов}", [of]: "{0/него|них|них}: {0}" },
    });
    assert.equal(say`after ${21} steps`, "после 21 шага");
    assert.equal(say`after ${12345} steps`, "после 12345 шагов");
    assert.equal(say`after ${"1"} steps`, "после 1 шага");
    assert.equal(say`${5} of them`, "них: 5");
  });

  it("has figures and names as its language writes them", () => {
    const said = () => say`${inQuotes('a "b"\n')}: ${decimals(0.25, 1)}, ${decimals(3, 2)}, ${decimals(0.3)}`;
    assert.equal(said(), '"a \\"b\\"\\n": 0.3, 3.00, 0.3');
    assert.equal(languageName("pl"), "Polish");
    speak({ language: "ru", texts: { '"{0}"': "«{0}»" } });
    assert.equal(languageName("pl"), "польский");
    assert.equal(said(), '«a \\"b\\"\\n»: 0,3, 3,00, 0,3');
  });

  it("has counts as its language groups them, the one that it is said in, whatever the machine's", () => {
    const said = () => [spokenLanguage(), grouped(1234567), say`${counted(2000, "text", "texts")}`];
    assert.deepEqual(said(), ["en", "1,234,567", "2,000 texts"]);
    speak({ language: "ru", texts: { "{0:text|texts}": "{0:текст|текста|текстов}" } });
    assert.deepEqual(said(), ["ru", "1\u00a0234\u00a0567", "2\u00a0000 текстов"]);
  });

  it("leaves alone what looks like a place in what it is filled with", () => {
    speak({ language: "ru", texts: { "found {0} in {1}": "в {1} найдено {0}" } });
    assert.equal(say`found ${"{1}"} in ${"$&"}`, "в $& найдено {1}");
  });

  it("is English where the other language lacks it", () => {
    speak({ language: "ru", texts: {} });
    assert.equal(sentence(2000, "b"), "2,000 texts are left in b; mend them.");
    assert.equal(say`line ${12345}`, "line 12345");
  });
});
