/**
 * SentencePiece's BPE as tokenizer.json holds it, in plain words: U+2581 stands for the space, merges have ranks of their own,
 * and characters that have no token become the tokens of their bytes.
 */
import type { FoundToken } from "./added-tokens";
import type { Pairs } from "./byte-pairs";

export const SPACE = "\u2581";

export type NormalStep =
  | { readonly type: "prepend"; readonly text: string }
  | { readonly type: "replace"; readonly from: string; readonly to: string };

export interface MetaspacePairs extends Pairs {
  readonly byteFallback: boolean;
  /** Neighbouring characters without a token become one unknown token together. */
  readonly fuseUnknown: boolean;
  /** What is done to a text, and to each piece of one between added tokens. */
  readonly normal: readonly NormalStep[];
  /** How the pre-tokenizer writes spaces, or null where it leaves a text alone. */
  readonly spaces: {
    /** Which pieces of a text get a space in front, unless they have one. */
    readonly prefix: "always" | "first" | "never";
    /** Every word is merged by itself. */
    readonly words: boolean;
  } | null;
  /** Added tokens that are found in texts: the ones that are not special. */
  readonly found: readonly FoundToken[];
  /** The space at the beginning is put there, and taken away where ids become a text. */
  readonly stripsSpace: boolean;
}
