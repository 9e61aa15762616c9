import { randomUUID } from "node:crypto";
import { copyFile, mkdir, readFile, rm, stat, symlink } from "node:fs/promises";
import path from "node:path";
import { replace, writeFileAtomic } from "../../files";
import type { HubFile } from "./listing";
import { COMMIT } from "./names";

/** What a system says that makes no links: Windows to most users, and others on disks of its kind. */
const NO_LINKS: readonly unknown[] = ["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"];

export type MakeLink = (target: string, file: string) => Promise<void>;

/** Where a repository lies in the shared cache; the layout is Hugging Face's own, so that its tools find what is fetched. */
export class RepoStorage {
  readonly folder: string;
  /** For locks, as Hugging Face's tools have it. */
  readonly locks: string;

  constructor(
    cache: string,
    repo: string,
    private readonly makeLink: MakeLink = symlink,
  ) {
    const name = `models--${repo.replaceAll("/", "--")}`;
    this.folder = path.join(cache, name);
    this.locks = path.join(cache, ".locks", name);
  }

  snapshot(commit: string): string {
    return path.join(this.folder, "snapshots", commit);
  }

  pointer(commit: string, file: string): string {
    return path.join(this.snapshot(commit), ...file.split("/"));
  }

  blob(digest: string): string {
    return path.join(this.folder, "blobs", digest);
  }

  /** Commit that a branch or tag was at when it was fetched; a commit is itself. null where that is not known. */
  async commitOf(revision: string): Promise<string | null> {
    if (COMMIT.test(revision)) return revision;
    try {
      const text = (await readFile(path.join(this.folder, "refs", ...revision.split("/")), "utf8")).trim();
      return COMMIT.test(text) ? text : null;
    } catch {
      return null;
    }
  }

  /** Whether the file is there under its name, with all its bytes. */
  async has(commit: string, { path: file, size }: HubFile): Promise<boolean> {
    return isWhole(this.pointer(commit, file), size);
  }

  /**
   * Gives a blob the file's name in a snapshot: by a relative link, which replaces one that points to nothing. Where no links
   * can be made, the blob itself gets the name, as with Hugging Face's tools.
   * @param fresh Whether the blob has just been fetched; to one that was there before, other snapshots may link: it is copied.
   */
  async link(commit: string, { path: file, digest }: HubFile, fresh: boolean): Promise<void> {
    const pointer = this.pointer(commit, file);
    const folder = path.dirname(pointer);
    await mkdir(folder, { recursive: true });
    const temporary = path.join(folder, `.${path.basename(pointer)}.${randomUUID()}.tmp`);
    const blob = this.blob(digest);
    const linked = await this.makeLink(path.relative(folder, blob), temporary).then(
      () => true,
      (error: unknown) => {
        if (NO_LINKS.includes((error as NodeJS.ErrnoException).code)) return false;
        throw error;
      },
    );
    if (!linked && fresh) return replace(blob, pointer);
    try {
      if (!linked) await copyFile(blob, temporary);
      await replace(temporary, pointer);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** Keeps which commit a branch or tag is at. */
  async keepRevision(revision: string, commit: string): Promise<void> {
    if (revision === commit || (await this.commitOf(revision)) === commit) return;
    const file = path.join(this.folder, "refs", ...revision.split("/"));
    await mkdir(path.dirname(file), { recursive: true });
    await writeFileAtomic(file, commit);
  }
}

/** Whether there is a file of so many bytes, behind whatever links. */
export async function isWhole(file: string, size: number): Promise<boolean> {
  try {
    const info = await stat(file);
    return info.isFile() && info.size === size;
  } catch {
    return false;
  }
}
