import type { LabelView } from "../../protocol";

/** What a page keeps when it is thrown away and built again. The texts and answers live in the document. */
export interface Saved {
  readonly view: LabelView;
  readonly line: number | null;
  readonly descriptions: boolean;
  /** Null: as the settings say. */
  readonly suggest: boolean | null;
}

const FRESH: Saved = {
  view: { order: "file", filter: { show: "all" }, search: "" },
  line: null,
  descriptions: false,
  suggest: null,
};

/** What was kept, as far as it can be used. */
export function readSaved(state: unknown): Saved {
  if (typeof state !== "object" || state === null || !("view" in state)) return FRESH;
  return { ...FRESH, ...(state as Partial<Saved>) };
}
