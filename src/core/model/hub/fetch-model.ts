import { mkdir, stat, statfs } from "node:fs/promises";
import path from "node:path";
import { PlumbError } from "../../errors";
import { checkConfig } from "../huggingface-model";
import { isNamed } from "../found";
import { holdFolder } from "../hold";
import { readJsonObject } from "../json";
import type { FetchListener } from "../listener";
import { hubModels } from "./cached";
import { chooseFirst, chooseGguf, chooseParts } from "./choose";
import { HubClient, PATIENCE, type HubPatience } from "./client";
import { download, partOf } from "./download";
import { hubEnvironment, type HubEnvironment } from "./environment";
import { listRepo, type HubFile, type Listing } from "./listing";
import { MAIN, type RepoName } from "./names";
import { isWhole, RepoStorage, type MakeLink } from "./storage";
import { say } from "../../say";
import { systemReason } from "../../system-error";

const LONGEST_INDEX = 1 << 24;
/** Left free on the disk besides what is fetched. */
const SPARE = 16e6;

export interface HubWish extends RepoName {
  /** One GGUF file instead of the model in Hugging Face form. */
  readonly file?: string;
}

/** What tests replace. */
export interface HubTools {
  readonly patience: HubPatience;
  /** Bytes that may still be written where a folder lies. */
  freeSpace(folder: string): Promise<number>;
  readonly symlink?: MakeLink;
  /** Calls it off, with an error of code "interrupted". */
  readonly signal?: AbortSignal;
}

const TOOLS: HubTools = {
  patience: PATIENCE,
  freeSpace: async (folder) => {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
};

/** A model in the shared cache. */
export interface HubModel {
  /** Folder of the snapshot, or the GGUF file (its first part). */
  readonly path: string;
  /** Name under which it is found from now on. */
  readonly name: string;
}

/**
 * Fetches a model of the Hub into the shared cache, only the files that it takes. Sizes and hashes are checked; a stopped run
 * is continued by the next; of two at once, one waits for the other.
 * @throws PlumbError saying what is wrong and what to do. What was fetched by then stays.
 */
export async function fetchHubModel(
  wish: HubWish,
  listener: FetchListener,
  tools: Partial<HubTools> = {},
): Promise<HubModel> {
  const all: HubTools = { ...TOOLS, ...tools };
  const environment = hubEnvironment();
  const storage = new RepoStorage(environment.cache, wish.repo, all.symlink);
  if (environment.offline !== null) return fromCache(wish, environment);
  const client = new HubClient(environment, all.patience, (line) => listener.say(line), all.signal);
  const revision = wish.revision ?? MAIN;
  const listing = await listRepo(client, wish.repo, revision);
  const fetching = new Fetching(client, wish.repo, listing, storage, listener, all);
  try {
    const files =
      wish.file === undefined
        ? await fetching.huggingFaceForm()
        : await fetching.files(chooseGguf(wish.repo, listing.files, wish.file));
    await storage.keepRevision(revision, listing.commit);
    return modelAt(wish, storage, listing.commit, files);
  } catch (error) {
    if (all.signal?.aborted === true) {
      throw new PlumbError("interrupted", say`Stopped. The same command goes on from here.`, {
        cause: error,
      });
    }
    throw asPlumbError(error, environment.cache);
  }
}

/** Name and place of a model whose files are all there. */
function modelAt(wish: HubWish, storage: RepoStorage, commit: string, files: readonly HubFile[]): HubModel {
  const name = wish.revision === null ? wish.repo : `${wish.repo}@${wish.revision}`;
  const first = files[0];
  return wish.file === undefined || first === undefined
    ? { path: storage.snapshot(commit), name }
    : { path: storage.pointer(commit, first.path), name: `${name}/${first.path.replace(/\.gguf$/, "")}` };
}

/** Without the network: what an earlier run fetched. */
async function fromCache(wish: HubWish, { cache, offline }: HubEnvironment): Promise<HubModel> {
  const revision = wish.revision === null ? wish.repo : `${wish.repo}@${wish.revision}`;
  const wanted = wish.file === undefined ? revision : `${revision}/${wish.file.replace(/\.gguf$/, "")}`;
  const found = (await hubModels(cache)).find((model) => isNamed(model, wanted));
  if (found?.broken === null) return { path: found.path, name: found.name };
  throw new PlumbError(
    "hub-offline",
    say`${offline ?? ""} is set, so nothing is fetched, and ${wanted} is not in ${cache} as a whole. Unset ${offline ?? ""} to fetch it.`,
  );
}

class Fetching {
  constructor(
    private readonly client: HubClient,
    private readonly repo: string,
    private readonly listing: Listing,
    private readonly storage: RepoStorage,
    private readonly listener: FetchListener,
    private readonly tools: HubTools,
  ) {}

  /** Config and tokenizer first: they say whether the weights are worth fetching, and which they are. */
  async huggingFaceForm(): Promise<readonly HubFile[]> {
    const { commit, files } = this.listing;
    const first = chooseFirst(this.repo, files);
    await this.files(first.files);
    await checkConfig(this.storage.snapshot(commit));
    const parts =
      "single" in first.weights
        ? [first.weights.single]
        : chooseParts(
            this.repo,
            files,
            await readJsonObject(this.storage.pointer(commit, first.weights.index.path), LONGEST_INDEX),
          );
    return [...first.files, ...(await this.files(parts))];
  }

  /** Makes files be there. */
  async files(wanted: readonly HubFile[]): Promise<readonly HubFile[]> {
    if ((await this.missing(wanted)).length === 0) return wanted;
    await mkdir(this.storage.locks, { recursive: true });
    const unlock = await holdFolder(this.storage.locks, (line) => this.listener.say(line), this.tools.signal);
    try {
      const missing = await this.missing(wanted);
      const before = await this.bytesThere(missing);
      const total = missing.reduce((sum, { size }) => sum + size, 0);
      await this.checkRoom(total - before);
      let [done, fetched] = [0, 0];
      for (const file of missing) {
        const blob = this.storage.blob(file.digest);
        await mkdir(path.dirname(blob), { recursive: true });
        const there = await isWhole(blob, file.size);
        if (there) done += file.size;
        else {
          const place = { repo: this.repo, commit: this.listing.commit, file, blob };
          await download(this.client, place, (bytes, fresh) => {
            done += bytes;
            if (fresh) fetched += bytes;
            this.listener.progress({ file: file.path, done, total, fetched });
          });
        }
        await this.storage.link(this.listing.commit, file, !there);
      }
    } finally {
      await unlock();
    }
    return wanted;
  }

  private async missing(wanted: readonly HubFile[]): Promise<HubFile[]> {
    const found: HubFile[] = [];
    for (const file of wanted) {
      if (!(await this.storage.has(this.listing.commit, file))) found.push(file);
    }
    return found;
  }

  /** Bytes of files that an earlier run began. */
  private async bytesThere(files: readonly HubFile[]): Promise<number> {
    let bytes = 0;
    for (const { digest, size } of files) {
      const blob = this.storage.blob(digest);
      if (await isWhole(blob, size)) bytes += size;
      else
        bytes += await stat(partOf(blob)).then(
          (info) => Math.min(info.size, size),
          () => 0,
        );
    }
    return bytes;
  }

  private async checkRoom(needed: number): Promise<void> {
    const free = await this.tools.freeSpace(this.storage.locks);
    if (needed + SPARE > free) {
      throw diskFull(
        this.client.environment.cache,
        say`${Math.floor(free / 1e6)} MB are free, ${Math.ceil((needed + SPARE) / 1e6)} MB are needed`,
      );
    }
  }
}

function diskFull(cache: string, found: string): PlumbError {
  return new PlumbError(
    "disk-full",
    say`Not enough room in ${cache}: ${found}. Make room, or set HF_HUB_CACHE to a folder on another disk; what is there is kept.`,
  );
}

function asPlumbError(error: unknown, cache: string): unknown {
  if (!(error instanceof Error) || error instanceof PlumbError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") return diskFull(cache, say`the disk is full`);
  if (code === undefined) return error;
  return new PlumbError(
    "hub-cache",
    say`The model cannot be written into ${cache}: ${systemReason(error)}. Set HF_HUB_CACHE to a folder that may be written.`,
    { cause: error },
  );
}
