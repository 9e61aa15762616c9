import { existsSync } from "node:fs";
import path from "node:path";
import { isRecord, readJsonObject, type JsonObject } from "./json";
import { damaged, mismatch, shown, unsupported } from "./problem";
import {
  DIGIT_RUNS,
  GPT2_SPLIT,
  unknownTokenizer,
  SINGLE_DIGITS,
  splitMerge,
  type AddedToken,
  type BytePairs,
  type Pairs,
  type SplitStep,
} from "./byte-pairs";
import type { MetaspacePairs } from "./metaspace";
import { readMetaspace } from "./metaspace-json";
import { say } from "../say";

const LONGEST_TOKENIZER = 1 << 26;
const LONGEST_CONFIG = 1 << 24;

/**
 * The tokenizer of a folder in Hugging Face form.
 * @param configEnd `eos_token_id` of config.json: the end token, where tokenizer_config.json names none.
 * @throws PlumbError naming the field.
 */
export async function openHuggingFaceTokenizer(
  folder: string,
  configEnd: unknown,
): Promise<{ words: BytePairs | MetaspacePairs; file: string }> {
  const file = path.join(folder, "tokenizer.json");
  const json = await readJsonObject(file, LONGEST_TOKENIZER);
  if (json === null) throw noTokenizer(folder);
  const configFile = path.join(folder, "tokenizer_config.json");
  const config = (await readJsonObject(configFile, LONGEST_CONFIG)) ?? {};

  const model = object(json.model, file, "model");
  if (model.type !== "BPE") throw unknownTokenizer(file, say`a tokenizer of the type ${shown(model.type)}`);
  for (const name of ["dropout", "continuing_subword_prefix", "end_of_word_suffix"]) {
    if ((model[name] ?? "") !== "") throw unknownTokenizer(file, `"model.${name}"`);
  }
  const vocabulary = vocabularyOf(model.vocab, file);
  const addedTokens = addedTokensOf(json.added_tokens, file);
  const idOf = (content: string) =>
    addedTokens.find((token) => token.content === content)?.id ?? vocabulary.get(content) ?? null;
  const pairs: Pairs = {
    vocabulary,
    merges: mergesOf(model.merges, file),
    ignoreMerges: model.ignore_merges === true,
    unknown: typeof model.unk_token === "string" ? model.unk_token : null,
    addedTokens,
    bos: bosOf(json.post_processor, config, configFile, idOf),
    endOfText: endOf(config, configEnd, configFile, idOf),
  };
  if (!isRecord(json.decoder) || json.decoder.type !== "ByteLevel") {
    return { file, words: readMetaspace(json, pairs, file) };
  }
  if (model.byte_fallback === true) throw unknownTokenizer(file, '"model.byte_fallback"');
  const splits = splitsOf(json.pre_tokenizer, file);
  return { file, words: { ...pairs, normalForm: normalFormOf(json.normalizer, file), splits } };
}

function noTokenizer(folder: string): Error {
  const old = existsSync(path.join(folder, "vocab.json"))
    ? say`Transformers makes the first of its vocab.json and merges.txt: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER).`
    : say`Get it from where the model came.`;
  return unsupported(folder, say`this folder has no tokenizer.json and no tokenizer.model. ${old}`);
}

function object(value: unknown, file: string, field: string): JsonObject {
  if (isRecord(value)) return value;
  throw damaged(file, say`"${field}" is ${value === undefined ? say`missing` : say`no JSON object`}`);
}

function list(value: unknown, file: string, field: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw damaged(file, say`"${field}" is ${value === undefined ? say`missing` : say`no list`}`);
}

function vocabularyOf(value: unknown, file: string): Map<string, number> {
  const vocabulary = new Map<string, number>();
  for (const [token, id] of Object.entries(object(value, file, "model.vocab"))) {
    if (typeof id !== "number") {
      throw damaged(
        file,
        say`"model.vocab": token ${shown(token)} has the id ${shown(id)}, expected a number`,
      );
    }
    vocabulary.set(token, id);
  }
  return vocabulary;
}

function mergesOf(value: unknown, file: string): [string, string][] {
  return list(value, file, "model.merges").map((merge, i) => {
    if (typeof merge === "string") return splitMerge(merge, i, file);
    if (Array.isArray(merge) && merge.length === 2) {
      const [left, right] = merge as [unknown, unknown];
      if (typeof left === "string" && typeof right === "string") return [left, right];
    }
    throw damaged(file, say`"model.merges": merge ${i} is no pair of tokens`);
  });
}

function addedTokensOf(value: unknown, file: string): AddedToken[] {
  return list(value ?? [], file, "added_tokens").map((token, i) => {
    const field = `added_tokens[${i}]`;
    const { id, content, special, ...rest } = object(token, file, field);
    if (typeof content !== "string" || content === "" || typeof id !== "number") {
      throw damaged(file, say`"${field}" has no content or id`);
    }
    const strips = ["single_word", "lstrip", "rstrip"].find((name) => rest[name] === true);
    if (special !== true && strips !== undefined) throw unknownTokenizer(file, `"${field}.${strips}"`);
    if (special === true) return { id, content, special };
    return { id, content, special: false, ...(rest.normalized === false ? {} : { normalized: true }) };
  });
}

function normalFormOf(value: unknown, file: string): "NFC" | null {
  if (value === null || value === undefined) return null;
  const { type } = object(value, file, "normalizer");
  if (type === "NFC") return type;
  throw unknownTokenizer(file, say`the normalizer ${shown(type)}`);
}

/** The steps before the bytes, in order; the last step must be ByteLevel. */
function splitsOf(value: unknown, file: string): SplitStep[] {
  const steps = flatten(value, file);
  const last = steps.pop();
  if (last?.type !== "ByteLevel")
    throw unknownTokenizer(file, say`a pre-tokenizer that does not end with ByteLevel`);
  if (last.add_prefix_space === true) throw unknownTokenizer(file, say`a ByteLevel with "add_prefix_space"`);
  const splits = steps.map((step): SplitStep => {
    if (step.type === "Digits") return step.individual_digits === true ? SINGLE_DIGITS : DIGIT_RUNS;
    if (step.type === "Split") return splitOf(step, file);
    throw unknownTokenizer(file, say`the pre-tokenizer ${shown(step.type)} before the last`);
  });
  return last.use_regex === false ? splits : [...splits, GPT2_SPLIT];
}

function flatten(value: unknown, file: string, depth = 0): JsonObject[] {
  const step = object(value, file, "pre_tokenizer");
  if (step.type !== "Sequence") return [step];
  if (depth > 8) throw damaged(file, say`"pre_tokenizer" is nested too deeply`);
  return list(step.pretokenizers, file, "pre_tokenizer.pretokenizers").flatMap((inner) =>
    flatten(inner, file, depth + 1),
  );
}

function splitOf(step: JsonObject, file: string): SplitStep {
  const { Regex: regex, String: literal } = object(step.pattern, file, "pre_tokenizer.pattern");
  const pattern =
    typeof regex === "string"
      ? regex
      : typeof literal === "string"
        ? literal.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")
        : null;
  if (pattern === null) throw damaged(file, say`"pre_tokenizer.pattern" has neither "Regex" nor "String"`);
  const removed = step.behavior === "Removed";
  if (removed === (step.invert === true) && (removed || step.behavior === "Isolated")) {
    return { regex: pattern, matchesOnly: removed };
  }
  throw unknownTokenizer(file, say`a Split with the behavior ${shown(step.behavior)}`);
}

type IdOf = (content: string) => number | null;

/** Content of a token in tokenizer_config.json: a text, or an object that holds it. */
function contentOf(value: unknown): string | null {
  const content = isRecord(value) ? value.content : value;
  return typeof content === "string" ? content : null;
}

/**
 * The token that the model's own tokenizer puts first: "add_bos_token" says so or says no; where it is silent, the
 * template of tokenizer.json does.
 */
function bosOf(processor: unknown, config: JsonObject, configFile: string, idOf: IdOf): number | null {
  if (config.add_bos_token === false) return null;
  if (config.add_bos_token === true) {
    const id = idOf(contentOf(config.bos_token) ?? "");
    if (id === null) throw damaged(configFile, say`"add_bos_token" is true, but "bos_token" is no token`);
    return id;
  }
  const template = templateOf(processor);
  const first: unknown = template?.[0];
  if (!isRecord(first) || !isRecord(first.SpecialToken)) return null;
  return idOf(contentOf(first.SpecialToken.id) ?? "");
}

/** `single` of the TemplateProcessing, alone or within a Sequence. */
function templateOf(processor: unknown): readonly unknown[] | null {
  if (!isRecord(processor)) return null;
  const steps: readonly unknown[] = Array.isArray(processor.processors) ? processor.processors : [processor];
  const template = steps.filter(isRecord).find(({ type }) => type === "TemplateProcessing");
  return Array.isArray(template?.single) ? (template.single as readonly unknown[]) : null;
}

function endOf(config: JsonObject, configEnd: unknown, configFile: string, idOf: IdOf): number {
  const named = contentOf(config.eos_token);
  const id: unknown = named === null ? (Array.isArray(configEnd) ? configEnd[0] : configEnd) : idOf(named);
  if (typeof id === "number") return id;
  throw named === null
    ? damaged(configFile, say`"eos_token" is missing, and config.json has no "eos_token_id"`)
    : mismatch(
        configFile,
        say`"eos_token" ${shown(named)} is no token of tokenizer.json beside it. The two belong to different models: get both again.`,
      );
}
