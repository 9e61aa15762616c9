import { filled, sentencesNamed } from "./say";
import { spokenReason } from "./system-error";

/** What the table's names of the native engine's sentences begin with: `engine: tensor {0} is there twice`. */
export const ENGINE = "engine: ";

interface Known {
  readonly pattern: RegExp;
  /** Characters that are not in places. */
  readonly fixed: number;
  readonly text: string;
}

/**
 * What the engine says, in the language of this process. It makes its sentences in English, and of several parts: an error
 * inside another, a library's reason behind a colon. Each part that the table knows is said; the others, paths and words
 * of other libraries, stay.
 */
export function fromEngine(english: string): string {
  const known = [...sentencesNamed(ENGINE)].map(([name, text]) => knownAs(name, text));
  return known.length === 0 ? english : translated(english, known);
}

function knownAs(name: string, text: string): Known {
  const parts = name.split(/\{\d+\}/u);
  const pattern = parts.map((part) => part.replace(/[\\^$.*+?()[\]{}|]/gu, "\\$&")).join("(.*?)");
  return { pattern: new RegExp(`^${pattern}$`, "su"), fixed: parts.join("").length, text };
}

function translated(english: string, known: readonly Known[]): string {
  // At even places parts, between them what parts them.
  const pieces = english.split(/(: |\. )/u);
  const one = (from: number, to: number) => sentenceIn(pieces.slice(from, to).join(""), known);
  let said = "";
  let at = 0;
  while (at < pieces.length) {
    let end = pieces.length;
    let part = one(at, end);
    while (part === null && end - 2 > at) part = one(at, (end -= 2));
    if (part === null) end = at + 1;
    said += (part ?? pieces[at]!) + (pieces[end] ?? "");
    at = end + 1;
  }
  return said;
}

/** A part that is one sentence of the table, of several the one that says most of it itself; else null. */
function sentenceIn(english: string, known: readonly Known[]): string | null {
  const [best] = known
    .flatMap(({ pattern, fixed, text }) => {
      const match = pattern.exec(english);
      return match === null ? [] : [{ fixed, text, values: match.slice(1) }];
    })
    .sort((a, b) => b.fixed - a.fixed);
  if (best === undefined) return spokenReason(english);
  return filled(
    best.text,
    best.values.map((value) => translated(value, known)),
  );
}
