/** What test/fixtures/tokenizer_reference.py recorded, and what is needed to compare with it. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { openBaseModel, resolveBaseModel, type TextTokenizer } from "../src/core/model";

export interface RecordedCases {
  /** Ids of each text. */
  readonly awkward: readonly (readonly number[])[];
  /** Digest of the ids of each long text. */
  readonly long: readonly string[];
}

interface RecordedTokens {
  readonly texts: readonly string[];
  readonly longTexts: readonly (readonly [text: string, times: number])[];
  readonly default: RecordedCases;
  readonly variants: Readonly<
    Record<string, RecordedCases & { json: Record<string, unknown> & { model: Record<string, unknown> } }>
  >;
  /** Digest of the ids of all texts of a data set. */
  readonly publicData: Readonly<Record<string, string>>;
}

export function recordedTokens(): RecordedTokens {
  const file = path.join(__dirname, "fixtures", "tokenizer.json");
  return JSON.parse(readFileSync(file, "utf8")) as RecordedTokens;
}

/** Over the ids as 32-bit little-endian numbers, each text closed by 0xFFFFFFFF. */
export function digestOf(tokenizer: TextTokenizer, texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(Uint32Array.from([...tokenizer.encode(text), 0xffffffff]));
  return hash.digest("hex").slice(0, 16);
}

/** Texts and targets of a public data set, train before test. */
export async function publicTexts(folder: string): Promise<string[]> {
  const texts: string[] = [];
  for (const part of ["train", "test"]) {
    for (const line of (await readFile(path.join(folder, `${part}.jsonl`), "utf8")).split("\n")) {
      if (line === "") continue;
      const { text, target } = JSON.parse(line) as { text: string; target?: string };
      texts.push(text, ...(target === undefined ? [] : [target]));
    }
  }
  return texts;
}

/** Path of the default model; the running test is skipped with a printed reason where it has not been fetched. */
export async function needDefaultModel(test: Mocha.Context): Promise<string> {
  const file = await resolveBaseModel(undefined).catch(() => null);
  if (file !== null && existsSync(file)) return file;
  console.log('      skipped: the default base model is not here ("plumb models get" fetches it)');
  test.skip();
}

export async function defaultTokenizer(test: Mocha.Context): Promise<TextTokenizer> {
  return (await openBaseModel(await needDefaultModel(test))).tokenizer;
}
