import { existsSync } from "node:fs";
import { readdir, readFile, readlink } from "node:fs/promises";
import path from "node:path";
import { FAMILIES } from "../families";
import { isGgufModel, sizeOf, sizeOfGguf, type FoundModel } from "../found";
import { hasSlidingWindow } from "../huggingface-model";
import { isRecord, readJsonObject, type JsonObject } from "../json";
import { shown } from "../problem";
import { COMMIT, MAIN } from "./names";
import { say } from "../../say";

const LONGEST_CONFIG = 1 << 20;
const LONGEST_INDEX = 1 << 24;
const WEIGHTS = ["model.safetensors", "pytorch_model.bin"];
const TOKENIZERS = ["tokenizer.json", "tokenizer.model", "vocab.json"];
/** How deep a repository keeps GGUF files. */
const DEPTH = 3;

/** Models in the shared cache of Hugging Face, whoever fetched them; empty where there is no such cache. */
export async function hubModels(cache: string): Promise<FoundModel[]> {
  const found: FoundModel[] = [];
  for (const folder of (await names(cache)).sort()) {
    if (!folder.startsWith("models--")) continue;
    found.push(...(await repoModels(path.join(cache, folder), folder.split("--").slice(1).join("/"))));
  }
  return found;
}

async function repoModels(folder: string, repo: string): Promise<FoundModel[]> {
  const commits = (await names(path.join(folder, "snapshots"))).filter((name) => COMMIT.test(name));
  const refs = await refsOf(path.join(folder, "refs"));
  const hasMain = commits.some((commit) => refs.get(commit)?.includes(MAIN));
  const found: FoundModel[] = [];
  for (const commit of commits) {
    const own = refs.get(commit) ?? [];
    const isMain = own.includes(MAIN) || (!hasMain && commits.length === 1);
    const short = commit.slice(0, 12);
    const titles = [...(isMain ? [repo] : []), ...[...own, short, commit].map((ref) => `${repo}@${ref}`)];
    const wish = own.includes(MAIN) ? repo : `${repo}@${own[0] ?? commit}`;
    found.push(...(await snapshotModels(path.join(folder, "snapshots", commit), titles, wish)));
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * @param titles What the snapshot is called, the usual name first.
 * @param wish What `plumb models get` has to be told for exactly this snapshot.
 */
async function snapshotModels(
  snapshot: string,
  titles: readonly string[],
  wish: string,
): Promise<FoundModel[]> {
  const files = await walk(snapshot, DEPTH);
  const [title = "", ...others] = titles;
  const found: FoundModel[] = [];
  const weights = WEIGHTS.find((name) => files.includes(name) || files.includes(`${name}.index.json`));
  if (files.includes("config.json") && weights !== undefined) {
    const state = await inspect(snapshot, files, weights, wish);
    found.push({ name: title, aliases: others, path: snapshot, source: "Hugging Face", ...state });
  }
  for (const file of files.filter((name) => isGgufModel(path.posix.basename(name)))) {
    const bare = file.replace(/\.gguf$/, "");
    const place = path.join(snapshot, file);
    const { bytes, missing } = await sizeOfGguf(place);
    found.push({
      name: `${title}/${bare}`,
      aliases: others.map((other) => `${other}/${bare}`),
      path: place,
      source: "Hugging Face",
      bytes,
      broken: missing === null ? null : await lacking(missing, `plumb models get ${wish} --file ${file}`),
      unsupported: null,
    });
  }
  return found;
}

/** What a look at the config and at the files' sizes tells about a model in Hugging Face form. */
async function inspect(
  snapshot: string,
  files: readonly string[],
  weights: string,
  wish: string,
): Promise<Pick<FoundModel, "bytes" | "broken" | "unsupported">> {
  const get = `plumb models get ${wish}`;
  const config = await readObject(path.join(snapshot, "config.json"), LONGEST_CONFIG);
  const index = `${weights}.index.json`;
  const parts = files.includes(weights)
    ? [weights]
    : partsOf(await readObject(path.join(snapshot, index), LONGEST_INDEX));
  const tokenizers = TOKENIZERS.filter((name) => files.includes(name));
  let bytes: number | null = 0;
  let broken: string | null = null;
  for (const part of ["config.json", ...(parts ?? [index]), ...tokenizers]) {
    const place = path.join(snapshot, part);
    const size = await sizeOf(place);
    const isWeight = parts?.includes(part) === true;
    if (size === null) {
      bytes = null;
      broken ??= await lacking(place, get);
    } else if (bytes !== null && isWeight) bytes += size;
  }
  if (parts === null) {
    bytes = null;
    broken ??= say`${path.join(snapshot, index)} names no files of weights. "${get}" fetches it again.`;
  }
  return { bytes, broken, unsupported: config === null ? null : whyUnsupported(config) };
}

/** What the config alone tells; opening the model tells all. */
function whyUnsupported(config: JsonObject): string | null {
  const { model_type: type } = config;
  if (type === undefined) return null;
  const family = FAMILIES.find(({ huggingFace }) => huggingFace === type);
  if (family === undefined) return say`the family ${shown(type)}`;
  return hasSlidingWindow(config, family) ? say`a sliding window of attention` : null;
}

/** Files that an index names; null where it is none. */
function partsOf(index: JsonObject | null): string[] | null {
  if (index === null || !isRecord(index.weight_map)) return null;
  const parts = [...new Set(Object.values(index.weight_map))];
  return parts.length > 0 && parts.every((part) => typeof part === "string") ? parts : null;
}

/** Why there is no file that can be read, and how to get it. */
async function lacking(place: string, get: string): Promise<string> {
  const target = await readlink(place).catch(() => null);
  if (target !== null)
    return say`${place} is a link to ${target}, which is not there. "${get}" fetches it again.`;
  return existsSync(place)
    ? say`${place} is no file that can be read. "${get}" fetches it again.`
    : say`${place} is missing: the model was not fetched whole. "${get}" fetches what is missing.`;
}

async function readObject(file: string, most: number): Promise<JsonObject | null> {
  return readJsonObject(file, most).catch(() => null);
}

/** Commits by what names them: branches, tags, `refs/pr/1`. */
async function refsOf(folder: string): Promise<Map<string, string[]>> {
  const refs = new Map<string, string[]>();
  for (const name of await walk(folder, 4)) {
    const commit = (await readFile(path.join(folder, name), "utf8").catch(() => "")).trim();
    if (COMMIT.test(commit)) refs.set(commit, [...(refs.get(commit) ?? []), name]);
  }
  return refs;
}

/** Files and links below a folder, sorted, with `/` between the parts of their names. */
async function walk(folder: string, depth: number, prefix = ""): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  for (const entry of entries) {
    const name = prefix + entry.name;
    if (!entry.isDirectory()) found.push(name);
    else if (depth > 1) found.push(...(await walk(path.join(folder, entry.name), depth - 1, `${name}/`)));
  }
  return found.sort();
}

const names = (folder: string) => readdir(folder).catch((): string[] => []);
