import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import path from "node:path";

const PAGE = 4096;

/** A disk of its own, in memory, that can be filled up. Only who may mount can have one. */
export class SmallDisk {
  private constructor(readonly folder: string) {}

  /** Null, with a word about it, where that is not allowed. */
  static at(folder: string, bytes: number): SmallDisk | null {
    mkdirSync(folder, { recursive: true });
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "plumb-test", folder], { stdio: "pipe" });
      return new SmallDisk(folder);
    } catch (error) {
      console.log(`      Skipped: no small disk can be mounted here (${(error as Error).message.trim()}).`);
      return null;
    }
  }

  /** Leaves not one page free. */
  fill(): void {
    const file = openSync(path.join(this.folder, "ballast"), "w");
    try {
      for (const page = Buffer.alloc(PAGE, 1); ;) writeSync(file, page);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(path.join(this.folder, "ballast"), { force: true });
  }

  /** Takes it away with what is on it, even where a process still looks at it. */
  remove(): void {
    execFileSync("umount", ["--lazy", this.folder]);
  }
}
