/** Runs the built command line, and reads what a run left. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { Report } from "../../src/core/schema";
import { Manifest } from "../../src/core/schema/manifest";

export const root = path.join(__dirname, "..", "..");
export const run = promisify(execFile);

/** The tables compare what the processor does, also where there is a GPU. */
export const PROCESSOR = ["--device", "cpu"] as const;

/** The command line as `npm run build` made it. */
export async function plumb(args: readonly string[]): Promise<void> {
  await run(process.execPath, [path.join(root, "dist", "cli.js"), ...args], { maxBuffer: 1 << 28 });
}

export interface TunedRun {
  readonly manifest: Manifest;
  /** Null where a detector stopped the run. */
  readonly report: Report | null;
}

/** Tunes into the folder `out`; goes on with a run that is there, and reads one that is finished. */
export async function tune(task: string, out: string, options: readonly string[]): Promise<TunedRun> {
  const read = async () => {
    const file = path.join(out, "manifest.json");
    return existsSync(file) ? Manifest.parse(JSON.parse(await readFile(file, "utf8"))) : null;
  };
  const ended = (found: Manifest | null) => found?.status === "finished" || found?.status === "trouble";
  const before = await read();
  if (!ended(before)) {
    if (before === null) await rm(out, { recursive: true, force: true });
    const args =
      before === null ? ["tune", task, "--out", out, ...PROCESSOR, ...options] : ["tune", "--resume", out];
    await plumb(args).catch(async (error: unknown) => {
      // A detector's verdict is a result too.
      if (!ended(await read())) throw error;
    });
  }
  const manifest = await read();
  if (manifest === null) throw new Error(`${out} has no manifest.`);
  if (manifest.status !== "finished") return { manifest, report: null };
  const report = Report.parse(JSON.parse(await readFile(path.join(out, "report.json"), "utf8")));
  return { manifest, report };
}
