import { existsSync, lstatSync } from "node:fs";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { cacheFolder } from "../cache-folder";
import { PlumbError } from "../errors";
import { DEFAULT_MODEL } from "./default/model";
import { modelsElsewhere } from "./elsewhere";
import { isGgufModel, isNamed, sizeOf, withoutEnding, type FoundModel } from "./found";
import { ggufState } from "./gguf-parts";
import { withHome } from "../home";
import { hubModels } from "./hub/cached";
import { hubCache } from "./hub/environment";
import { isRepo } from "./hub/names";
import { inQuotes, say } from "../say";

/** Where models are kept: PLUMB_MODELS, else `models` in PLUMB_CACHE, in XDG_CACHE_HOME/plumb, or in ~/.cache/plumb. */
export function modelsFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { PLUMB_MODELS } = environment;
  if (PLUMB_MODELS) return path.resolve(withHome(PLUMB_MODELS, environment));
  return path.join(cacheFolder(environment), "models");
}

/** Plumb's own folder, and all models found on this machine: there first, then where other programs keep theirs. */
export async function listModels(): Promise<{
  folder: string;
  models: (FoundModel & { isDefault: boolean })[];
}> {
  const folder = modelsFolder();
  const own = path.join(folder, DEFAULT_MODEL.file);
  const models = (await findModels(folder)).map((model) => ({ ...model, isDefault: model.path === own }));
  return { folder, models };
}

/** A name means one model: of two that have the same, the later goes by its path. */
async function findModels(folder: string): Promise<FoundModel[]> {
  const taken = new Set<string>();
  const all = [...(await ownModels(folder)), ...(await hubModels(hubCache())), ...(await modelsElsewhere())];
  return all.map((model) => {
    if (!taken.has(model.name)) {
      taken.add(model.name);
      return model;
    }
    return { ...model, name: model.path, aliases: [] };
  });
}

/** Files and folders that look like models, sorted by name; empty where there is no such folder. */
async function ownModels(folder: string): Promise<FoundModel[]> {
  const found: FoundModel[] = [];
  for (const name of (await readdir(folder).catch((): string[] => [])).sort()) {
    const place = path.join(folder, name);
    const isFolder = !name.startsWith(".") && existsSync(path.join(place, "config.json"));
    if (!isFolder && !isGgufModel(name)) continue;
    const state = isFolder ? { bytes: await weightsIn(place), broken: null } : await ggufState(place);
    const bare = withoutEnding(name);
    found.push({
      name: bare,
      aliases: [],
      path: place,
      source: "Plumb",
      unsupported: null,
      ...state,
    });
  }
  return found;
}

/** Bytes of the files of weights in a folder. */
async function weightsIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) {
    if (/\.(safetensors|bin)$/.test(name)) bytes += (await sizeOf(path.join(folder, name))) ?? 0;
  }
  return bytes;
}

/**
 * Path of a model: of the default one where nothing is named, else of a file or folder, else of one that is found on this
 * machine by its name. Only looks whether it is there; the network is not touched.
 * @throws PlumbError that says how to get it.
 */
export async function resolveBaseModel(nameOrPath: string | undefined): Promise<string> {
  const folder = modelsFolder();
  if (nameOrPath === undefined) {
    const file = path.join(folder, DEFAULT_MODEL.file);
    if (existsSync(file)) return file;
    throw new PlumbError(
      "model-missing",
      say`The default base model is not on this machine (looked for ${file}). "plumb models get" fetches it: ${Math.round(DEFAULT_MODEL.bytes / 1e6)} MB, licence ${DEFAULT_MODEL.license}.`,
    );
  }
  if (nameOrPath !== "" && isThere(nameOrPath)) return path.resolve(nameOrPath);
  const models = await findModels(folder);
  const found = models.find((model) => isNamed(model, nameOrPath));
  if (found !== undefined) {
    if (found.broken !== null) throw new PlumbError("model-incomplete", found.broken);
    return found.path;
  }
  throw missing(nameOrPath, folder, models);
}

/** A link that leads nowhere is there too: opening it says where it leads. */
function isThere(place: string): boolean {
  try {
    lstatSync(place);
    return true;
  } catch {
    return false;
  }
}

function missing(name: string, folder: string, models: readonly FoundModel[]): PlumbError {
  const own = models.filter(({ source }) => source === "Plumb").map((model) => model.name);
  const there = say`there: ${own.length === 0 ? say`nothing` : own.join(", ")}`;
  const [repo = ""] = name.split("@");
  const fetched =
    repo.includes("/") && isRepo(repo)
      ? say` If it is a model of the Hugging Face Hub, "plumb models get ${name}" fetches it.`
      : "";
  return new PlumbError(
    "model-missing",
    say`There is no base model ${inQuotes(name)}: neither a file or folder of that name, nor in ${folder} (${there}), nor elsewhere on this machine ("plumb models list").${fetched} Give the path of a GGUF file or of a folder with config.json.`,
  );
}
