import type { FromLabel, LabelView } from "../../protocol";

/** What a person has done to an example. */
export type EditMessage = Extract<FromLabel, { type: "answer" | "skip" | "note" }>;

/**
 * What a page keeps when it is thrown away and built again. The texts and answers live in the document, but for what the
 * extension has not taken yet: where it has ended, that is told to the next one.
 */
export interface Saved {
  readonly view: LabelView;
  readonly line: number | null;
  readonly descriptions: boolean;
  /** Null: as the settings say. */
  readonly suggest: boolean | null;
  /** In the order in which it was done. */
  readonly untaken: readonly EditMessage[];
}

const FRESH: Saved = {
  view: { order: "file", filter: { show: "all" }, search: "" },
  line: null,
  descriptions: false,
  suggest: null,
  untaken: [],
};

/** What was kept, as far as it can be used. */
export function readSaved(state: unknown): Saved {
  if (typeof state !== "object" || state === null || !("view" in state)) return FRESH;
  return { ...FRESH, ...(state as Partial<Saved>) };
}
