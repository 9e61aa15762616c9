import { Tokenizer } from "@huggingface/tokenizers";
import type { TextTokenizer } from "./base-model";
import { unsupported } from "./problem";
import type { BytePairs } from "./tokenizer-json";

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
  remember(library, pairs);
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
    encode: (text) => library.encode(wellFormed(text), { add_special_tokens: false }).ids,
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
  const split = (regex: string, matchesOnly: boolean) => ({
    type: "Split",
    pattern: { Regex: regex },
    behavior: matchesOnly ? "Removed" : "Isolated",
    invert: matchesOnly,
  });
  try {
    return new Tokenizer(
      {
        model: {
          type: "BPE",
          vocab: Object.fromEntries(pairs.vocabulary),
          merges: pairs.merges,
          unk_token: pairs.unknown,
          ignore_merges: pairs.ignoreMerges,
        },
        normalizer: pairs.normalForm === null ? null : { type: pairs.normalForm },
        pre_tokenizer: {
          type: "Sequence",
          pretokenizers: [
            ...pairs.splits.map(({ regex, matchesOnly }) => split(regex, matchesOnly)),
            { type: "ByteLevel", add_prefix_space: false, use_regex: false },
          ],
        },
        post_processor: null,
        decoder: { type: "ByteLevel" },
        added_tokens: pairs.addedTokens.filter((token) => !token.special),
      },
      {},
    );
  } catch (error) {
    throw unsupported(
      file,
      `the tokenizer library cannot use this tokenizer: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
}

/** Puts a memory of words before the library's merging. */
function remember(library: Tokenizer, { vocabulary, unknown }: BytePairs): void {
  const model = library.model!;
  const merge = model.encode.bind(model);
  const letters = new Set([...vocabulary.keys()].filter((token) => token.length === 1));
  const known = (word: string) =>
    unknown === null ? Array.from(word, (letter) => (letters.has(letter) ? letter : "")).join("") : word;
  const words = new Map<string, string[]>();
  model.encode = (pieces) =>
    pieces.flatMap((word) => {
      const before = words.get(word);
      if (before !== undefined) return before;
      const tokens = merge([known(word)]);
      if (word.length <= LONGEST_WORD) {
        if (words.size >= MOST_WORDS) words.clear();
        words.set(word, tokens);
      }
      return tokens;
    });
}
