import assert from "node:assert/strict";
import type { TextTokenizer } from "../../src/core/model";
import { needPublicData } from "../public-data";
import { defaultTokenizer, digestOf, publicTexts, recordedTokens } from "../recorded-tokens";

describe("tokenizer of the default model, on all public data", function () {
  this.timeout(300_000);
  let tokenizer: TextTokenizer;
  before(async function () {
    tokenizer = await defaultTokenizer(this);
  });

  for (const [task, digest] of Object.entries(recordedTokens().publicData)) {
    it(`gives all texts of ${task} the ids of the reference implementation`, async function () {
      assert.equal(digestOf(tokenizer, await publicTexts(needPublicData(this, task))), digest);
    });
  }
});
