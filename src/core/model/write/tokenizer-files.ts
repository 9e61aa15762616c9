import type { BytePairs, SplitStep } from "../byte-pairs";
import type { Metadata } from "../metadata";
import { PIECE, type Pieces } from "../pieces";
import type { SpecialIds } from "./config-file";
import { sentencePieceModel } from "./sentencepiece-file";

/** A token id that GGUF's metadata may name; null where it does not, or names one that is none. */
function idOf(metadata: Metadata, name: string, tokens: readonly string[]): number | null {
  const key = `tokenizer.ggml.${name}_token_id`;
  const id = metadata.has(key) ? metadata.number(key) : null;
  return id !== null && tokens[id] !== undefined ? id : null;
}

export function specialIds(metadata: Metadata, words: BytePairs | Pieces): SpecialIds {
  const tokens = metadata.texts("tokenizer.ggml.tokens");
  return {
    bos: words.bos ?? idOf(metadata, "bos", tokens),
    eos: words.endOfText,
    pad: idOf(metadata, "padding", tokens),
  };
}

/** Files of the tokenizer of a GGUF model, as transformers and llama.cpp's converter read them. */
export function tokenizerFiles(
  metadata: Metadata,
  words: BytePairs | Pieces,
  contextLength: number,
): Map<string, string | Uint8Array> {
  const tokens = metadata.texts("tokenizer.ggml.tokens");
  const ids = specialIds(metadata, words);
  const unknown =
    "pieces" in words
      ? words.pieces.findIndex(({ kind }) => kind === PIECE.unknown)
      : idOf(metadata, "unknown", tokens);
  const token = (id: number | null) => (id === null ? null : tokens[id]!);
  const template = metadata.text("tokenizer.chat_template", null);
  const config = {
    tokenizer_class: "PreTrainedTokenizerFast",
    add_bos_token: words.bos !== null,
    add_prefix_space: "pieces" in words ? words.addDummyPrefix : false,
    bos_token: token(ids.bos),
    eos_token: token(ids.eos),
    unk_token: token(unknown),
    pad_token: token(ids.pad),
    clean_up_tokenization_spaces: false,
    model_max_length: contextLength,
    ...(template === null ? {} : { chat_template: template }),
  };
  const json = "pieces" in words ? piecesJson(words) : bytePairsJson(words, tokens);
  const files = new Map<string, string | Uint8Array>([
    ["tokenizer.json", JSON.stringify(json)],
    ["tokenizer_config.json", pretty(config)],
    [
      "generation_config.json",
      pretty({ bos_token_id: ids.bos, eos_token_id: ids.eos, pad_token_id: ids.pad }),
    ],
  ]);
  if ("pieces" in words) files.set("tokenizer.model", sentencePieceModel(words, ids));
  return files;
}

export const pretty = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

const addedToken = (id: number, content: string, special: boolean) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special,
});

/** Puts a token in front of every text; nothing where there is none. */
function beginsWith(token: string | null, id: number | null) {
  if (token === null || id === null) return null;
  const first = { SpecialToken: { id: token, type_id: 0 } };
  const text = (name: "A" | "B", type: number) => ({ Sequence: { id: name, type_id: type } });
  return {
    type: "TemplateProcessing",
    single: [first, text("A", 0)],
    pair: [first, text("A", 0), { SpecialToken: { id: token, type_id: 1 } }, text("B", 1)],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  };
}

function bytePairsJson(words: BytePairs, tokens: readonly string[]) {
  const split = ({ regex, matchesOnly }: SplitStep) => ({
    type: "Split",
    pattern: { Regex: regex },
    behavior: matchesOnly ? "Removed" : "Isolated",
    invert: matchesOnly,
  });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: words.addedTokens.map(({ id, content, special }) => addedToken(id, content, special)),
    normalizer: words.normalForm === null ? null : { type: words.normalForm },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        ...words.splits.map(split),
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: beginsWith(words.bos === null ? null : tokens[words.bos]!, words.bos),
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: words.unknown,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: words.ignoreMerges,
      vocab: Object.fromEntries(words.vocabulary),
      merges: words.merges,
    },
  };
}

/** SentencePiece by merging, in the words of the library: as transformers converts a LLaMA's tokenizer.model. */
function piecesJson({ pieces, byteFallback, addDummyPrefix, bos }: Pieces) {
  const unknown = pieces.find(({ kind }) => kind === PIECE.unknown)!.text;
  const replaced = (from: string, to: string) => ({
    type: "Replace",
    pattern: { String: from },
    content: to,
  });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: pieces.flatMap(({ text, kind }, id) =>
      kind === PIECE.unknown || kind === PIECE.control || kind === PIECE.userDefined
        ? [addedToken(id, text, kind !== PIECE.userDefined)]
        : [],
    ),
    normalizer: {
      type: "Sequence",
      normalizers: [
        ...(addDummyPrefix ? [{ type: "Prepend", prepend: "\u2581" }] : []),
        replaced(" ", "\u2581"),
      ],
    },
    pre_tokenizer: null,
    post_processor: beginsWith(bos === null ? null : pieces[bos]!.text, bos),
    decoder: {
      type: "Sequence",
      decoders: [
        replaced("\u2581", " "),
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(addDummyPrefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: unknown,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: byteFallback,
      ignore_merges: false,
      vocab: Object.fromEntries(pieces.map(({ text }, id) => [text, id])),
      merges: mergesOf(pieces),
    },
  };
}

/** Each way in which two pieces make a third, the best third first: what SentencePiece tries, as a list of merges. */
function mergesOf(pieces: Pieces["pieces"]): [string, string][] {
  const ids = new Map(pieces.map(({ text }, id) => [text, id]));
  const found = pieces.flatMap(({ text, score, kind }) => {
    if (kind !== PIECE.normal) return [];
    const letters = Array.from(text);
    return letters.slice(1).flatMap((_, i) => {
      const [left, right] = [letters.slice(0, i + 1).join(""), letters.slice(i + 1).join("")];
      const [first, second] = [ids.get(left), ids.get(right)];
      return first === undefined || second === undefined ? [] : [{ left, right, first, second, score }];
    });
  });
  return found
    .sort((a, b) => b.score - a.score || a.first - b.first || a.second - b.second)
    .map(({ left, right }) => [left, right]);
}
