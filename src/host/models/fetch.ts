import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { z } from "zod";

/** What `plumb models get --json` says, a line each. */
const Said = z.discriminatedUnion("type", [
  z.object({ type: z.literal("note"), message: z.string() }),
  z.object({ type: z.literal("progress"), file: z.string(), done: z.number(), total: z.number() }),
  z.object({ type: z.literal("done"), path: z.string(), name: z.string().nullable() }),
]);
export type FetchSaid = z.infer<typeof Said>;

/** A fetch that is under way, in a process of its own. */
export interface Fetching {
  /** Null where it was stopped. Rejects with a sentence where it failed. */
  readonly ended: Promise<Extract<FetchSaid, { type: "done" }> | null>;
  /** What came so far stays for the next time. */
  stop(): void;
}

/**
 * Fetches a base model with the command line.
 * @param repository `organisation/name`, with `@revision`; the default model where it is null.
 */
export function fetchModel(
  cli: string,
  repository: string | null,
  listen: (said: FetchSaid) => void,
): Fetching {
  // A group of its own: what it has started ends with it.
  const group = process.platform !== "win32";
  const child = spawn(
    process.execPath,
    [cli, "models", "get", ...(repository === null ? [] : [repository]), "--json"],
    {
      env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" },
      stdio: ["ignore", "pipe", "pipe"],
      detached: group,
    },
  );
  let done: Extract<FetchSaid, { type: "done" }> | null = null;
  let stopped = false;
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-4000);
  });
  createInterface(child.stdout).on("line", (line) => {
    const said = saidIn(line);
    if (said?.type === "done") done = said;
    else if (said !== null) listen(said);
  });
  const ended = new Promise<Extract<FetchSaid, { type: "done" }> | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (stopped) resolve(null);
      else if (code === 0 && done !== null) resolve(done);
      else reject(new Error(complaint.trim() || `exit code ${code ?? "unknown"}`));
    });
  });
  return {
    ended,
    stop: () => {
      stopped = true;
      if (child.pid === undefined || child.exitCode !== null) return;
      if (group) process.kill(-child.pid, "SIGTERM");
      else child.kill();
    },
  };
}

function saidIn(line: string): FetchSaid | null {
  try {
    return Said.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
