/** Base models: files of several formats become a table of tensors for the engine, and a tokenizer. */
export type { BaseModel, TextTokenizer } from "./base-model";
export { addModel } from "./add";
export { getDefaultModel, SOURCES } from "./default/get";
export { DEFAULT_MODEL } from "./default/model";
export type { FetchListener } from "./listener";
export { openBaseModel } from "./open";
export { readModelSource } from "./write/source";
export { listModels, resolveBaseModel } from "./cache";
export type { FoundModel } from "./found";
export { languageCosts, SERVED, type LanguageCost } from "./languages";
export { fetchHubModel } from "./hub/fetch-model";
export { parseRepoName } from "./hub/names";
