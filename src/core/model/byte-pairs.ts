/** Tokenizers that merge pairs by rank, in plain words, whichever form of model they came from. */
import { damaged, mismatch, shown, unsupported } from "./problem";
import { counted, grouped, say } from "../say";

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  /** Found in the normalised text alone, not in the text as it stands. */
  readonly normalized?: true;
}

/** How a text is cut before bytes are merged: at every match of a pattern, the matches and what lies between are words. */
export interface SplitStep {
  readonly regex: string;
  /** What lies between the matches is dropped. */
  readonly matchesOnly: boolean;
}

export interface Pairs {
  /** Token to id. */
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly merges: readonly (readonly [string, string])[];
  /** A word that is a token is taken as it is, without merging its parts. */
  readonly ignoreMerges: boolean;
  readonly unknown: string | null;
  readonly addedTokens: readonly AddedToken[];
  readonly bos: number | null;
  readonly endOfText: number;
}

/** Byte-level BPE: tokens are written in the 256 printable letters that stand for bytes. */
export interface BytePairs extends Pairs {
  readonly normalForm: "NFC" | null;
  readonly splits: readonly SplitStep[];
}

/** The cut of GPT-2 in the reference's regular expression dialect, in which \s is Unicode's white space. */
export const GPT2_SPLIT: SplitStep = {
  regex: "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  matchesOnly: false,
};
/** The cut of Llama 3: contractions in either case, numbers in groups of up to three digits. */
export const LLAMA3_SPLIT: SplitStep = largeVocabularySplit("\\p{N}{1,3}");
/** The cut of Qwen2: as Llama 3's, but every digit is a word. */
export const QWEN2_SPLIT: SplitStep = largeVocabularySplit("\\p{N}");
/** Every digit, of any script, is a word. */
export const SINGLE_DIGITS: SplitStep = { regex: "\\p{N}", matchesOnly: false };
export const DIGIT_RUNS: SplitStep = { regex: "\\p{N}+", matchesOnly: false };

function largeVocabularySplit(digits: string): SplitStep {
  return {
    regex: `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
    matchesOnly: false,
  };
}

/**
 * Ids are unique and fit the model.
 * @param rows Rows of the embedding matrix.
 * @throws PlumbError naming the token.
 */
export function checkPairs(pairs: Pairs, rows: number, file: string): void {
  const owners: string[] = [];
  let count = 0;
  const claim = (id: number, token: string) => {
    if (!Number.isInteger(id) || id < 0)
      throw damaged(file, say`token ${shown(token)} has the id ${shown(id)}`);
    if (id >= rows) {
      throw mismatch(
        file,
        say`token ${shown(token)} has the id ${id}, but the model knows ${counted(rows, "token", "tokens")}. The tokenizer belongs to another model: get the model again, with its own.`,
      );
    }
    const owner = owners[id];
    if (owner === undefined) count++;
    else if (owner !== token) {
      throw damaged(file, say`the tokens ${shown(owner)} and ${shown(token)} have the same id ${id}`);
    }
    owners[id] = token;
  };
  for (const [token, id] of pairs.vocabulary) claim(id, token);
  for (const { id, content } of pairs.addedTokens) {
    claim(id, content);
    const known = pairs.vocabulary.get(content);
    if (known !== undefined && known !== id) {
      throw damaged(file, say`token ${shown(content)} has the ids ${known} and ${id}`);
    }
  }
  // Models are padded to round numbers of rows, by far less than this.
  if (count < rows * 0.9) {
    throw mismatch(
      file,
      say`the tokenizer has ${counted(count, "token", "tokens")}, the model ${grouped(rows)}. The tokenizer belongs to another model: get the model again, with its own.`,
    );
  }
  for (const [name, id] of [
    ["beginning", pairs.bos],
    ["end", pairs.endOfText],
  ] as const) {
    if (id !== null && owners[id] === undefined)
      throw damaged(file, say`the ${name} token ${shown(id)} is no token`);
  }
}

/** Merges as GGUF and older files write them: both parts with a space between. */
export function splitMerge(merge: string, i: number, file: string): [string, string] {
  const space = merge.indexOf(" ", 1);
  if (space < 0 || space === merge.length - 1 || merge.includes(" ", space + 1)) {
    throw damaged(file, say`merge ${i} is ${shown(merge)}, expected two tokens with a space between`);
  }
  return [merge.slice(0, space), merge.slice(space + 1)];
}

/** What is refused although the reference implementation may know it. */
export function unknownTokenizer(file: string, what: string): Error {
  return unsupported(
    file,
    say`${what} is not supported yet; supported are BPE tokenizers by bytes (of SmolLM2, Llama 3, Qwen and their kind) and of SentencePiece's kind (of Llama 2, TinyLlama, Mistral and theirs).`,
  );
}
