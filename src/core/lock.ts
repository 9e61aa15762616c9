import { open, readFile, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import { PlumbError } from "./errors";
import { replace, writeFileAtomic } from "./files";
import { say } from "./say";

/** What the holder of a lock tells whoever comes second. */
type Note = Readonly<Record<string, string>>;

/** Who holds a lock. */
export interface Owner {
  readonly pid: number;
  readonly host: string;
  /** Start of the process in clock ticks, where the system tells it: a number is used again, a start is not. */
  readonly start: string | null;
  readonly note?: Note;
}

/** A lock that this process holds. */
export interface Lock {
  /** From now on it tells this. */
  tell(note: Note): Promise<void>;
  /** Twice is fine. */
  release(): Promise<void>;
}

/** What a lock says; null where it was cut off, or is none. */
function ownerOf(text: string): Owner | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const { pid, host, start, note = {} } = (value ?? {}) as Partial<Record<keyof Owner, unknown>>;
  const isOwner =
    Number.isInteger(pid) &&
    (pid as number) > 0 &&
    typeof host === "string" &&
    host !== "" &&
    (start === null || typeof start === "string") &&
    typeof note === "object" &&
    note !== null &&
    Object.values(note).every((said) => typeof said === "string");
  return isOwner ? (value as Owner) : null;
}

/** State and start of a process, where the system tells them. */
async function processOf(pid: number): Promise<{ state: string | null; start: string | null }> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? null, start: fields[19] ?? null };
  } catch {
    return { state: null, start: null };
  }
}

async function isAlive(owner: Owner): Promise<boolean> {
  if (owner.host !== hostname()) return true;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  const { state, start } = await processOf(owner.pid);
  // Dead, and only not yet waited for: in a container without an init, for ever.
  if (state === "Z" || state === "X") return false;
  return owner.start === null || start === null || owner.start === start;
}

/** False where the file is there already. Where it cannot be written whole, it is taken away again. */
async function create(file: string, owner: Owner): Promise<boolean> {
  const handle = await open(file, "wx").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return null;
    throw error;
  });
  if (handle === null) return false;
  try {
    await handle.writeFile(JSON.stringify(owner));
    return true;
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

/**
 * Takes a folder for this process alone; the lock of a process that is gone is taken over.
 * @returns Gives the folder back; twice is fine.
 * @throws PlumbError where another process that lives holds it.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const file = path.join(folder, "lock");
  const lock = await takeLock(file, "locked", (held) =>
    held === null
      ? say`${folder} is in use by another process. Wait for it, or remove ${file}.`
      : say`${folder} is in use by process ${held.pid} on ${held.host}. Wait for it, or stop it; if no such process exists, remove ${file}.`,
  );
  return () => lock.release();
}

/**
 * Makes a file that says that this process holds something; the lock of a process that is gone is taken over.
 * @param code Of the error where another process that lives holds it.
 * @param refusal What the error says; null where that process cannot be told.
 * @param note What whoever comes second is told.
 * @throws PlumbError where another process that lives holds it.
 */
export async function takeLock(
  file: string,
  code: string,
  refusal: (held: Owner | null) => string,
  note?: Note,
): Promise<Lock> {
  const me: Owner = { pid: process.pid, host: hostname(), start: (await processOf(process.pid)).start };
  const owner = note === undefined ? me : { ...me, note };
  const lock: Lock = {
    tell: (more) => writeFileAtomic(file, JSON.stringify({ ...me, note: more })),
    release: () => rm(file, { force: true }),
  };
  for (let tries = 0; tries < 50; tries++) {
    if (await create(file, owner)) return lock;
    let text: string;
    try {
      text = await readFile(file, "utf8");
    } catch {
      continue;
    }
    const held = ownerOf(text);
    if (held === null) {
      // Being written just now, or cut off by a crash while it was.
      const age = await stat(file).then(
        ({ mtimeMs }) => Date.now() - mtimeMs,
        () => 0,
      );
      if (age < 2000) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        continue;
      }
    }
    if (held !== null && (await isAlive(held))) throw new PlumbError(code, refusal(held));
    // Whoever renames the dead lock away first may try again; the name of the grave tells two takers apart.
    const grave = `${file}.${process.pid}`;
    try {
      await replace(file, grave);
      const taken = await readFile(grave, "utf8");
      if (taken !== text) {
        // Another process took over between our look and our rename: its lock goes back.
        await replace(grave, file);
        continue;
      }
      await rm(grave, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  throw new PlumbError(code, refusal(null));
}

/**
 * A lock that others hold for a moment only, as while a file is written anew.
 * @throws PlumbError "locked" where one of them has held it for ten seconds.
 */
export async function waitForLock(file: string): Promise<Lock> {
  const end = Date.now() + 10_000;
  for (;;) {
    try {
      return await takeLock(
        file,
        "locked",
        () => say`${file} is held by another process. Remove it if none is at work here.`,
      );
    } catch (error) {
      if (!(error instanceof PlumbError && error.code === "locked") || Date.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The process that lives and holds a lock; null where none does, or it is being taken just now. */
export async function holderOf(file: string): Promise<Owner | null> {
  const owner = await readFile(file, "utf8").then(ownerOf, () => null);
  return owner !== null && (await isAlive(owner)) ? owner : null;
}

/** Whether a process that lives holds the folder. A lock that is being written just now counts as held. */
export async function isFolderLocked(folder: string): Promise<boolean> {
  const file = path.join(folder, "lock");
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch {
    return false;
  }
  const owner = ownerOf(text);
  if (owner !== null) return isAlive(owner);
  const age = await stat(file).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => Infinity,
  );
  return age < 2000;
}
