import type { ModelTable } from "../engine";
import type { BytePairs } from "./byte-pairs";
import type { MetaspacePairs } from "./metaspace";
import type { Pieces } from "./pieces";

/** What a reader of one format makes of a file or folder: a table for the engine, and a tokenizer in words. */
export interface ModelParts {
  readonly family: string;
  readonly table: ModelTable;
  readonly words: BytePairs | MetaspacePairs | Pieces;
  /** File that the tokenizer came from, for messages. */
  readonly tokenizerFile: string;
  /** As the model states it, or null where it does not. */
  readonly license: string | null;
}
