import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import * as z from "zod";
import { say } from "../../core/say";
import { sentenceOf } from "../../core/system-error";
import { commandLineEnvironment } from "../language";

/** What `plumb models get --json` says, a line each. */
const Said = z.discriminatedUnion("type", [
  z.object({ type: z.literal("note"), message: z.string() }),
  z.object({ type: z.literal("progress"), done: z.number(), total: z.number() }),
  z.object({ type: z.literal("done"), path: z.string(), name: z.string() }),
  z.object({ type: z.literal("failed"), code: z.string(), message: z.string() }),
]);
type Said = z.infer<typeof Said>;
export type GotModel = Extract<Said, { type: "done" }>;

/** Why a model did not come: a code, and a sentence of the command line. */
export class FetchFailure extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** A fetch that is under way, in a process of its own. */
export interface Fetching {
  /** Null where it was stopped. Rejects with a FetchFailure. */
  readonly ended: Promise<GotModel | null>;
  /** What came from the Hub so far stays for the next time. The end of the editor stops it, too. */
  stop(): void;
}

/**
 * Gets a base model with the command line.
 * @param parameters Behind `plumb models get`.
 */
export function fetchModel(
  cli: string,
  parameters: readonly string[],
  progress: (done: number, total: number) => void,
): Fetching {
  const child = spawn(process.execPath, [cli, "models", "get", ...parameters, "--json"], {
    env: commandLineEnvironment(),
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let done: GotModel | null = null;
  let failure: FetchFailure | null = null;
  let stopped = false;
  let complaint = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-4000);
  });
  createInterface(child.stdout!).on("line", (line) => {
    const said = saidIn(line);
    if (said?.type === "done") done = said;
    else if (said?.type === "failed") failure = new FetchFailure(said.code, said.message);
    else if (said?.type === "progress") progress(said.done, said.total);
  });
  const ended = new Promise<GotModel | null>((resolve, reject) => {
    child.on("error", (error) => reject(new FetchFailure("spawn", sentenceOf(error))));
    child.on("close", (code) => {
      if (done !== null) resolve(done);
      else if (stopped) resolve(null);
      else
        reject(
          failure ?? new FetchFailure("unknown", complaint.trim() || say`exit code ${code ?? say`unknown`}`),
        );
    });
  });
  return {
    ended,
    stop: () => {
      stopped = true;
      // It ends what it has started, and clears away what is of no use to the next try. Windows has no signal for that.
      if (child.connected) child.send("stop", () => undefined);
    },
  };
}

function saidIn(line: string): Said | null {
  try {
    return Said.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
