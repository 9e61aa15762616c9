import type { MethodName, Task } from "../schema";
import type { LeftOut } from "./left-out";

/** What decides how much of a text a run would read. */
export interface ReachOf {
  readonly task: Task;
  /** Folder of the task file. */
  readonly folder: string;
  /** Base model and method where the task names none; null for Plumb's own. */
  readonly base: string | null;
  readonly method: MethodName | null;
  /** Generation: the longest answers, for which room is kept. */
  readonly answers: readonly string[];
}

export interface ToReachThread {
  readonly text: string;
}

/** `ready` comes first, and then an answer to each text. */
export type FromReachThread =
  | { readonly type: "ready"; readonly room: number }
  | { readonly type: "failed" }
  | { readonly type: "found"; readonly leftOut: LeftOut | null };
