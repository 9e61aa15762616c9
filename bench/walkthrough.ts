/**
 * Times the walkthrough in a real VS Code, from the press on "Open Sample" to the report of the sample by the default model, gone
 * through without a pause to read, and writes the figure into docs/performance.md: `npx tsx bench/walkthrough.ts`, behind
 * `npm run build` and `npx plumb models get`. Takes three minutes; `--print` writes nothing.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { cacheFolder } from "../src/core/cache-folder";
import { bundle } from "../scripts/lib/build.mjs";
import { stageExtension } from "../scripts/lib/package.mjs";
import { vscodeHost } from "../scripts/lib/vscode-host.mjs";
import { Editor } from "../test/extension/editor";
import { STEPS, walkThrough } from "../test/extension/walkthrough";
import { table, writeBetween } from "./lib/page";

const PAGE = path.resolve(__dirname, "../docs/performance.md");
const MOST = 20 * 60_000;

async function measure(folder: string): Promise<string> {
  const extension = path.join(folder, "extensions", "plumb.plumb-0.1.0");
  const home = path.join(folder, "home");
  mkdirSync(home);
  // As it is shipped; behind it the usual bundles again.
  await bundle({ shipped: true });
  await stageExtension(extension);
  await bundle();
  const env = { HOME: home, PLUMB_CACHE: cacheFolder() };
  const editor = await Editor.open({ programs: await vscodeHost(), workspace: null, extension, env });
  try {
    const rows: string[][] = [];
    const seconds = (value: number) => `${Math.round(value / 1000)} s`;
    await walkThrough(
      editor,
      home,
      (step, _page, since) => {
        rows.push([STEPS[step], seconds(since)]);
        return Promise.resolve();
      },
      MOST,
    );
    const load = os.loadavg().map((value) => value.toFixed(1));
    const cpu = os.cpus()[0]?.model.trim() ?? "unknown processor";
    const when = new Date().toISOString().slice(0, 10);
    const where = `Measured on ${when} on ${cpu}, ${os.availableParallelism()} threads, load at the end ${load.join(" ")}.`;
    return `${where}\n\n${table(["behind the step, seen on the screen", "since the first press"], rows)}`;
  } finally {
    await editor.close();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { print: { type: "boolean", default: false } } });
  const folder = mkdtempSync(path.join(os.tmpdir(), "plumb-bench-walkthrough-"));
  try {
    const text = await measure(folder);
    console.log(text);
    if (!values.print) writeBetween(PAGE, "walkthrough", text);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

void main();
