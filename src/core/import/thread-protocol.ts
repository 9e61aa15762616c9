import type { Problem } from "../data";
import type { FoundModel } from "../model";
import type { Inspection } from "./inspect";
import type { ImportProgress, ReadChoices } from "./types";
import type { NewTask, PreparedTask, Survey } from "./write";

/** What the thread that reads and writes can be asked, and what it answers. */
export interface ImportRequests {
  /** `free` is where the new files can lie. */
  inspect: { ask: { file: string; read: ReadChoices }; reply: { found: Inspection; free: string } };
  survey: { ask: { file: string; task: NewTask }; reply: Survey };
  /**
   * Makes the task, unless there is more to be told about the file than the person has seen: then what there is comes
   * back, and nothing is written.
   */
  write: { ask: { file: string; task: NewTask; seen: number }; reply: WriteResult };
  /** `base` is the model that the settings name for tasks that name none; null where they name none either. */
  models: { ask: { base: string | null }; reply: ModelsHere };
}

/** Base models on this machine. The default is the one that is taken where a task names none. */
export interface ModelsHere {
  /** Whether it is there or not. */
  readonly defaultName: string;
  readonly defaultHere: boolean;
  readonly models: readonly (FoundModel & { isDefault: boolean })[];
}

export type ImportRequest = keyof ImportRequests;

export type WriteResult =
  | { written: true; taskFile: string; counts: PreparedTask["counts"] }
  | { written: false; problems: Problem[]; problemCount: number };

export type ToImportThread =
  | { [K in ImportRequest]: { id: number; request: K; ask: ImportRequests[K]["ask"] } }[ImportRequest]
  | { id: number; request: "stop" };

export type FromImportThread =
  | { id: number; type: "progress"; progress: ImportProgress }
  | { id: number; type: "done"; reply: unknown }
  /** A null code: a fault of the program, not of the file. */
  | { id: number; type: "failed"; code: string | null; message: string };
