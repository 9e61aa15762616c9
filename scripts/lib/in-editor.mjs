/** The suite that runs inside a VS Code (test/in-editor), as programs for its extension host. */
import { rm } from "node:fs/promises";
import path from "node:path";
import { root } from "./places.mjs";

/** @returns {Promise<string>} the program that VS Code is to run, which exports `run` */
export async function bundleSuite() {
  const outdir = path.join(root, "build", "in-editor");
  await rm(outdir, { recursive: true, force: true });
  const esbuild = await import("esbuild");
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: { run: "test/in-editor/run.ts", suite: "test/in-editor/suite.ts" },
    outdir,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    sourcemap: "inline",
    logLevel: "warning",
    // The one is the editor's, the other lies in this repository and runs what is loaded beside it.
    external: ["vscode", "mocha"],
  });
  return path.join(outdir, "run.js");
}
