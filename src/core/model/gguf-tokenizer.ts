import type { Metadata } from "./metadata";
import { damaged, shown, unsupported } from "./problem";
import { PIECE, type Pieces } from "./pieces";
import {
  GPT2_SPLIT,
  LLAMA3_SPLIT,
  unknownTokenizer,
  QWEN2_SPLIT,
  SINGLE_DIGITS,
  splitMerge,
  type BytePairs,
} from "./byte-pairs";
import { counted, grouped, say } from "../say";

/** Numbers that GGUF gives to kinds of tokens. */
const CONTROL = 3;
const USER_DEFINED = 4;

/** What GGUF leaves to the program that reads it. */
interface Kind extends Pick<BytePairs, "splits" | "ignoreMerges" | "normalForm"> {
  /** Whether the beginning-of-text token is put in front where the file does not say. */
  readonly addsBos: boolean;
}

const PLAIN = { ignoreMerges: false, normalForm: null, addsBos: false } as const;

/** Kinds of byte-level tokenizers by the name in `tokenizer.ggml.pre`. */
const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ["smollm", { ...PLAIN, splits: [SINGLE_DIGITS, GPT2_SPLIT] }],
  ["gpt-2", { ...PLAIN, splits: [GPT2_SPLIT] }],
  ["llama-bpe", { ...PLAIN, splits: [LLAMA3_SPLIT], ignoreMerges: true, addsBos: true }],
  ["qwen2", { ...PLAIN, splits: [QWEN2_SPLIT], normalForm: "NFC" }],
]);

/** The tokenizer that the metadata of a GGUF file describes. @throws PlumbError naming the key. */
export function openGgufTokenizer(metadata: Metadata): BytePairs | Pieces {
  const { file } = metadata;
  const model = metadata.text("tokenizer.ggml.model");
  if (model === "llama") return piecesOf(metadata);
  if (model !== "gpt2") throw unknownTokenizer(file, say`a tokenizer of the kind ${shown(model)}`);
  const pre = metadata.text("tokenizer.ggml.pre", null);
  const kind = KINDS.get(pre ?? "");
  if (kind === undefined) {
    throw unsupported(
      file,
      say`metadata "tokenizer.ggml.pre" is ${pre === null ? say`missing` : shown(pre)}; supported are ${[...KINDS.keys()].join(", ")}. Take the model in Hugging Face form, whose tokenizer.json says how texts are cut.`,
    );
  }
  const tokens = metadata.texts("tokenizer.ggml.tokens");
  const types = metadata.numbers("tokenizer.ggml.token_type");
  if (types.length !== tokens.length) {
    throw damaged(
      file,
      say`it has ${counted(tokens.length, "token", "tokens")}, but the types of ${grouped(types.length)}`,
    );
  }
  const vocabulary = new Map<string, number>();
  tokens.forEach((token, id) => {
    const before = vocabulary.get(token);
    if (before !== undefined)
      throw damaged(file, say`the tokens ${before} and ${id} are both ${shown(token)}`);
    vocabulary.set(token, id);
  });
  return {
    vocabulary,
    merges: metadata.texts("tokenizer.ggml.merges").map((merge, i) => splitMerge(merge, i, file)),
    ignoreMerges: kind.ignoreMerges,
    unknown: null,
    normalForm: kind.normalForm,
    splits: kind.splits,
    addedTokens: tokens.flatMap((content, id) =>
      types[id] === CONTROL || types[id] === USER_DEFINED
        ? [{ id, content, special: types[id] === CONTROL }]
        : [],
    ),
    bos: metadata.flag("tokenizer.ggml.add_bos_token", kind.addsBos)
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
      say`it has ${counted(tokens.length, "token", "tokens")}, but ${counted(scores.length, "score", "scores")} and the types of ${grouped(kinds.length)}`,
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
