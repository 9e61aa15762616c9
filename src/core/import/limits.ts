import { Example, type TaskKind } from "../schema";

/** More labels than this are answers in words. */
export const mostLabels = 500;

/** A task without a choice is none. */
export const leastLabels = (kind: TaskKind) => ({ single: 2, multi: 1, generation: 0 })[kind];

/** Whether an example has a field of that name with a meaning of its own, so that no column can be kept under it. */
export const isReserved = (name: string) => name in Example.shape && name !== "note" && name !== "annotator";
