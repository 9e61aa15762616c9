import { readdirSync, readFileSync } from "node:fs";

/** A process of this machine whose command line has a word. */
export interface Found {
  readonly pid: number;
  readonly parent: number;
  /** Its process group. */
  readonly group: number;
}

/** Processes whose command line has a word, such as a file; none where the system does not tell. */
export function processesOf(word: string): Found[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const words = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
        if (!words.includes(word)) return [];
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const [, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return [{ pid: Number(name), parent: Number(parent), group: Number(group) }];
      } catch {
        return []; // gone meanwhile
      }
    });
}
