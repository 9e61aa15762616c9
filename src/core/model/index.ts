/** Base models: files of several formats become a table of tensors for the engine, and a tokenizer. */
export type { BaseModel, TextTokenizer } from "./base-model";
export { fetchDefaultModel } from "./fetch";
export { openBaseModel } from "./open";
export { listModels, resolveBaseModel } from "./cache";
