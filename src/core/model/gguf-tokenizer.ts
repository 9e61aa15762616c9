import type { Metadata } from "./metadata";
import { damaged, shown, unsupported } from "./problem";
import { PIECE, type Pieces } from "./pieces";
import { GPT2_SPLIT, notByteLevel, SINGLE_DIGITS, splitMerge, type BytePairs } from "./byte-pairs";

/** Numbers that GGUF gives to kinds of tokens. */
const CONTROL = 3;
const USER_DEFINED = 4;

/** How texts are cut, by the name in `tokenizer.ggml.pre`. */
const CUTS: ReadonlyMap<string, BytePairs["splits"]> = new Map([
  ["smollm", [SINGLE_DIGITS, GPT2_SPLIT]],
  ["gpt-2", [GPT2_SPLIT]],
]);

/** The tokenizer that the metadata of a GGUF file describes. @throws PlumbError naming the key. */
export function openGgufTokenizer(metadata: Metadata): BytePairs | Pieces {
  const { file } = metadata;
  const model = metadata.text("tokenizer.ggml.model");
  if (model === "llama") return piecesOf(metadata);
  if (model !== "gpt2") throw notByteLevel(file, `a tokenizer of the kind ${shown(model)}`);
  const pre = metadata.text("tokenizer.ggml.pre", null);
  const splits = CUTS.get(pre ?? "");
  if (splits === undefined) {
    throw unsupported(
      file,
      `metadata "tokenizer.ggml.pre" is ${pre === null ? "missing" : shown(pre)}; supported are ${[...CUTS.keys()].join(", ")}.`,
    );
  }
  const tokens = metadata.texts("tokenizer.ggml.tokens");
  const types = metadata.numbers("tokenizer.ggml.token_type");
  if (types.length !== tokens.length) {
    throw damaged(file, `it has ${tokens.length} tokens, but the types of ${types.length}`);
  }
  const vocabulary = new Map<string, number>();
  tokens.forEach((token, id) => {
    const before = vocabulary.get(token);
    if (before !== undefined) throw damaged(file, `the tokens ${before} and ${id} are both ${shown(token)}`);
    vocabulary.set(token, id);
  });
  return {
    vocabulary,
    merges: metadata.texts("tokenizer.ggml.merges").map((merge, i) => splitMerge(merge, i, file)),
    ignoreMerges: false,
    unknown: null,
    normalForm: null,
    splits,
    addedTokens: tokens.flatMap((content, id) =>
      types[id] === CONTROL || types[id] === USER_DEFINED
        ? [{ id, content, special: types[id] === CONTROL }]
        : [],
    ),
    bos: metadata.flag("tokenizer.ggml.add_bos_token", false)
      ? metadata.number("tokenizer.ggml.bos_token_id")
      : null,
    endOfText: metadata.number("tokenizer.ggml.eos_token_id"),
  };
}

/** SentencePiece by merging, as llama.cpp writes it: its texts are not normalised, and its files leave defaults out. */
function piecesOf(metadata: Metadata): Pieces {
  const { file } = metadata;
  const tokens = metadata.texts("tokenizer.ggml.tokens");
  const scores = metadata.numbers("tokenizer.ggml.scores");
  const kinds = metadata.numbers("tokenizer.ggml.token_type");
  if (scores.length !== tokens.length || kinds.length !== tokens.length) {
    throw damaged(
      file,
      `it has ${tokens.length} tokens, but ${scores.length} scores and the types of ${kinds.length}`,
    );
  }
  return {
    algorithm: "bpe",
    pieces: tokens.map((text, id) => ({ text, score: scores[id]!, kind: kinds[id]! })),
    byteFallback: kinds.includes(PIECE.byte),
    charsMap: null,
    addDummyPrefix: metadata.flag("tokenizer.ggml.add_space_prefix", true),
    removeExtraWhitespaces: metadata.flag("tokenizer.ggml.remove_extra_whitespaces", false),
    bos: metadata.flag("tokenizer.ggml.add_bos_token", true)
      ? metadata.number("tokenizer.ggml.bos_token_id", 1)
      : null,
    endOfText: metadata.number("tokenizer.ggml.eos_token_id", 2),
  };
}
