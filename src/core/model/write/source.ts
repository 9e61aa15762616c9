import { open, readFile, readdir } from "node:fs/promises";
import path from "node:path";
import type { BaseModel } from "../base-model";
import { readGgufHeader } from "../gguf";
import { joinGgufParts } from "../gguf-parts";
import { openGgufTokenizer } from "../gguf-tokenizer";
import { readJsonObject, type JsonObject } from "../json";
import { Metadata } from "../metadata";
import { adaptedConfig, configFor } from "./config-file";
import { specialIds, tokenizerFiles } from "./tokenizer-files";

/** What a written model takes over from the one that it comes from, besides the numbers. */
export interface ModelSource {
  readonly config: JsonObject;
  /** Tokenizer, settings of generation, licence: names within the folder, and contents. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  /** What the model says of itself and its licence. */
  readonly about: Readonly<Record<string, string>>;
}

const LONGEST_CONFIG = 1 << 20;
const KEPT = new Set([
  "tokenizer.json",
  "tokenizer_config.json",
  "tokenizer.model",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "merges.txt",
  "chat_template.jinja",
  "generation_config.json",
]);
const LICENSE = /^(licen[cs]e|notice|use_policy)\b/i;
const ABOUT = [
  "name",
  "author",
  "organization",
  "license",
  "license.name",
  "license.link",
  "source.url",
  "url",
];

/** Reads it from the base model's own files. @throws PlumbError where one is damaged. */
export async function readModelSource(base: BaseModel): Promise<ModelSource> {
  return base.format === "gguf" ? fromGguf(base) : fromFolder(base.path);
}

async function fromFolder(folder: string): Promise<ModelSource> {
  const config = (await readJsonObject(path.join(folder, "config.json"), LONGEST_CONFIG)) ?? {};
  const files = new Map<string, Uint8Array>();
  for (const name of (await readdir(folder)).sort()) {
    const kept = KEPT.has(name) || LICENSE.test(name);
    if (kept) files.set(name, await readFile(path.join(folder, name)));
    // The new model has a page of its own.
    else if (name === "README.md") files.set("README.base.md", await readFile(path.join(folder, name)));
  }
  return { config: adaptedConfig(config), files, about: {} };
}

async function fromGguf({ path: named, family, table }: BaseModel): Promise<ModelSource> {
  const handle = await open(named);
  try {
    const { size } = await handle.stat();
    const { header, first } = joinGgufParts(readGgufHeader(handle.fd, size, named), named);
    const metadata = new Metadata(header.metadata, first);
    const words = openGgufTokenizer(metadata);
    const about = ABOUT.flatMap((key) => {
      const value = metadata.text(`general.${key}`, null);
      return value === null ? [] : [[key, value]];
    });
    return {
      config: configFor(family, table.config, specialIds(metadata, words), first),
      files: tokenizerFiles(metadata, words, table.config.contextLength),
      about: Object.fromEntries(about) as Record<string, string>,
    };
  } finally {
    await handle.close();
  }
}
