import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { Stop } from "../../scripts/lib/process.mjs";
import { fetchPublishedPieces, publishedPieces } from "../../scripts/lib/published-pieces.mjs";
import type { TextTokenizer } from "../../src/core/model";
import { createPieceTokenizer } from "../../src/core/model/piece-tokenizer";
import { checkPieces } from "../../src/core/model/pieces";
import { readSentencePieceModel } from "../../src/core/model/sentencepiece-model";
import { needPublicData } from "../public-data";
import { digestOf, publicTexts, recordedTokens, type RecordedCases } from "../recorded-tokens";

/** What test/fixtures/published_pieces_reference.py recorded. */
const recorded = JSON.parse(
  readFileSync(path.join(__dirname, "..", "fixtures", "published-pieces.json"), "utf8"),
) as Record<string, RecordedCases & { readonly publicData: Readonly<Record<string, string>> }>;
const { texts, longTexts } = recordedTokens();

for (const [name, fileName] of Object.entries(publishedPieces)) {
  describe(`the published tokenizer.model of ${name}`, function () {
    this.timeout(300_000);
    let tokenizer: TextTokenizer;
    before(async function () {
      const folder = await fetchPublishedPieces().catch((error: unknown) => {
        if (!(error instanceof Stop)) throw error;
        console.log(`      skipped: it cannot be fetched (${error.message})`);
        return null;
      });
      if (folder === null) return this.skip();
      const file = path.join(folder, fileName);
      const words = readSentencePieceModel(await readFile(file), file);
      checkPieces(words, words.pieces.length, file);
      tokenizer = createPieceTokenizer(words, file);
    });

    it("puts the beginning token in front, and knows its end", () => {
      assert.equal(tokenizer.bos, 1);
      assert.equal(tokenizer.decode([tokenizer.endOfText]), "</s>");
    });

    it("gives awkward texts the ids of sentencepiece", () => {
      const { awkward, long } = recorded[name]!;
      texts.forEach((text, i) => {
        assert.deepEqual(tokenizer.encode(text), awkward[i], JSON.stringify(text));
      });
      longTexts.forEach(([text, times], i) => {
        const what = `${JSON.stringify(text)}, ${times} times`;
        assert.equal(digestOf(tokenizer, [text.repeat(times)]), long[i], what);
      });
    });

    for (const [task, digest] of Object.entries(recorded[name]!.publicData)) {
      it(`gives all texts of ${task} the ids of sentencepiece`, async function () {
        assert.equal(digestOf(tokenizer, await publicTexts(needPublicData(this, task))), digest);
      });
    }
  });
}
