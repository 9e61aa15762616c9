import { statSync } from "node:fs";
import { languageCosts, SERVED, type BaseModel, type LanguageCost } from "../core/model";
import { formatBytes } from "../core/tuning/forecast";
import type { TuningMemory } from "./model-memory";

/** What `plumb models info` tells. */
export interface ModelFacts {
  readonly name: string;
  readonly path: string;
  readonly format: BaseModel["format"];
  readonly family: string;
  readonly parameters: number;
  /** Bytes of the files that hold the weights. */
  readonly bytes: number;
  /** Tensors of each element type. */
  readonly types: Readonly<Record<string, number>>;
  readonly config: BaseModel["table"]["config"];
  readonly beginningOfText: number | null;
  readonly endOfText: number;
  readonly license: string | null;
  readonly fingerprint: string;
  /** The language that takes the fewest tokens first. */
  readonly languages: readonly LanguageCost[];
  readonly memory: TuningMemory;
  /** What will not work, and why, in sentences. */
  readonly limits: readonly string[];
}

export function factsOf(model: BaseModel, memory: TuningMemory): ModelFacts {
  const types: Record<string, number> = {};
  for (const { type } of model.table.tensors) types[type] = (types[type] ?? 0) + 1;
  const languages = languageCosts(model.tokenizer);
  return {
    name: model.name,
    path: model.path,
    format: model.format,
    family: model.family,
    parameters: model.parameterCount,
    bytes: model.table.files.reduce((sum, file) => sum + statSync(file).size, 0),
    types,
    config: model.table.config,
    beginningOfText: model.tokenizer.bos,
    endOfText: model.tokenizer.endOfText,
    license: model.license,
    fingerprint: model.fingerprint,
    languages,
    memory,
    limits: limitsOf(model.table.config.contextLength, languages, memory),
  };
}

/** What will not work with a model that can be opened. */
function limitsOf(context: number, languages: readonly LanguageCost[], memory: TuningMemory): string[] {
  const limits: string[] = [];
  if (memory.least > memory.usable) {
    limits.push(
      `Tuning, on this machine as it is now: at least ${formatBytes(memory.least)} of memory are needed, and ${formatBytes(memory.usable)} may be used. Close other programs, or take a smaller model.`,
    );
  }
  const [cheapest] = languages;
  if (cheapest !== undefined && cheapest.served !== "not at all") {
    const words = Math.floor(context / cheapest.tokensPerWord / 10) * 10;
    limits.push(
      `Texts of more than about ${words.toLocaleString("en-US")} words, even in ${cheapest.language}: the context is ${context.toLocaleString("en-US")} tokens, and what is longer loses its middle.`,
    );
  }
  const servedSo = (how: LanguageCost["served"]) =>
    languages.filter(({ served }) => served === how).map(({ language }) => language);
  const [poor, lost] = [servedSo("poorly"), servedSo("not at all")];
  if (poor.length > 0) {
    limits.push(
      `Texts in ${poor.join(", ")}, as a rule: their words fall into many tokens, which takes time and says that the model has seen little of them.`,
    );
  }
  if (lost.length > 0) {
    limits.push(
      `Texts in ${lost.join(", ")}: the tokenizer has no tokens for some of their characters, and the model never sees them.`,
    );
  }
  return limits;
}

/** A model in lines for people. */
export function describeModel(facts: ModelFacts): string {
  const { config, memory } = facts;
  const rows: [string, string][] = [
    ["path", facts.path],
    ["form", facts.format === "gguf" ? "GGUF file" : "folder in Hugging Face form"],
    ["family", facts.family],
    ["parameters", `${(facts.parameters / 1e6).toFixed(1)} million`],
    ["size on disk", `${(facts.bytes / 1e6).toFixed(1)} MB`],
    [
      "weights",
      Object.entries(facts.types)
        .map(([type, count]) => `${count} ${type}`)
        .join(", "),
    ],
    ["layers", `${config.layerCount}, hidden size ${config.hiddenSize}`],
    ["heads", `${config.headCount} of ${config.headSize}, ${config.kvHeadCount} for keys and values`],
    ["vocabulary", `${config.vocabularySize}${config.tiedHead ? ", head shared with the embedding" : ""}`],
    ["context", `${config.contextLength} tokens`],
    [
      "first token",
      facts.beginningOfText === null
        ? "none is put in front"
        : `${facts.beginningOfText} in front of every text`,
    ],
    ["licence", facts.license ?? "not stated"],
    ["fingerprint", facts.fingerprint],
    [
      "to tune",
      `${formatBytes(memory.fast)} of memory, ${formatBytes(memory.least)} at least, besides the file itself${memory.source === "engine" ? "" : "; an estimate, the engine is not built"}`,
    ],
    ...titled("languages", languageLines(facts.languages)),
    ...titled("will not work", facts.limits),
  ];
  return `${facts.name}\n${rows.map(([name, value]) => `  ${name.padEnd(14)}${value}\n`).join("")}`;
}

/** Lines of which the first has a title. */
function titled(title: string, lines: readonly string[]): [string, string][] {
  return lines.map((line, index) => [index === 0 ? title : "", line]);
}

function languageLines(languages: readonly LanguageCost[]): string[] {
  return SERVED.flatMap((served) => {
    const costs = languages
      .filter((language) => language.served === served)
      .map(({ language, tokensPerWord }) => `${language} ${tokensPerWord.toFixed(1)}`);
    return costs.length === 0 ? [] : [`${served}, in tokens a word: ${costs.join(", ")}`];
  });
}
