import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { PlumbError } from "../../../src/core/errors";
import { speak } from "../../../src/core/say";
import { sentenceOf, spokenReason, systemReason } from "../../../src/core/system-error";

const texts = JSON.parse(
  readFileSync(path.resolve(__dirname, "../../../l10n/bundle.l10n.ru.json"), "utf8"),
) as Record<string, string>;

describe("what the system refuses", () => {
  afterEach(() => speak(null));

  it("is a sentence with the file, in the language of the process", async () => {
    const error = await readFile("/nowhere/a.json").catch((refused: unknown) => refused);
    assert.equal(sentenceOf(error), "The system refuses /nowhere/a.json: there is no such file or folder.");
    speak({ language: "ru", texts });
    assert.equal(sentenceOf(error), "Система отказывает, /nowhere/a.json: такого файла или папки нет.");
    assert.equal(systemReason(error), "такого файла или папки нет");
  });

  it("is known by its code, by what a C library says, and else in its own words", () => {
    assert.equal(
      systemReason(Object.assign(new Error("ENOSPC: …, write"), { code: "ENOSPC" })),
      "no space is left on the disk",
    );
    assert.equal(spokenReason("Permission denied"), "no permission");
    assert.equal(spokenReason("unspecified launch failure"), null);
    assert.equal(sentenceOf(Object.assign(new Error("odd"), { code: "EODD" })), "odd");
    assert.equal(sentenceOf(new PlumbError("ENOENT-like", "A sentence.")), "A sentence.");
    assert.equal(sentenceOf("thrown"), "thrown");
  });
});
