/** Runs a program and reads how much memory it and its children had at most. */
import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";

export interface Watched {
  readonly code: number | null;
  readonly seconds: number;
  /** Largest resident memory of one process of the tree, in bytes. */
  readonly peakBytes: number;
  readonly output: string;
}

/** The processes below `root`, itself included. */
function tree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      // "pid (name) state ppid ...": the name may hold anything but ends at the last parenthesis.
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      children.set(parent, [...(children.get(parent) ?? []), pid]);
    } catch {
      // it ended meanwhile
    }
  }
  const found = [root];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

function peakOf(pid: number): number {
  try {
    const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${String(pid)}/status`, "utf8"));
    return 1024 * Number(peak?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** The system keeps each process's peak itself; looking every 50 ms only misses what came in its last moments. */
export async function watched(
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Watched> {
  const start = performance.now();
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  let peakBytes = 0;
  const timer = setInterval(() => {
    for (const pid of tree(child.pid ?? 0)) peakBytes = Math.max(peakBytes, peakOf(pid));
  }, 50);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  clearInterval(timer);
  return { code, seconds: (performance.now() - start) / 1000, peakBytes, output };
}
