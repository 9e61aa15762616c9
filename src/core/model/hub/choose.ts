import { PlumbError } from "../../errors";
import { isRecord } from "../json";
import { shown } from "../problem";
import type { HubFile } from "./listing";
import { say } from "../../say";

/** Files of a model in Hugging Face form besides its weights: what the tokenizer needs, and the licence in README.md. */
const BESIDES = [
  "config.json",
  "tokenizer.json",
  "tokenizer.model",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "README.md",
];
/** Where there is no tokenizer.json, a byte-level tokenizer is in these. */
const OLD_TOKENIZER = ["vocab.json", "merges.txt"];
/** Forms of the weights, the better first. */
const FORMS = [
  { single: "model.safetensors", index: "model.safetensors.index.json" },
  { single: "pytorch_model.bin", index: "pytorch_model.bin.index.json" },
];
const PART = /^(.*)-\d{5}-of-(\d{5})\.gguf$/;

/** What is fetched first; it says what else is needed. */
export interface FirstFiles {
  readonly files: readonly HubFile[];
  /** Weights in one file, or the index that names their files. */
  readonly weights: { readonly single: HubFile } | { readonly index: HubFile };
}

/** @throws PlumbError where a repository holds no model in Hugging Face form. */
export function chooseFirst(repo: string, files: readonly HubFile[]): FirstFiles {
  const named = new Map(files.map((file) => [file.path, file]));
  const weights = FORMS.map(({ single, index }) => {
    const [one, list] = [named.get(single), named.get(index)];
    return one !== undefined ? { single: one } : list !== undefined ? { index: list } : null;
  }).find((found) => found !== null);
  if (!named.has("config.json") || weights === undefined)
    throw noModel(repo, files, named.has("config.json"));
  const names = named.has("tokenizer.json") ? BESIDES : [...BESIDES, ...OLD_TOKENIZER];
  const besides = names.flatMap((name) => named.get(name) ?? []);
  return { files: "index" in weights ? [...besides, weights.index] : besides, weights };
}

/** The files that an index names. @param index Content of the index. */
export function chooseParts(repo: string, files: readonly HubFile[], index: unknown): HubFile[] {
  const map = isRecord(index) ? index.weight_map : null;
  const parts = isRecord(map) ? [...new Set(Object.values(map))] : [];
  if (parts.length === 0) {
    throw new PlumbError(
      "hub-files",
      say`The index of ${repo} names no files of weights: the repository is damaged. Choose another.`,
    );
  }
  return parts.map((part) => {
    const file = files.find(({ path }) => path === part);
    if (file !== undefined) return file;
    throw new PlumbError(
      "hub-files",
      say`The index of ${repo} names the file ${shown(part)}, which the repository does not have. Choose another, or another revision.`,
    );
  });
}

/**
 * A GGUF file by its path or its name, with all its parts where it comes in several.
 * @throws PlumbError that lists the GGUF files there are.
 */
export function chooseGguf(repo: string, files: readonly HubFile[], wanted: string): HubFile[] {
  const base = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  const ggufs = files.filter(({ path }) => path.endsWith(".gguf"));
  const exact = ggufs.filter(({ path }) => path === wanted);
  const found = exact.length > 0 ? exact : ggufs.filter(({ path }) => base(path) === wanted);
  const [file] = found;
  if (file === undefined || found.length > 1) {
    const list = describeGgufs(found.length > 1 ? found : ggufs);
    throw new PlumbError(
      "hub-file",
      list === ""
        ? say`${repo} has no GGUF files. Leave out --file to fetch the model in Hugging Face form.`
        : say`${repo} has ${found.length > 1 ? say`several files` : say`no GGUF file`} ${shown(wanted)}. Name one of these with --file: ${list}.`,
    );
  }
  const [, stem, count] = PART.exec(file.path) ?? [];
  if (stem === undefined || count === undefined) return [file];
  const parts = ggufs.filter(({ path }) => PART.exec(path)?.[1] === stem && PART.exec(path)?.[2] === count);
  if (parts.length !== Number(count)) {
    throw new PlumbError(
      "hub-file",
      say`${repo} has ${parts.length} of the ${Number(count)} parts of ${file.path}: the model is not whole. Choose another file with --file.`,
    );
  }
  return parts.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function noModel(repo: string, files: readonly HubFile[], hasConfig: boolean): PlumbError {
  const list = describeGgufs(files.filter(({ path }) => path.endsWith(".gguf")));
  if (list !== "") {
    return new PlumbError("hub-files", say`${repo} holds GGUF files. Name one of them with --file: ${list}.`);
  }
  const paths = files.map(({ path }) => path);
  const missing = hasConfig
    ? say`no weights that can be used (${FORMS.map(({ single }) => single).join(say` or `)}, in one file or with its index)`
    : say`no config.json`;
  const hint = paths.includes("adapter_config.json")
    ? say`It holds an adapter: name the base model that the adapter is for.`
    : say`Choose another repository.`;
  return new PlumbError("hub-files", say`${repo} is no model that can be tuned: it has ${missing}. ${hint}`);
}

/** `a.gguf (1.2 GB), b.gguf (800 MB)`; of a file in several parts the first, with the size of all. */
function describeGgufs(files: readonly HubFile[]): string {
  const sizes = new Map<string, { first: string; bytes: number }>();
  for (const { path, size } of files) {
    const stem = PART.exec(path)?.[1] ?? path;
    const known = sizes.get(stem);
    sizes.set(stem, {
      first: known === undefined || path < known.first ? path : known.first,
      bytes: (known?.bytes ?? 0) + size,
    });
  }
  return [...sizes.values()]
    .map(({ first, bytes }) => say`${first} (${Math.max(1, Math.round(bytes / 1e6))} MB)`)
    .join(", ");
}
