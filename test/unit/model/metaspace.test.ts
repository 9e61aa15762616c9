import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { TextTokenizer } from "../../../src/core/model";
import { checkPairs } from "../../../src/core/model/byte-pairs";
import { openHuggingFaceTokenizer } from "../../../src/core/model/huggingface-tokenizer";
import { createMetaspaceTokenizer } from "../../../src/core/model/metaspace-tokenizer";
import { RankedMerges } from "../../../src/core/model/ranked-merge";
import { needPublicData } from "../../public-data";
import { digestOf, publicTexts, recordedTokens, type RecordedCases } from "../../recorded-tokens";

type Json = Record<string, unknown> & { model: Record<string, unknown> };
/** What test/fixtures/metaspace_reference.py recorded. */
const recorded = JSON.parse(
  readFileSync(path.join(__dirname, "..", "..", "fixtures", "metaspace.json"), "utf8"),
) as {
  texts: string[];
  base: Json;
  forms: Record<
    string,
    RecordedCases & { changes: Json; decoded: string[]; publicData: Record<string, string> }
  >;
};
const changed = ({ model, ...rest }: Partial<Json>): Json => ({
  ...recorded.base,
  ...rest,
  model: { ...recorded.base.model, ...model },
});

describe("tokenizer.json of SentencePiece's kind", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "plumb-metaspace-"));
  });
  after(() => rm(folder, { recursive: true }));

  const open = async (json: Json): Promise<TextTokenizer> => {
    await writeFile(path.join(folder, "tokenizer.json"), JSON.stringify(json));
    await writeFile(path.join(folder, "tokenizer_config.json"), JSON.stringify({ eos_token: "</s>" }));
    const { words, file } = await openHuggingFaceTokenizer(folder, null);
    assert.ok("spaces" in words);
    checkPairs(words, words.vocabulary.size + words.found.length, file);
    return createMetaspaceTokenizer(words, file);
  };

  for (const [name, { changes, awkward, decoded, long, publicData }] of Object.entries(recorded.forms)) {
    describe(name, () => {
      let tokenizer: TextTokenizer;
      before(async () => {
        tokenizer = await open(changed(changes));
      });

      it("gives awkward texts the ids of the reference implementation", () => {
        recorded.texts.forEach((text, i) => {
          assert.deepEqual(tokenizer.encode(text), awkward[i], JSON.stringify(text));
        });
        recordedTokens().longTexts.forEach(([text, times], i) => {
          const what = `${JSON.stringify(text)}, ${times} times`;
          assert.equal(digestOf(tokenizer, [text.repeat(times)]), long[i], what);
        });
      });

      it("makes of ids the texts of the reference implementation", () => {
        awkward.forEach((ids, i) => {
          assert.equal(tokenizer.decode(ids), decoded[i], JSON.stringify(recorded.texts[i]));
        });
        assert.deepEqual([tokenizer.bos, tokenizer.endOfText], [1, 2]);
      });

      for (const [task, digest] of Object.entries(publicData)) {
        it(`gives all texts of ${task} the ids of the reference implementation`, async function () {
          this.timeout(120_000);
          assert.equal(digestOf(tokenizer, await publicTexts(needPublicData(this, task))), digest);
        });
      }
    });
  }

  const pattern = (text: string) => ({ pattern: { String: text } });
  const refused: [string, Partial<Json>, RegExp][] = [
    ["a normalizer by a table", { normalizer: { type: "Precompiled" } }, /the normalizer "Precompiled"/],
    [
      "a replacement by pattern",
      { normalizer: { type: "Replace", pattern: { Regex: " {2,}" }, content: " " } },
      /the normalizer "Replace"/,
    ],
    [
      "a sequence of normalizers without any",
      { normalizer: { type: "Sequence" } },
      /"normalizer" is a sequence without its steps/,
    ],
    [
      "another sign for the space",
      { pre_tokenizer: { type: "Metaspace", replacement: "_" } },
      /the pre-tokenizer "Metaspace"/,
    ],
    [
      "a cut at spaces that are still there",
      { normalizer: null, pre_tokenizer: { type: "Split", ...pattern(" "), behavior: "MergedWithPrevious" } },
      /the pre-tokenizer "Split"/,
    ],
    [
      "several cuts",
      {
        pre_tokenizer: {
          type: "Sequence",
          pretokenizers: [{ type: "Metaspace" }, { type: "Digits" }],
        },
      },
      /a sequence of pre-tokenizers/,
    ],
    [
      "an unknown place of the space",
      { pre_tokenizer: { type: "Metaspace", prepend_scheme: "last" } },
      /"pre_tokenizer\.prepend_scheme" is "last"/,
    ],
    ["a decoder of another kind", { decoder: { type: "WordPiece" } }, /the decoder "WordPiece"/],
    [
      "a decoder that takes more away",
      { decoder: { type: "Strip", content: " ", start: 2, stop: 0 } },
      /a "Strip" of other than one space/,
    ],
    [
      "a decoder that replaces something else",
      { decoder: { type: "Replace", ...pattern("_"), content: " " } },
      /a decoder that replaces "_"/,
    ],
    [
      "an added token that takes spaces",
      { added_tokens: [{ id: 420, content: "<x>", lstrip: true }] },
      /"added_tokens\[0\]\.lstrip" is not supported yet/,
    ],
    [
      "Unigram",
      { model: { type: "Unigram" } },
      /type "Unigram" is not supported yet; .*SentencePiece's kind/,
    ],
  ];
  for (const [name, change, message] of refused) {
    it(`is refused with what was found: ${name}`, async () => {
      await assert.rejects(open(changed(change)), { name: "PlumbError", message });
    });
  }
});

describe("merges by rank", () => {
  it("take the lowest rank first, of equals the leftmost, and what they make merges on", () => {
    const merges = new RankedMerges(Int32Array.of(1, 2, 3, 0, 1, 4, 3, 3, 5));
    assert.deepEqual(merges.merge([0, 1, 2]), [0, 3]);
    assert.deepEqual(merges.merge([0, 1, 1]), [4, 1]);
    assert.deepEqual(merges.merge([1, 2, 1, 2, 1, 2]), [5, 3]);
    assert.deepEqual(merges.merge([]), []);
  });

  it("find each of many pairs, and of two merges of the same pair take the later", () => {
    const pairs = Array.from({ length: 5000 }, (_, i) => [(i * 7919) % 71, (i * 104_729) % 127_000, i]);
    const merges = new RankedMerges(Int32Array.from(pairs.flat()));
    const expected = new Map(pairs.map(([left, right, id]) => [`${left} ${right}`, id]));
    for (const [left, right] of pairs) {
      assert.deepEqual(merges.merge([left!, right!]), [expected.get(`${left} ${right}`)]);
      if (!expected.has(`${right} ${left}`)) assert.deepEqual(merges.merge([right!, left!]), [right, left]);
    }
    assert.deepEqual(new RankedMerges(new Int32Array()).merge([1, 2]), [1, 2]);
    const twice = new RankedMerges(Int32Array.of(0, 1, 3, 1, 2, 4, 0, 1, 5));
    assert.deepEqual(twice.merge([0, 1, 2]), [0, 4]);
  });
});
