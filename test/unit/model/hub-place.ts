/** An environment of its own for tests of the Hub: home, caches and a server, and what a fetch into them says. */
import { mkdtemp, readdir, readlink, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fetchHubModel } from "../../../src/core/model";
import type { HubTools, HubWish } from "../../../src/core/model/hub/fetch-model";
import { HubServer } from "./hub-server";
import { setEnvironment } from "./environment";

export const PATIENT: HubTools = {
  // On a busy machine an answer may take a while.
  patience: { pause: 5, stall: 10_000 },
  freeSpace: () => Promise.resolve(1e12),
};

/** Variables that would lead a test to what is really on this machine. */
const FOREIGN = /^(HF_|HUGGING|TRANSFORMERS_|XDG_CACHE|LLAMA_CACHE|OLLAMA_|PLUMB_CACHE)/;

/** The variables of a test, with the server as the Hub. */
export function placeEnvironment(root: string, server: HubServer): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
  return {
    ...Object.fromEntries(kept),
    HOME: root,
    HF_ENDPOINT: server.endpoint,
    PLUMB_CACHE: path.join(root, "plumb"),
  };
}

/** Set up before each test and taken down after it. */
export interface HubPlace {
  root: string;
  /** Cache of Hugging Face. */
  cache: string;
  server: HubServer;
  /** Sentences that the last fetch said. */
  lines: string[];
  /** Progress that the last fetch told. */
  steps: { file: string; done: number; total: number; fetched: number }[];
  fetch(
    wish: Partial<HubWish> & { repo: string },
    tools?: Partial<HubTools>,
  ): Promise<{ path: string; name: string }>;
  /** What a folder of the cache holds: files by their path, links with what they point to. */
  holds(folder?: string): Promise<Record<string, string>>;
}

export function hubPlace(): HubPlace {
  const place: HubPlace = {
    root: "",
    cache: "",
    server: null as unknown as HubServer,
    lines: [],
    steps: [],
    fetch: (wish, tools) => {
      place.lines = [];
      place.steps = [];
      return fetchHubModel(
        { revision: null, ...wish },
        { say: (line) => place.lines.push(line), progress: (state) => place.steps.push(state) },
        { ...PATIENT, ...tools },
      );
    },
    holds: async (folder = "") => {
      const root = path.join(place.cache, folder);
      const found: Record<string, string> = {};
      for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
        const file = path.join(entry.parentPath, entry.name);
        if (entry.isDirectory()) continue;
        found[path.relative(root, file)] = entry.isSymbolicLink() ? await readlink(file) : "";
      }
      return found;
    },
  };
  const before_ = { ...process.env };
  beforeEach(async () => {
    place.root = await mkdtemp(path.join(os.tmpdir(), "plumb-hub-"));
    place.cache = path.join(place.root, ".cache", "huggingface", "hub");
    place.server = await HubServer.start();
    setEnvironment(placeEnvironment(place.root, place.server));
  });
  afterEach(async () => {
    setEnvironment(before_);
    await place.server.stop();
    await rm(place.root, { recursive: true, force: true });
  });
  return place;
}
