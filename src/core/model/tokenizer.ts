import { SplitPreTokenizer } from "@huggingface/tokenizers";
import { sectionsFinder } from "./added-tokens";
import type { TextTokenizer } from "./base-model";
import { BYTE_LETTERS, byteLetters, bytesOfLetters } from "./byte-letters";
import type { BytePairs } from "./byte-pairs";
import { mergeIds } from "./merges";
import { unsupported } from "./problem";
import { RankedMerges } from "./ranked-merge";
import { say } from "../say";

/** Words that are remembered with their tokens, before all are forgotten. */
const MOST_WORDS = 100_000;
/** Longer words come once: remembering them costs more than it saves. */
const LONGEST_WORD = 64;

/**
 * A byte-level tokenizer that gives the ids of the reference implementation, with special tokens left as text. Words are
 * cut by the tokenizers library, which knows the reference's dialect of patterns; words that came before are remembered.
 * @param file For messages.
 * @throws PlumbError naming the merge or the pattern that cannot be used.
 */
export function createTokenizer(pairs: BytePairs, file: string): TextTokenizer {
  const cut = wordCutter(pairs, file);
  const idsOf = wordEncoder(pairs, file);
  const { tokens, added } = textsById(pairs);
  const found = pairs.addedTokens.filter(({ special }) => !special);
  const sectionsOf = sectionsFinder(
    found.map(({ id, content, normalized }) => ({ id, content, normalized: normalized === true })),
    (text) => (pairs.normalForm === null ? text : text.normalize(pairs.normalForm)),
  );
  return {
    bos: pairs.bos,
    endOfText: pairs.endOfText,
    vocabularySize: tokens.length,
    encode(text) {
      const ids: number[] = [];
      for (const section of sectionsOf(wellFormed(text))) {
        if ("id" in section) ids.push(section.id);
        else for (const word of cut(section.text)) for (const id of idsOf(word)) ids.push(id);
      }
      return ids;
    },
    decode(ids) {
      let text = "";
      let bytes: number[] = [];
      const flush = () => {
        if (bytes.length > 0) text += utf8.decode(Uint8Array.from(bytes));
        bytes = [];
      };
      for (const id of ids) {
        const token = tokens[id];
        if (token === undefined) continue;
        if (added.has(id)) {
          flush();
          text += token;
        } else bytes.push(...bytesOfLetters(token));
      }
      flush();
      return text;
    },
  };
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Halves of a surrogate pair have no bytes in UTF-8: they become U+FFFD, as everywhere. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\uFFFD");
}

/** Tokens by their ids, and the ids of those that stand for themselves and not for bytes. */
function textsById({ vocabulary, addedTokens }: BytePairs): { tokens: string[]; added: Set<number> } {
  const tokens: string[] = [];
  for (const [token, id] of vocabulary) tokens[id] = token;
  for (const { id, content } of addedTokens) tokens[id] = content;
  return { tokens, added: new Set(addedTokens.map(({ id }) => id)) };
}

function wordCutter({ splits }: BytePairs, file: string): (text: string) => string[] {
  let cuts: SplitPreTokenizer[];
  try {
    cuts = splits.map(
      ({ regex, matchesOnly }) =>
        new SplitPreTokenizer({
          type: "Split",
          pattern: { Regex: regex },
          behavior: matchesOnly ? "Removed" : "Isolated",
          invert: matchesOnly,
        }),
    );
  } catch (error) {
    throw unsupported(
      file,
      say`the tokenizer library cannot use this tokenizer: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
  return (text) => cuts.reduce((words: string[], step) => step.pre_tokenize(words), [text]);
}

/** The ids of a word, looked up or found. */
function wordEncoder(pairs: BytePairs, file: string): (word: string) => readonly number[] {
  const { vocabulary, ignoreMerges } = pairs;
  const merges = new RankedMerges(mergeIds(pairs, file));
  const unknown = pairs.unknown === null ? undefined : vocabulary.get(pairs.unknown);
  const symbols = BYTE_LETTERS.map((letter) => vocabulary.get(letter) ?? unknown);
  const idsOf = (word: string) => {
    const bytes = Buffer.from(word);
    const whole = ignoreMerges ? vocabulary.get(byteLetters(bytes)) : undefined;
    if (whole !== undefined) return [whole];
    // Bytes without a token are taken out before merging, so that their neighbours can merge.
    return merges.merge([...bytes].map((byte) => symbols[byte]).filter((id) => id !== undefined));
  };
  const known = new Map<string, readonly number[]>();
  return (word) => {
    const before = known.get(word);
    if (before !== undefined) return before;
    const ids = idsOf(word);
    if (word.length <= LONGEST_WORD) {
      if (known.size >= MOST_WORDS) known.clear();
      known.set(word, ids);
    }
    return ids;
  };
}
