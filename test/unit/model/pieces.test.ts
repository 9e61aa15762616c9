import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { createPieceTokenizer } from "../../../src/core/model/piece-tokenizer";
import { checkPieces, PIECE, type Pieces } from "../../../src/core/model/pieces";
import { readSentencePieceModel } from "../../../src/core/model/sentencepiece-model";
import { needPublicData } from "../../public-data";
import { digestOf, publicTexts, recordedTokens, type RecordedCases } from "../../recorded-tokens";

const FIXTURES = path.join(__dirname, "..", "..", "fixtures");
const recorded = JSON.parse(readFileSync(path.join(FIXTURES, "pieces.json"), "utf8")) as {
  texts: string[];
  kinds: Record<string, RecordedCases & { publicData: Record<string, string> }>;
};
const fileOf = (name: string) => path.join(FIXTURES, "pieces", `${name}.model`);
const read = (name: string) => readSentencePieceModel(readFileSync(fileOf(name)), fileOf(name));

for (const [name, cases] of Object.entries(recorded.kinds)) {
  describe(`SentencePiece, ${name}`, () => {
    const model = read(name);
    const tokenizer = createPieceTokenizer(model, fileOf(name));

    it("passes the checks of a tokenizer of a model of its size, and of no other", () => {
      checkPieces(model, model.pieces.length, "x");
      assert.throws(() => checkPieces(model, model.pieces.length - 1, "x"), /belongs to another model/);
      assert.throws(() => checkPieces(model, model.pieces.length * 2, "x"), /belongs to another model/);
    });

    it("gives awkward texts the ids of the reference implementation", () => {
      recorded.texts.forEach((text, i) => {
        assert.deepEqual(tokenizer.encode(text), cases.awkward[i], JSON.stringify(text));
      });
      recordedTokens().longTexts.forEach(([text, times], i) => {
        const what = `${JSON.stringify(text)}, ${times} times`;
        assert.equal(digestOf(tokenizer, [text.repeat(times)]), cases.long[i], what);
      });
    });

    for (const [task, digest] of Object.entries(cases.publicData)) {
      it(`gives all texts of ${task} the ids of the reference implementation`, async function () {
        this.timeout(120_000);
        assert.equal(digestOf(tokenizer, await publicTexts(needPublicData(this, task))), digest);
      });
    }
  });
}

describe("SentencePiece models", () => {
  it("cut words far into a text as at its beginning, though 32 bits hold the sum of all scores", () => {
    const piece = (text: string, score: number, kind: number = PIECE.normal) => ({ text, score, kind });
    const tokenizer = createPieceTokenizer(
      {
        algorithm: "unigram",
        // "a" and "b" together are worth a thousandth more than "ab", less than 32 bits can add to a hundred thousand.
        pieces: [
          piece("<unk>", 0, PIECE.unknown),
          piece("x", -100_001),
          piece("a", -1),
          piece("b", -1),
          piece("ab", -2.001),
        ],
        byteFallback: false,
        charsMap: null,
        addDummyPrefix: false,
        removeExtraWhitespaces: false,
        bos: null,
        endOfText: 0,
      },
      "x",
    );
    assert.deepEqual(tokenizer.encode("ab"), [2, 3]);
    assert.deepEqual(tokenizer.encode("xxxab"), [1, 1, 1, 2, 3]);
  });

  it("leave control tokens inside a text text, and write them out as what they are", () => {
    const tokenizer = createPieceTokenizer(read("bpe"), "x");
    const ids = tokenizer.encode("no</s> and <s>");
    assert.ok(!ids.includes(1) && !ids.includes(2));
    assert.equal(tokenizer.decode(ids), "no</s> and <s>");
    assert.equal(tokenizer.decode([1, ...ids, 2]), "<s>no</s> and <s></s>");
    assert.deepEqual([tokenizer.bos, tokenizer.endOfText], [1, 2]);
  });

  it("write no space at the beginning where runs of spaces are one, and else all but the one put there", () => {
    const written = (name: string) => {
      const model = read(name);
      const space = model.pieces.findIndex(({ text }) => text === "\u2581");
      const letter = model.pieces.findIndex(({ text }) => text === "a");
      return createPieceTokenizer(model, "x").decode([space, space, letter, space, space, letter]);
    };
    assert.equal(written("bpe-nfkc"), "a  a");
    assert.equal(written("bpe"), " a  a");
  });

  it("decode what they encode where nothing is normalised", () => {
    const tokenizer = createPieceTokenizer(read("bpe"), "x");
    for (const text of recorded.texts) {
      if (text.includes("\u2581")) continue;
      assert.equal(tokenizer.decode(tokenizer.encode(text)), text.replace(/\p{Surrogate}/gu, "\uFFFD"));
    }
  });

  it("are refused where they are cut short, at every byte, or read as a smaller model", () => {
    const bytes = readFileSync(fileOf("bpe"));
    let refused = 0;
    for (let end = 0; end < bytes.length; end += 7) {
      try {
        checkPieces(readSentencePieceModel(bytes.subarray(0, end), "cut.model"), 420, "cut.model");
      } catch (error) {
        assert.ok(error instanceof Error && error.name === "PlumbError", String(error));
        assert.ok(error.message.startsWith("cut.model: "), error.message);
        ++refused;
      }
    }
    assert.ok(refused > 100, String(refused));
  });

  const normal = (text: string) => ({ text, score: 0, kind: PIECE.normal });
  const sound: Pieces = {
    algorithm: "bpe",
    pieces: [{ text: "<unk>", score: 0, kind: PIECE.unknown }, normal("a"), normal("b")],
    byteFallback: false,
    charsMap: null,
    addDummyPrefix: true,
    removeExtraWhitespaces: false,
    bos: null,
    endOfText: 1,
  };
  const wrong: [string, Partial<Pieces>, RegExp][] = [
    [
      "a piece twice",
      { pieces: [sound.pieces[0]!, normal("a"), normal("a")] },
      /tokens 1 and 2 are both "a"/,
    ],
    ["an empty piece", { pieces: [sound.pieces[0]!, normal("a"), normal("")] }, /token 2 is empty/],
    ["nothing unknown", { pieces: ["a", "b", "c"].map(normal) }, /0 tokens stand for what is unknown/],
    ["bytes without tokens", { byteFallback: true }, /0 of the 256 bytes have a token/],
    ["an end that is none", { endOfText: 3 }, /the end token 3 is no token/],
    ["a beginning that is none", { bos: -5 }, /the beginning token -5 is no token/],
    [
      "a score that is none",
      { pieces: [sound.pieces[0]!, normal("a"), { ...normal("b"), score: NaN }] },
      /"b", has the score NaN/,
    ],
    [
      "a byte that names none",
      { pieces: [sound.pieces[0]!, normal("a"), { ...normal("b"), kind: PIECE.byte }] },
      /"b", is called a byte/,
    ],
    [
      "an unknown kind",
      { pieces: [sound.pieces[0]!, normal("a"), { ...normal("b"), kind: 9 }] },
      /of the kind 9, which is not known/,
    ],
  ];
  for (const [name, change, message] of wrong) {
    it(`are refused with what was found: ${name}`, () => {
      checkPieces(sound, 3, "x");
      assert.throws(() => checkPieces({ ...sound, ...change }, 3, "x"), { name: "PlumbError", message });
    });
  }

  it("are refused where the table of replacements does not fit", () => {
    for (const charsMap of [Buffer.of(1), Buffer.alloc(8, 255), Buffer.alloc(16)]) {
      assert.throws(() => createPieceTokenizer({ ...sound, charsMap }, "x"), {
        name: "PlumbError",
        message: /x: "precompiled_charsmap" of \d+ bytes has a trie of \d+ bytes/,
      });
    }
  });
});
