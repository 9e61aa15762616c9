import { randomUUID } from "node:crypto";
import { access, link, open, rename, rm } from "node:fs/promises";
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
  await throughTemporary(file, content, mode, (temporary) => rename(temporary, file));
}

/**
 * Writes a file that is not there yet, whole or not at all. Throws what the file system says, EEXIST where there is one
 * of that name.
 */
export async function writeNewFileAtomic(file: string, content: string | Uint8Array): Promise<void> {
  await throughTemporary(file, content, undefined, async (temporary) => {
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

async function throughTemporary(
  file: string,
  content: string | Uint8Array,
  mode: number | undefined,
  put: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${randomUUID()}.tmp`);
  try {
    const handle = await open(temporary, "wx");
    try {
      if (mode !== undefined) await handle.chmod(mode);
      await handle.writeFile(content);
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
