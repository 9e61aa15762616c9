import { appendFileSync } from "node:fs";
import { mkdir, readFile, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { describeFirst } from "../data/issue";
import { PlumbError } from "../errors";
import { writeFileAtomic } from "../files";
import { BaseManifest, type Contamination } from "../schema";
import { explainWriteError, writing } from "../tuning/run-folder";
import { shellWord } from "../shell";

/** Names inside the folder of a training. */
export const TRAINING_FILES = {
  manifest: "training.json",
  log: "training-log.jsonl",
  contamination: "contamination.json",
  checkpoints: "checkpoint",
} as const;

/** @throws PlumbError where the folder holds anything at all. */
export async function refuseUsedFolder(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [] as string[];
    throw explainWriteError(error, folder);
  });
  if (names.includes(TRAINING_FILES.manifest)) {
    throw new PlumbError(
      "base-exists",
      `${folder} holds a training already. Go on with it by plumb base train --resume ${shellWord(folder)}, or name another folder.`,
    );
  }
  // The lock of whoever is just beginning here is found by taking it.
  const other = names.find((name) => name !== "lock");
  if (other !== undefined) {
    throw new PlumbError(
      "base-exists",
      `${folder} is not empty (it holds ${other}). Name a folder that is new, or empty.`,
    );
  }
}

export async function makeTrainingFolder(folder: string): Promise<void> {
  await writing(folder, () => mkdir(folder, { recursive: true }));
}

const fileOf = (folder: string, name: keyof typeof TRAINING_FILES) => path.join(folder, TRAINING_FILES[name]);

async function writeJson(file: string, value: unknown): Promise<void> {
  await writing(file, () => writeFileAtomic(file, `${JSON.stringify(value, null, 2)}\n`));
}

export const writeTraining = (folder: string, manifest: BaseManifest) =>
  writeJson(fileOf(folder, "manifest"), manifest);

export const writeContamination = (folder: string, found: Contamination) =>
  writeJson(fileOf(folder, "contamination"), found);

/** @throws PlumbError where the folder holds no training or its manifest is damaged. */
export async function readTraining(folder: string): Promise<BaseManifest> {
  const file = fileOf(folder, "manifest");
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new PlumbError(
      "base-missing",
      `${folder} holds no training: it has no ${TRAINING_FILES.manifest}. Name the folder that plumb base train was given with --out.`,
      { cause: error },
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new PlumbError("manifest", `${file} is not JSON. The file is damaged; start the training anew.`);
  }
  const parsed = BaseManifest.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new PlumbError(
    "manifest",
    `${file}: ${describeFirst(parsed.error, json).message} Start the training anew.`,
  );
}

/** Appends a line to the training's log. */
export function logTraining(folder: string, entry: Record<string, unknown>): void {
  const file = fileOf(folder, "log");
  try {
    appendFileSync(file, `${JSON.stringify(entry)}\n`);
  } catch (error) {
    throw explainWriteError(error, file);
  }
}

/** Takes away what only going on needs. */
export async function discardCheckpoints(folder: string): Promise<void> {
  await rm(fileOf(folder, "checkpoints"), { recursive: true, force: true });
}
