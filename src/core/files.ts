import { randomUUID } from "node:crypto";
import { access, link, open, readFile, rename, rm, stat, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { setTimeout } from "node:timers/promises";

/**
 * Writes a file so that a kill at any moment leaves the old content or the new one, whole.
 * Throws what the file system says (no space, no permission); the temporary file is removed then.
 * @param mode permissions of the file, where they are not those of a new one.
 */
export async function writeFileAtomic(
  file: string,
  content: string | Uint8Array,
  mode?: number,
): Promise<void> {
  await throughTemporary(file, mode, filledWith(content), (temporary) => replace(temporary, file));
}

/** As `writeFileAtomic`, for what is too large to be held at once: `fill` writes piece after piece. */
export async function writeLargeFileAtomic(
  file: string,
  fill: (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
  mode?: number,
): Promise<void> {
  await throughTemporary(
    file,
    mode,
    (handle) =>
      fill(async (bytes) => {
        // One call to the system takes less than 2 GiB.
        for (let from = 0; from < bytes.byteLength; from += PIECE)
          await handle.writeFile(bytes.subarray(from, from + PIECE));
      }),
    (temporary) => replace(temporary, file),
  );
}

const PIECE = 1 << 28;

/**
 * Writes a file that is not there yet, whole or not at all. Throws what the file system says, EEXIST where there is one
 * of that name.
 */
export async function writeNewFileAtomic(file: string, content: string | Uint8Array): Promise<void> {
  await throughTemporary(file, undefined, filledWith(content), async (temporary) => {
    try {
      // Unlike a rename, a link never replaces anything.
      await link(temporary, file);
      await rm(temporary);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EEXIST") throw error;
      // A file system without links: what is there is looked for just before.
      const taken = await access(file).then(
        () => true,
        () => false,
      );
      if (taken) throw Object.assign(new Error(`EEXIST: file already exists, '${file}'`), { code: "EEXIST" });
      await replace(temporary, file);
    }
  });
}

/** What Windows says while another program (one that looks for viruses, or that indexes) has a file open for a moment. */
const HELD: readonly unknown[] = ["EPERM", "EACCES", "EBUSY"];
const MOST_WAITS = 10;

/**
 * Gives a file or folder another name. A file of that name is replaced. Windows refuses that while a program has one of
 * them open: there it is tried again for some seconds.
 * @param tools What tests replace.
 */
export async function replace(
  from: string,
  to: string,
  tools: {
    readonly platform: NodeJS.Platform;
    rename(from: string, to: string): Promise<void>;
    wait(milliseconds: number): Promise<unknown>;
  } = { platform: process.platform, rename, wait: setTimeout },
): Promise<void> {
  for (let waits = 0; ; waits++) {
    try {
      await tools.rename(from, to);
      return;
    } catch (error) {
      const held = tools.platform === "win32" && HELD.includes((error as NodeJS.ErrnoException).code);
      if (!held || waits === MOST_WAITS) throw error;
      await tools.wait(100 * waits);
    }
  }
}

/**
 * Path of a file from a folder as it is written into a file: with `/` on every system, so that a project can be moved from
 * one to another.
 * @param system Rules for paths; tests replace them.
 */
export function recordedPath(folder: string, file: string, system: path.PlatformPath = path): string {
  return system.relative(folder, file).split(system.sep).join("/");
}

const filledWith = (content: string | Uint8Array) => (handle: FileHandle) => handle.writeFile(content);

async function throughTemporary(
  file: string,
  mode: number | undefined,
  fill: (handle: FileHandle) => Promise<void>,
  put: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${randomUUID()}.tmp`);
  try {
    const handle = await open(temporary, "wx");
    try {
      if (mode !== undefined) await handle.chmod(mode);
      await fill(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await put(temporary);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Text of a file in UTF-8.
 * @throws where it is none: a pipe, a socket or a device might be waited for without end.
 */
export async function readText(file: string): Promise<string> {
  const found = await stat(file);
  if (!found.isFile() && !found.isDirectory()) throw new Error("it is a pipe, a socket or a device");
  return readFile(file, "utf8");
}

/** Whether two absolute paths mean one file, as far as names tell: Windows and macOS take `A` for `a`. */
export function isSamePath(
  first: string,
  second: string,
  platform: NodeJS.Platform = process.platform,
): boolean {
  if (platform !== "win32" && platform !== "darwin") return first === second;
  const plain = (file: string) => file.normalize("NFC").toLowerCase();
  return plain(first) === plain(second);
}

/** A name that people gave as that of a file, and never a path; Windows has more that no file can be called. */
export function fileNameOf(name: string, platform: NodeJS.Platform = process.platform): string {
  const plain = name.trim().replace(/[\\/:]/g, "-");
  if (platform !== "win32") return plain;
  const allowed = plain.replace(/[*?"<>|\p{Cc}]/gu, "-");
  return /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(allowed) ? `-${allowed}` : allowed;
}
