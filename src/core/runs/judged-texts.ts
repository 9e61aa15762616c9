import type { Example, Manifest } from "../schema";
import { textHash } from "../tuning/run-folder";

/** What the page of a run shows under an id: null where the text is no longer the one that the run judged. */
export type JudgedTexts = ReadonlyMap<string, string | null>;

/**
 * The texts of examples by id, as pages of runs may show them.
 * @param runs Every run that the page tells of. One of an older version does not say which texts it judged: those at hand stand
 *   for them.
 */
export function judgedTexts(
  examples: Iterable<Pick<Example, "id" | "text">>,
  runs: readonly Pick<Manifest, "texts">[],
): JudgedTexts {
  const judged = (id: string, text: string) =>
    runs.every(({ texts }) => texts?.[id] === undefined || texts[id] === textHash(text));
  return new Map([...examples].map(({ id, text }) => [id, judged(id, text) ? text : null]));
}
