import { sectionsFinder } from "./added-tokens";
import type { TextTokenizer } from "./base-model";
import { mergeIds } from "./merges";
import { SPACE, type MetaspacePairs, type NormalStep } from "./metaspace";
import { byteOf } from "./pieces";
import { RankedMerges } from "./ranked-merge";

/**
 * A tokenizer that gives the ids of the `tokenizers` library, with special tokens left as text.
 * @param file For messages.
 * @throws PlumbError naming the merge that cannot be used.
 */
export function createMetaspaceTokenizer(pairs: MetaspacePairs, file: string): TextTokenizer {
  const { vocabulary, byteFallback, fuseUnknown, ignoreMerges } = pairs;
  const tokens = new Map<number, string>([...vocabulary].map(([token, id]) => [id, token]));
  for (const { id, content } of pairs.addedTokens) tokens.set(id, content);
  for (const { id, content, normalized } of pairs.found) {
    if (normalized) tokens.set(id, normalize(content, pairs.normal));
  }
  const size = 1 + [...tokens.keys()].reduce((most, id) => Math.max(most, id), -1);
  const unknown = pairs.unknown === null ? null : (vocabulary.get(pairs.unknown) ?? null);
  const merges = new RankedMerges(mergeIds(pairs, file));
  const bytes = Array.from({ length: 256 }, (_, byte) =>
    vocabulary.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`),
  );
  const symbolsOf = (word: string): number[] => {
    const ids: number[] = [];
    let lastUnknown = false;
    for (const character of word) {
      const id = vocabulary.get(character);
      if (id !== undefined) {
        ids.push(id);
        lastUnknown = false;
        continue;
      }
      const own = byteFallback ? [...Buffer.from(character)].map((byte) => bytes[byte]) : [undefined];
      if (!own.includes(undefined)) {
        ids.push(...(own as number[]));
      } else if (unknown !== null && !(lastUnknown && fuseUnknown)) {
        ids.push(unknown);
        lastUnknown = true;
      }
    }
    return ids;
  };
  const wordOf = (word: string): number[] => {
    const whole = ignoreMerges ? vocabulary.get(word) : undefined;
    return whole === undefined ? merges.merge(symbolsOf(word)) : [whole];
  };
  const sectionsOf = sectionsFinder(pairs.found, (text) => normalize(text, pairs.normal));
  return {
    bos: pairs.bos,
    endOfText: pairs.endOfText,
    vocabularySize: size,
    encode(text) {
      const ids: number[] = [];
      for (const section of sectionsOf(text.replace(/\p{Surrogate}/gu, "\uFFFD"))) {
        if ("id" in section) ids.push(section.id);
        else for (const word of wordsOf(section, pairs)) for (const id of wordOf(word)) ids.push(id);
      }
      return ids;
    },
    decode: (ids) => decode(ids, tokens, pairs),
  };
}

function normalize(text: string, steps: readonly NormalStep[]): string {
  if (text === "") return text;
  return steps.reduce(
    (now, step) => (step.type === "prepend" ? step.text + now : now.replaceAll(step.from, () => step.to)),
    text,
  );
}

/** What is merged by itself. */
function wordsOf(section: { text: string; first: boolean }, { spaces }: MetaspacePairs): string[] {
  if (spaces === null) return [section.text];
  const text = section.text.replaceAll(" ", SPACE);
  const prefixed = spaces.prefix === "always" || (spaces.prefix === "first" && section.first);
  const whole = prefixed && !text.startsWith(SPACE) ? SPACE + text : text;
  return spaces.words ? whole.split(new RegExp(`(?=${SPACE})`, "u")) : [whole];
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(
  ids: readonly number[],
  tokens: ReadonlyMap<number, string>,
  { byteFallback, stripsSpace, addedTokens }: MetaspacePairs,
): string {
  const added = new Set(addedTokens.map(({ id }) => id));
  let text = "";
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length === 0) return;
    try {
      text += utf8.decode(Uint8Array.from(bytes));
    } catch {
      text += "\uFFFD".repeat(bytes.length);
    }
    bytes = [];
  };
  for (const id of ids) {
    const token = tokens.get(id);
    if (token === undefined) continue;
    const byte = byteFallback && !added.has(id) ? byteOf(token) : null;
    if (byte !== null) {
      bytes.push(byte);
      continue;
    }
    flush();
    text += token.replaceAll(SPACE, " ");
  }
  flush();
  return stripsSpace && text.startsWith(" ") ? text.slice(1) : text;
}
