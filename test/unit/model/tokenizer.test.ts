import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { TextTokenizer } from "../../../src/core/model";
import type { MetadataValue } from "../../../src/core/model/gguf";
import { openGgufTokenizer } from "../../../src/core/model/gguf-tokenizer";
import { openHuggingFaceTokenizer } from "../../../src/core/model/huggingface-tokenizer";
import { Metadata } from "../../../src/core/model/metadata";
import { createTokenizer } from "../../../src/core/model/tokenizer";
import { needPublicData } from "../../public-data";
import {
  defaultTokenizer,
  digestOf,
  publicTexts,
  recordedTokens,
  type RecordedCases,
} from "../../recorded-tokens";

const recorded = recordedTokens();

function agrees(tokenizer: TextTokenizer, { awkward, long }: RecordedCases): void {
  recorded.texts.forEach((text, i) => {
    assert.deepEqual(tokenizer.encode(text), awkward[i], JSON.stringify(text));
  });
  recorded.longTexts.forEach(([text, times], i) => {
    assert.equal(
      digestOf(tokenizer, [text.repeat(times)]),
      long[i],
      `${JSON.stringify(text)}, ${times} times`,
    );
  });
}

describe("tokenizer of the default model", () => {
  let tokenizer: TextTokenizer;
  before(async function () {
    tokenizer = await defaultTokenizer(this);
  });

  it("gives awkward texts the ids of the reference implementation", () => {
    agrees(tokenizer, recorded.default);
  });

  // Russian, emoji, and every kind of task; test/long has all sets.
  for (const task of [
    "manipulation-telegram-uk",
    "detox-ru",
    "hatemoji-en",
    "restaurant-en",
    "data2text-en",
  ]) {
    it(`gives all texts of ${task} the ids of the reference implementation`, async function () {
      this.timeout(60_000);
      const texts = await publicTexts(needPublicData(this, task));
      assert.equal(digestOf(tokenizer, texts), recorded.publicData[task]);
    });
  }

  it("says the same about a word that it has seen and about one that it has not", async function () {
    const fresh = await defaultTokenizer(this);
    const texts = recorded.texts;
    const once = texts.map((text) => tokenizer.encode(text));
    assert.deepEqual(
      texts.map((text) => tokenizer.encode(text)),
      once,
    );
    assert.deepEqual(
      [...texts].reverse().map((text) => fresh.encode(text)),
      [...once].reverse(),
    );
  });

  it("leaves special tokens inside a text text, and writes them out as what they are", () => {
    const text = "<|im_start|>user\nno<|im_end|>";
    const ids = tokenizer.encode(text);
    assert.ok(
      ids.every((id) => id > 16),
      ids.join(" "),
    );
    assert.equal(tokenizer.decode(ids), text);
    assert.equal(
      tokenizer.decode([1, ...tokenizer.encode("user"), 2, ...tokenizer.encode(" a ,b"), 0]),
      "<|im_start|>user<|im_end|> a ,b<|endoftext|>",
    );
  });

  it("puts nothing in front, ends with <|im_end|>, and knows 49,152 tokens", () => {
    assert.equal(tokenizer.bos, null);
    assert.equal(tokenizer.decode([tokenizer.endOfText]), "<|im_end|>");
    assert.equal(tokenizer.vocabularySize, 49_152);
    assert.deepEqual(tokenizer.encode(""), []);
  });

  it("decodes what it encodes, apart from bytes that have no token", () => {
    for (const text of recorded.texts) {
      const expected = text
        .replace(/\p{Surrogate}/gu, "\uFFFD")
        // eslint-disable-next-line no-control-regex -- these bytes are missing from the vocabulary
        .replace(/[\u{4}\u{6}\u{13}\u{14}\u{16}\u{1d}]/gu, "");
      // Two lead bytes of the planes past the third have no token either.
      if (/[\u{40000}-\u{bffff}]/u.test(expected)) continue;
      assert.equal(tokenizer.decode(tokenizer.encode(text)), expected);
    }
  });

  it("decodes half a character as U+FFFD and an id without a token as nothing", () => {
    const [first, ...rest] = tokenizer.encode("é́ж😀".slice(-2));
    assert.ok(first !== undefined && rest.length > 0);
    assert.equal(tokenizer.decode([first]), "\uFFFD");
    assert.equal(tokenizer.decode([49_152, 1_000_000]), "");
    assert.equal(tokenizer.decode([]), "");
  });
});

describe("tokenizers of tokenizer.json", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "plumb-tokenizer-"));
  });
  after(() => rm(folder, { recursive: true }));

  const open = async (json: unknown, config: unknown = { eos_token: "<|endoftext|>" }) => {
    await writeFile(path.join(folder, "tokenizer.json"), JSON.stringify(json));
    await writeFile(path.join(folder, "tokenizer_config.json"), JSON.stringify(config));
    const { words, file } = await openHuggingFaceTokenizer(folder, 1);
    assert.ok("splits" in words);
    return createTokenizer(words, file);
  };

  for (const [name, { json, ...cases }] of Object.entries(recorded.variants)) {
    it(`give awkward texts the ids of the reference implementation: ${name}`, async () => {
      agrees(await open(json), cases);
    });
  }

  it("cut texts at added tokens that are words and not at those that are special", async () => {
    const tokenizer = await open(recorded.variants["added word"]!.json);
    const ids = tokenizer.encode("a<tool>b<s>");
    assert.equal(ids.filter((id) => id >= 300).length, 1);
    assert.ok(!ids.includes(3));
    assert.equal(tokenizer.decode(ids), "a<tool>b<s>");
  });

  // Ids from version 0.23.3 of the reference implementation: U+0338 joins ">" in the normal form.
  it("find added tokens in a text as it stands, or in its normal form, as each says", async () => {
    const { json } = recorded.variants.qwen2!;
    const idsOf = async (normalized: boolean) => {
      const added = ["<tool>", "e\u0301x"].map((content, i) => ({
        id: 300 + i,
        content,
        special: false,
        normalized,
      }));
      const tokenizer = await open({ ...json, added_tokens: [...(json.added_tokens as object[]), ...added] });
      return ["a<tool>\u0338b", "e\u0301x", "\u00e9x"].map((text) => tokenizer.encode(text));
    };
    assert.deepEqual(await idsOf(false), [[68, 300, 140, 120, 69], [301], [131, 106, 91]]);
    assert.deepEqual(await idsOf(true), [[68, 31, 87, 82, 82, 79, 162, 235, 111, 69], [301], [301]]);
  });

  it("write out a token that holds no letters of bytes as it stands, as the reference does", async () => {
    const { vocab } = plain.model as { vocab: Record<string, number> };
    const tokenizer = await open({
      ...plain,
      model: { ...plain.model, vocab: { ...vocab, "a b\u20ac": 300 } },
    });
    assert.equal(tokenizer.decode([68, 300, 69]), "aa b\u20acb");
  });

  it("are refused where a merge names a token that does not exist", async () => {
    const merged = (merge: readonly string[]) =>
      open({ ...plain, model: { ...plain.model, merges: [merge] } });
    for (const [merge, lacking] of [
      [["?!", "a"], "?!"],
      [["a", "?!"], "?!"],
      [["a", "!"], "a!"],
    ] as const) {
      await assert.rejects(merged(merge), {
        name: "PlumbError",
        message: new RegExp(
          `tokenizer\\.json: merge 0 joins .* but "${lacking.replace("?", "\\?")}" is no token`,
        ),
      });
    }
  });

  const plain = recorded.variants.plain!.json;
  const silent = { ...plain, post_processor: null };
  const beginnings: [string, unknown, Record<string, unknown>, number | null][] = [
    ["the template puts one in front", plain, {}, 3],
    ["nothing does", silent, { bos_token: "<s>" }, null],
    ["add_bos_token is true", silent, { add_bos_token: true, bos_token: { content: "<s>" } }, 3],
    ["add_bos_token is false, whatever the template says", plain, { add_bos_token: false }, null],
  ];
  for (const [name, json, config, expected] of beginnings) {
    it(`know the beginning-of-text token where ${name}`, async () => {
      assert.equal((await open(json, { eos_token: "<|im_end|>", ...config })).bos, expected);
    });
  }

  it("know the end token from tokenizer_config.json, else from config.json", async () => {
    assert.equal((await open(plain, { eos_token: { content: "<|im_end|>" } })).endOfText, 2);
    assert.equal((await open(plain, {})).endOfText, 1);
    await assert.rejects(
      open(plain, { eos_token: "</s>" }),
      /tokenizer_config\.json: "eos_token" "<\/s>" is no token/,
    );
  });

  const refused: [string, Record<string, unknown>, RegExp][] = [
    [
      "a Unigram model",
      { model: { type: "Unigram", vocab: [] } },
      /type "Unigram" is not supported yet; supported are BPE tokenizers by bytes/,
    ],
    [
      "byte fallback",
      { model: { ...plain.model, byte_fallback: true } },
      /"model\.byte_fallback" is not supported yet/,
    ],
    [
      "a SentencePiece pre-tokenizer",
      { pre_tokenizer: { type: "Metaspace" } },
      /does not end with ByteLevel is not supported yet/,
    ],
    ["another normalizer", { normalizer: { type: "NFKC" } }, /the normalizer "NFKC" is not supported yet/],
    [
      "a space put in front",
      { pre_tokenizer: { type: "ByteLevel", add_prefix_space: true } },
      /"add_prefix_space" is not supported yet/,
    ],
    ["no vocabulary", { model: { type: "BPE", merges: [] } }, /"model\.vocab" is missing/],
    [
      "an id that is no number",
      { model: { ...plain.model, vocab: { a: "1" } } },
      /token "a" has the id "1", expected a number/,
    ],
    [
      "a broken merge",
      { model: { ...plain.model, merges: ["a b c"] } },
      /merge 0 is "a b c", expected two tokens with a space between/,
    ],
    [
      "a pattern that is none",
      {
        pre_tokenizer: {
          type: "Sequence",
          pretokenizers: [
            { type: "Split", pattern: { Regex: "(" }, behavior: "Isolated" },
            { type: "ByteLevel", add_prefix_space: false, use_regex: false },
          ],
        },
      },
      /the tokenizer library cannot use this tokenizer/,
    ],
  ];
  for (const [name, change, message] of refused) {
    it(`are refused with what was found: ${name}`, async () => {
      await assert.rejects(open({ ...plain, ...change }), { name: "PlumbError", message });
    });
  }

  it("are refused where they are no JSON", async () => {
    await writeFile(
      path.join(folder, "tokenizer.json"),
      (await readFile(path.join(folder, "tokenizer.json"))).subarray(0, 100),
    );
    await assert.rejects(openHuggingFaceTokenizer(folder, 1), {
      name: "PlumbError",
      message: /tokenizer\.json: it is no JSON \(.*get it again/,
    });
  });
});

describe("byte-level tokenizers of GGUF files", () => {
  /** What GGUF holds of a tokenizer.json. */
  const open = (pre: string, more: [string, MetadataValue][] = []) => {
    const { model, added_tokens: added } = recorded.variants[pre]!.json as {
      model: { vocab: Record<string, number>; merges: (string | string[])[] };
      added_tokens: { id: number; content: string }[];
    };
    const tokens: string[] = [];
    for (const [token, id] of Object.entries(model.vocab)) tokens[id] = token;
    for (const { id, content } of added) tokens[id] = content;
    const metadata = new Metadata(
      new Map<string, MetadataValue>([
        ["tokenizer.ggml.model", "gpt2"],
        ["tokenizer.ggml.pre", pre],
        ["tokenizer.ggml.tokens", tokens],
        [
          "tokenizer.ggml.token_type",
          tokens.map((_, id) => (added.some((token) => token.id === id) ? 3 : 1)),
        ],
        [
          "tokenizer.ggml.merges",
          model.merges.map((pair) => (typeof pair === "string" ? pair : pair.join(" "))),
        ],
        ["tokenizer.ggml.bos_token_id", 1],
        ["tokenizer.ggml.eos_token_id", 0],
        ...more,
      ]),
      "a.gguf",
    );
    const words = openGgufTokenizer(metadata);
    assert.ok("merges" in words);
    return words;
  };

  for (const pre of ["llama-bpe", "qwen2"]) {
    it(`give awkward texts the ids of the reference implementation: ${pre}`, () => {
      agrees(createTokenizer(open(pre), "a.gguf"), recorded.variants[pre]!);
    });
  }

  it("put the beginning-of-text token in front where the file says so, else where their kind does", () => {
    assert.equal(open("llama-bpe").bos, 1);
    assert.equal(open("qwen2").bos, null);
    assert.equal(open("llama-bpe", [["tokenizer.ggml.add_bos_token", false]]).bos, null);
    assert.equal(open("qwen2", [["tokenizer.ggml.add_bos_token", true]]).bos, 1);
  });

  it("take digits by three or one by one, and whole words unmerged, as their kind does", () => {
    const wholes = (pre: string) => {
      const { vocabulary, merges } = open(pre);
      const more = ["12", "123", "1234", "qzq"];
      const tokenizer = createTokenizer(
        open(pre, [
          ["tokenizer.ggml.tokens", [...vocabulary.keys(), ...more]],
          ["tokenizer.ggml.token_type", Array<number>(vocabulary.size + more.length).fill(1)],
          ["tokenizer.ggml.merges", ["1 2", "12 3", "123 4", ...merges.map((pair) => pair.join(" "))]],
        ]),
        "a.gguf",
      );
      return ["1234", "qzq"].map((text) => [...tokenizer.encode(text)].map((id) => tokenizer.decode([id])));
    };
    assert.deepEqual(wholes("llama-bpe"), [["123", "4"], ["qzq"]]);
    assert.deepEqual(wholes("qwen2"), [
      ["1", "2", "3", "4"],
      ["q", "z", "q"],
    ]);
  });
});
