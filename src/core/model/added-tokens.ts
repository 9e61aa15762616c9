/** A stretch of a text that is still to be cut, or an added token. */
export type Section = { readonly text: string; readonly first: boolean } | { readonly id: number };

export interface FoundToken {
  readonly id: number;
  readonly content: string;
  /** Looked for in the normalised text, in its own normal form; else in the text as it stands. */
  readonly normalized: boolean;
}

/** Cuts a text at added tokens: at those that stand in it as they are, then, in what is normalised, at the others. */
export function sectionsFinder(
  found: readonly FoundToken[],
  normalize: (text: string) => string,
): (text: string) => Section[] {
  const rawCut = cutter(found.filter(({ normalized }) => !normalized));
  const laterCut = cutter(
    found
      .filter(({ normalized }) => normalized)
      .map((token) => ({ ...token, content: normalize(token.content) })),
  );
  return (text) =>
    rawCut(text, true).flatMap((section) =>
      "id" in section ? [section] : laterCut(normalize(section.text), section.first),
    );
}

/** The leftmost token goes first, of those at one place the longest. */
function cutter(
  tokens: readonly { readonly id: number; readonly content: string }[],
): (text: string, first: boolean) => Section[] {
  if (tokens.length === 0) return (text, first) => (text === "" ? [] : [{ text, first }]);
  const ids = new Map(tokens.map(({ content, id }) => [content, id]));
  const longestFirst = [...ids.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(longestFirst.map(escaped).join("|"), "gu");
  return (text, first) => {
    const sections: Section[] = [];
    let from = 0;
    const upTo = (end: number) => {
      if (end > from) sections.push({ text: text.slice(from, end), first: first && from === 0 });
    };
    for (const match of text.matchAll(pattern)) {
      upTo(match.index);
      sections.push({ id: ids.get(match[0])! });
      from = match.index + match[0].length;
    }
    upTo(text.length);
    return sections;
  };
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
