import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { Stop } from "../../scripts/lib/process.mjs";
import { fetchVocabulary, vocabularyNames } from "../../scripts/lib/vocabularies.mjs";
import type { TextTokenizer } from "../../src/core/model";
import type { BytePairs } from "../../src/core/model/byte-pairs";
import type { MetadataValue } from "../../src/core/model/gguf";
import { openGgufTokenizer } from "../../src/core/model/gguf-tokenizer";
import { openHuggingFaceTokenizer } from "../../src/core/model/huggingface-tokenizer";
import { Metadata } from "../../src/core/model/metadata";
import { createTokenizer } from "../../src/core/model/tokenizer";
import { needPublicData } from "../public-data";
import { digestOf, publicTexts, recordedTokens, type RecordedCases } from "../recorded-tokens";

type Recorded = RecordedCases & { readonly publicData: Readonly<Record<string, string>> };

/** What test/fixtures/vocabularies_reference.py recorded. */
const recorded = JSON.parse(
  readFileSync(path.join(__dirname, "..", "fixtures", "vocabularies.json"), "utf8"),
) as Record<string, Recorded>;
const { texts, longTexts } = recordedTokens();

/**
 * The name in GGUF, which token is put in front (null: none), and which is the end. The tokenizer.json of Llama 3 that the package
 * holds has no template: transformers puts nothing in front with it. GGUF names the kind, and that kind has one.
 */
const FACTS = {
  llama3: { pre: "llama-bpe", bos: null, bosInGguf: 128_000, end: "<|end_of_text|>" },
  llama3_2: { pre: "llama-bpe", bos: 128_000, bosInGguf: 128_000, end: "<|eot_id|>" },
  qwen2_5: { pre: "qwen2", bos: null, bosInGguf: null, end: "<|im_end|>" },
  qwen3: { pre: "qwen2", bos: null, bosInGguf: null, end: "<|im_end|>" },
};

for (const name of vocabularyNames) {
  describe(`the vocabulary of ${name}`, function () {
    this.timeout(300_000);
    let words: BytePairs;
    let tokenizer: TextTokenizer;
    before(async function () {
      const folder = await fetchVocabulary(name).catch((error: unknown) => {
        if (!(error instanceof Stop)) throw error;
        console.log(`      skipped: the vocabulary cannot be fetched (${error.message})`);
        return null;
      });
      if (folder === null) return this.skip();
      const opened = await openHuggingFaceTokenizer(folder, null);
      assert.ok("splits" in opened.words);
      words = opened.words;
      tokenizer = createTokenizer(words, opened.file);
    });

    it("gives awkward texts the ids of the reference implementation", () => {
      agrees(tokenizer, recorded[name]!);
    });

    it("gives them the same ids where GGUF holds it", () => {
      agrees(createTokenizer(inGguf(words, FACTS[name].pre), "a.gguf"), recorded[name]!);
    });

    it("puts in front what the model's own tokenizer does, and knows its end", () => {
      assert.equal(tokenizer.bos, FACTS[name].bos);
      assert.equal(tokenizer.decode([tokenizer.endOfText]), FACTS[name].end);
      assert.equal(inGguf(words, FACTS[name].pre).bos, FACTS[name].bosInGguf);
    });

    for (const [task, digest] of Object.entries(recorded[name]!.publicData)) {
      it(`gives all texts of ${task} the ids of the reference implementation`, async function () {
        assert.equal(digestOf(tokenizer, await publicTexts(needPublicData(this, task))), digest);
      });
    }
  });
}

function agrees(tokenizer: TextTokenizer, { awkward, long }: RecordedCases): void {
  texts.forEach((text, i) => {
    assert.deepEqual(tokenizer.encode(text), awkward[i], JSON.stringify(text));
  });
  longTexts.forEach(([text, times], i) => {
    assert.equal(
      digestOf(tokenizer, [text.repeat(times)]),
      long[i],
      `${JSON.stringify(text)}, ${times} times`,
    );
  });
}

/** As llama.cpp's converter writes it: only the kind has a name, cuts and normal form are left to the reader. */
function inGguf({ vocabulary, merges, addedTokens, endOfText }: BytePairs, pre: string): BytePairs {
  const tokens: string[] = [];
  for (const [token, id] of vocabulary) tokens[id] = token;
  const types = Array.from({ length: tokens.length }, () => 1);
  for (const { id, content, special } of addedTokens) {
    tokens[id] = content;
    types[id] = special ? 3 : 4;
  }
  const metadata = new Map<string, MetadataValue>([
    ["tokenizer.ggml.model", "gpt2"],
    ["tokenizer.ggml.pre", pre],
    ["tokenizer.ggml.tokens", tokens],
    ["tokenizer.ggml.token_type", types],
    ["tokenizer.ggml.merges", merges.map((pair) => pair.join(" "))],
    ["tokenizer.ggml.bos_token_id", 128_000],
    ["tokenizer.ggml.eos_token_id", endOfText],
  ]);
  const words = openGgufTokenizer(new Metadata(metadata, "a.gguf"));
  assert.ok("splits" in words);
  return words;
}
