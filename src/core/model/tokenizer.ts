import { ByteLevelPreTokenizer, Tokenizer } from "@huggingface/tokenizers";
import type { TextTokenizer } from "./base-model";
import { unsupported } from "./problem";
import type { BytePairs, SplitStep } from "./byte-pairs";
import { say } from "../say";

/** Words that are remembered with their tokens, before all are forgotten. */
const MOST_WORDS = 100_000;
/** Longer words come once: remembering them costs more than it saves. */
const LONGEST_WORD = 64;

/**
 * The tokenizer library, brought to give the ids of the reference implementation with special tokens left as text:
 *
 * - special tokens are kept from it, because it would cut texts at them;
 * - words are cut by explicit patterns, because its own digits and white space are those of JavaScript, not of Unicode;
 * - bytes without a token are taken out before merging and not after, so that their neighbours can merge;
 * - words that came before are remembered, which makes it several times faster.
 *
 * @param file For messages.
 */
export function createTokenizer(pairs: BytePairs, file: string): TextTokenizer {
  const library = openLibrary(pairs, file);
  const special = new Map(
    pairs.addedTokens.filter((token) => token.special).map(({ id, content }) => [id, content]),
  );
  const plain = (ids: number[]) =>
    ids.length === 0 ? "" : library.decode(ids, { clean_up_tokenization_spaces: false });
  return {
    bos: pairs.bos,
    endOfText: pairs.endOfText,
    vocabularySize:
      1 +
      [...pairs.vocabulary.values(), ...pairs.addedTokens.map(({ id }) => id)].reduce(
        (most, id) => Math.max(most, id),
        -1,
      ),
    encode: encoder(library, pairs),
    decode(ids) {
      let text = "";
      let from = 0;
      ids.forEach((id, i) => {
        const content = special.get(id);
        if (content === undefined) return;
        text += plain(ids.slice(from, i)) + content;
        from = i + 1;
      });
      return text + plain(ids.slice(from));
    },
  };
}

/** Halves of a surrogate pair have no bytes in UTF-8: they become U+FFFD, as everywhere. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\uFFFD");
}

function openLibrary(pairs: BytePairs, file: string): Tokenizer {
  const split = ({ regex, matchesOnly }: SplitStep) => ({
    type: "Split",
    pattern: { Regex: regex },
    behavior: matchesOnly ? "Removed" : "Isolated",
    invert: matchesOnly,
  });
  let library: Tokenizer;
  try {
    library = new Tokenizer(
      {
        model: {
          type: "BPE",
          vocab: Object.fromEntries(pairs.vocabulary),
          merges: pairs.merges,
          unk_token: pairs.unknown,
          ignore_merges: pairs.ignoreMerges,
        },
        normalizer: pairs.normalForm === null ? null : { type: pairs.normalForm },
        pre_tokenizer: { type: "Sequence", pretokenizers: pairs.splits.map(split) },
        post_processor: null,
        decoder: { type: "ByteLevel" },
        added_tokens: pairs.addedTokens.filter((token) => !token.special),
      },
      {},
    );
  } catch (error) {
    throw unsupported(
      file,
      say`the tokenizer library cannot use this tokenizer: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
  const model = library.model!;
  const merge = model.encode.bind(model);
  const toBytes = new ByteLevelPreTokenizer({ type: "ByteLevel", add_prefix_space: false, use_regex: false });
  const letters = new Set([...pairs.vocabulary.keys()].filter((token) => token.length === 1));
  model.encode = (words) =>
    words.flatMap((word) => {
      const [bytes = ""] = toBytes.pre_tokenize(word);
      if (pairs.unknown !== null) return merge([bytes]);
      return merge([Array.from(bytes, (letter) => (letters.has(letter) ? letter : "")).join("")]);
    });
  return library;
}

/** Texts are cut into words, and the ids of each word looked up or found. */
function encoder(library: Tokenizer, { addedTokens }: BytePairs): TextTokenizer["encode"] {
  if (addedTokens.some(({ special }) => !special)) {
    // Rare: the library cuts texts at such tokens first.
    return (text) => library.encode(wellFormed(text), { add_special_tokens: false }).ids;
  }
  const model = library.model!;
  const words = new Map<string, readonly number[]>();
  const idsOf = (word: string) => {
    const before = words.get(word);
    if (before !== undefined) return before;
    const ids = model.encode([word]).map((token) => model.tokens_to_ids.get(token)!);
    if (word.length <= LONGEST_WORD) {
      if (words.size >= MOST_WORDS) words.clear();
      words.set(word, ids);
    }
    return ids;
  };
  return (text) => {
    const clean = wellFormed(text);
    const normal = library.normalizer === null ? clean : library.normalizer.normalize(clean);
    const ids: number[] = [];
    for (const word of library.pre_tokenizer!.pre_tokenize(normal)) {
      for (const id of idsOf(word)) ids.push(id);
    }
    return ids;
  };
}
