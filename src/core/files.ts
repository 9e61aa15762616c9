import { randomUUID } from "node:crypto";
import { access, link, open, rename, rm, type FileHandle } from "node:fs/promises";
import path from "node:path";

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
  await throughTemporary(file, mode, filledWith(content), (temporary) => rename(temporary, file));
}

/** As `writeFileAtomic`, for what is too large to be held at once: `fill` writes piece after piece. */
export async function writeLargeFileAtomic(
  file: string,
  fill: (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  await throughTemporary(
    file,
    undefined,
    (handle) =>
      fill(async (bytes) => {
        // One call to the system takes less than 2 GiB.
        for (let from = 0; from < bytes.byteLength; from += PIECE)
          await handle.writeFile(bytes.subarray(from, from + PIECE));
      }),
    (temporary) => rename(temporary, file),
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
      await rename(temporary, file);
    }
  });
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
