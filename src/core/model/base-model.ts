import type { ModelTable } from "../engine";

/** Text to token ids and back, as the model was trained with. */
export interface TextTokenizer {
  /** Ids of a text. Special tokens written inside stay text; nothing is put in front or behind. */
  encode(text: string): number[];
  /** Text of ids. Bytes that are no UTF-8 become U+FFFD; an id without a token is nothing. */
  decode(ids: readonly number[]): string;
  /** Token that the model's own tokenizer puts first, or null where it adds none. */
  readonly bos: number | null;
  /** Token that ends the model's own answers. */
  readonly endOfText: number;
  /** One more than the largest id that a text can have. */
  readonly vocabularySize: number;
}

/** A model file that was found sound, ready to be opened by the engine. */
export interface BaseModel {
  /** For people, e.g. "SmolLM2-135M-Instruct Q4_1". */
  readonly name: string;
  /** The file, or the folder. */
  readonly path: string;
  readonly format: "gguf" | "huggingface";
  readonly family: string;
  readonly table: ModelTable;
  readonly tokenizer: TextTokenizer;
  /** SHA-256 (hex) of config, tensor table, tokenizer and sampled blocks of the weights. */
  readonly fingerprint: string;
  /** A head that is the embedding counts once. */
  readonly parameterCount: number;
  /** As the model states it, or null where it does not. */
  readonly license: string | null;
}
