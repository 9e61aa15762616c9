import type { Metadata } from "./metadata";
import { damaged, shown, unsupported } from "./problem";
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
export function openGgufTokenizer(metadata: Metadata): BytePairs {
  const { file } = metadata;
  const model = metadata.text("tokenizer.ggml.model");
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
