import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { isGgufModel, sizeOf, withoutEnding, type FoundModel, type ModelSource } from "./found";
import { ggufState } from "./gguf-parts";
import { homeFolder } from "../home";
import { isRecord, readJsonObject } from "./json";
import { say } from "../say";

const LONGEST_MANIFEST = 1 << 20;
const OLLAMA_HOST = "registry.ollama.ai";
const MODEL_LAYER = "application/vnd.ollama.image.model";
const DIGEST = /^sha256[:-]([0-9a-f]{64})$/;

/** GGUF models that other programs keep on this machine. */
export async function modelsElsewhere(environment: NodeJS.ProcessEnv = process.env): Promise<FoundModel[]> {
  const found: FoundModel[] = [];
  found.push(...(await ggufsBelow(llamaCppFolder(environment), "llama.cpp", 1)));
  found.push(...(await ggufsBelow(await lmStudioFolder(environment), "LM Studio", 4)));
  for (const folder of ollamaFolders(environment)) found.push(...(await ollamaModels(folder)));
  return found;
}

/** As llama.cpp's `fs_get_cache_directory` has it. */
export function llamaCppFolder(
  environment: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
  system: path.PlatformPath = path,
): string {
  const { LLAMA_CACHE, LOCALAPPDATA, XDG_CACHE_HOME } = environment;
  const user = homeFolder(environment, platform);
  if (LLAMA_CACHE) return LLAMA_CACHE;
  const caches =
    platform === "darwin"
      ? system.join(user, "Library", "Caches")
      : platform === "win32"
        ? LOCALAPPDATA || system.join(user, "AppData", "Local")
        : XDG_CACHE_HOME || system.join(user, ".cache");
  return system.join(caches, "llama.cpp");
}

/** `models` in LM Studio's home, which a file may place elsewhere, or the folder that its settings name. */
async function lmStudioFolder(environment: NodeJS.ProcessEnv): Promise<string> {
  const user = homeFolder(environment);
  const pointer = path.join(user, ".lmstudio-home-pointer");
  const named = (await readFile(pointer, "utf8").catch(() => "")).trim();
  const home = named === "" ? path.join(user, ".lmstudio") : named;
  const settings = await readJsonObject(path.join(home, "settings.json"), 1 << 20).catch(() => null);
  const folder = settings?.downloadsFolder;
  return typeof folder === "string" && folder !== "" ? folder : path.join(home, "models");
}

/** The user's own, or the one that Ollama's service on Linux has. */
function ollamaFolders(environment: NodeJS.ProcessEnv): string[] {
  const { OLLAMA_MODELS } = environment;
  return OLLAMA_MODELS
    ? [OLLAMA_MODELS]
    : [path.join(homeFolder(environment), ".ollama", "models"), "/usr/share/ollama/.ollama/models"];
}

/** GGUF files below a folder, named by their path from there. */
export async function ggufsBelow(
  folder: string,
  source: ModelSource,
  depth: number,
  prefix = "",
): Promise<FoundModel[]> {
  const found: FoundModel[] = [];
  for (const name of (await readdir(folder).catch((): string[] => [])).sort()) {
    if (name.startsWith(".")) continue;
    const place = path.join(folder, name);
    if (isGgufModel(name) && (await sizeOf(place)) !== null) {
      const bare = withoutEnding(name);
      found.push({ ...model(prefix + bare, [], place, source), ...(await ggufState(place)) });
    } else if (depth > 1) {
      found.push(...(await ggufsBelow(place, source, depth - 1, `${prefix}${name}/`)));
    }
  }
  return found;
}

/** Ollama keeps manifests by host, namespace, model and tag; each names the blob that holds the weights. */
async function ollamaModels(folder: string): Promise<FoundModel[]> {
  const found: FoundModel[] = [];
  for await (const { manifest, name } of manifests(path.join(folder, "manifests"))) {
    const blob = await weightsOf(manifest);
    if (blob === null) continue;
    const place = path.join(folder, "blobs", blob);
    const bytes = await sizeOf(place);
    const broken = say`${place} is missing. "ollama pull ${name}" fetches it again.`;
    const aliases = name.endsWith(":latest") ? [name.slice(0, -":latest".length)] : [];
    found.push({ ...model(name, aliases, place, "Ollama"), bytes, broken: bytes === null ? broken : null });
  }
  return found;
}

/** What Ollama calls the model whose weights a file holds; null where it is none of Ollama's. */
export async function ollamaNameOf(file: string): Promise<string | null> {
  const blob = path.basename(file);
  if (!DIGEST.test(blob)) return null;
  for await (const { manifest, name } of manifests(path.join(path.dirname(file), "..", "manifests"))) {
    if ((await weightsOf(manifest)) === blob) return name;
  }
  return null;
}

async function* manifests(folder: string): AsyncGenerator<{ manifest: string; name: string }> {
  const inside = async (place: string) => (await readdir(place).catch((): string[] => [])).sort();
  for (const host of await inside(folder)) {
    for (const namespace of await inside(path.join(folder, host))) {
      for (const name of await inside(path.join(folder, host, namespace))) {
        for (const tag of await inside(path.join(folder, host, namespace, name))) {
          const parts = [
            ...(host === OLLAMA_HOST ? [] : [host]),
            ...(host === OLLAMA_HOST && namespace === "library" ? [] : [namespace]),
            `${name}:${tag}`,
          ];
          yield { manifest: path.join(folder, host, namespace, name, tag), name: parts.join("/") };
        }
      }
    }
  }
}

/** Name of the blob with the weights; null where there is none, or several. */
async function weightsOf(manifest: string): Promise<string | null> {
  const json = await readJsonObject(manifest, LONGEST_MANIFEST).catch(() => null);
  const layers: unknown[] = Array.isArray(json?.layers) ? json.layers : [];
  const [layer, more] = layers.filter(isRecord).filter(({ mediaType }) => mediaType === MODEL_LAYER);
  const digest = more === undefined && typeof layer?.digest === "string" ? DIGEST.exec(layer.digest) : null;
  return digest === null ? null : `sha256-${digest[1]}`;
}

function model(
  name: string,
  aliases: readonly string[],
  place: string,
  source: ModelSource,
): Omit<FoundModel, "bytes" | "broken"> {
  return { name, aliases, path: place, source, unsupported: null };
}
