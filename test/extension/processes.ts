import { readdirSync, readFileSync } from "node:fs";

/** A process of this machine whose command line names a file. */
export interface Found {
  readonly pid: number;
  readonly parent: number;
}

/** Processes whose command line names a file; none where the system does not tell. */
export function processesOf(file: string): Found[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const words = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
        if (!words.includes(file)) return [];
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
        return [{ pid: Number(name), parent }];
      } catch {
        return []; // gone meanwhile
      }
    });
}
