/** Builds the native engine (CMake decides what is out of date) and bundles the TypeScript. */
import { existsSync } from "node:fs";
import { chmod, readFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { bundleInParts } from "./parts.mjs";
import { nativeBuild, oneDnnFolder, root } from "./places.mjs";
import { ask, mustRun, Stop } from "./process.mjs";

/**
 * @param {{ source?: string, folder?: string, type?: string, options?: string[], target?: string, tests?: boolean,
 *   quiet?: boolean, env?: NodeJS.ProcessEnv }} [settings] another build folder and other CMake options, e.g. for a
 *   sanitizer; tests: the native tests too, which need doctest
 */
export async function buildNative(settings = {}) {
  const {
    source = path.join(root, "native"),
    folder = nativeBuild,
    type = "Release",
    options = [],
    target,
    tests = false,
  } = settings;
  const say = settings.quiet ? () => undefined : console.log;
  /** @type {{ show: import("./process.mjs").Show, env?: NodeJS.ProcessEnv }} */
  const how = { show: settings.quiet ? "never" : "on failure", env: settings.env ?? process.env };
  const wanted = [
    `-DCMAKE_BUILD_TYPE=${type}`,
    `-DPLUMB_ONEDNN=${oneDnnFolder}`,
    `-DPLUMB_TESTS=${tests ? "ON" : "OFF"}`,
    ...options,
  ];
  if (!(await isConfigured(folder, tests))) {
    const generator = ask("make", ["--version"]) === null ? ["-G", "Ninja"] : [];
    say(`Configuring the engine in ${path.relative(root, folder)}`);
    await mustRun(
      "cmake",
      ["-S", source, "-B", folder, ...generator, ...wanted],
      "Configuring the engine",
      how,
    );
  }
  const jobs = String(Math.max(1, os.cpus().length));
  const only = target === undefined ? [] : ["--target", target];
  say("Building the engine");
  await mustRun("cmake", ["--build", folder, "-j", jobs, ...only], "Building the engine", how);
}

/** @param {string} folder @param {boolean} tests */
async function isConfigured(folder, tests) {
  // Written last: a configuration that failed leaves a cache, but neither of these.
  if (!["Makefile", "build.ninja"].some((name) => existsSync(path.join(folder, name)))) return false;
  return (
    !tests || (await readFile(path.join(folder, "CMakeCache.txt"), "utf8")).includes("PLUMB_TESTS:BOOL=ON")
  );
}

/** The command line, the worker and everything else that runs in Node without VS Code. */
const nodeEntries = {
  cli: "src/cli/main.ts",
  worker: "src/worker.ts",
  "token-worker": "src/core/data/token-worker.ts",
  "import-thread": "src/core/import/thread-worker.ts",
  "reach-thread": "src/core/reach/thread-worker.ts",
};
/** Browser code of the panels: dist/webview/NAME.js and NAME.css. */
const webviewEntries = {
  report: "src/webview/report/main.ts",
  label: "src/webview/label/main.ts",
  tune: "src/webview/tune/main.ts",
  "new-task": "src/webview/new-task/main.ts",
};
const webviewStyles = [
  { in: "src/webview/label/style.css", out: "label" },
  { in: "src/webview/tune/style.css", out: "tune" },
  { in: "src/webview/new-task/style.css", out: "new-task" },
  { in: "src/webview/report/style.css", out: "report" },
];

/**
 * @param {{ outdir?: string, shipped?: boolean }} [settings] shipped: small, and without what only helps to find faults
 * @returns {Promise<void>}
 */
export async function bundle({ outdir = "dist", shipped = false } = {}) {
  const esbuild = await import("esbuild");
  /** @type {import("esbuild").BuildOptions} */
  const shared = {
    absWorkingDir: root,
    bundle: true,
    sourcemap: !shipped,
    minifyWhitespace: shipped,
    minifySyntax: shipped,
    logLevel: "warning",
    legalComments: "none",
  };
  /** @type {import("esbuild").BuildOptions} */
  const node = {
    ...shared,
    platform: "node",
    format: "cjs",
    target: "node20",
    outdir,
    // A CommonJS bundle has no import.meta.url of its own.
    define: { "import.meta.url": "importMetaUrl" },
    banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  };
  try {
    await Promise.all([
      // vscode is not external here: an import of it from core or the command line fails the build.
      esbuild.build({ ...node, entryPoints: nodeEntries }),
      bundleInParts({
        ...{ ...node, outdir },
        entryPoints: { extension: "src/extension.ts" },
        external: ["vscode"],
      }),
      esbuild.build({
        ...shared,
        platform: "browser",
        format: "iife",
        target: "chrome120",
        outdir: path.join(outdir, "webview"),
        entryPoints: webviewEntries,
        sourcemap: shipped ? false : "inline",
      }),
      esbuild.build({
        ...shared,
        sourcemap: false,
        outdir: path.join(outdir, "webview"),
        entryPoints: webviewStyles,
      }),
    ]);
  } catch {
    throw new Stop("Bundling failed; see above."); // esbuild has printed the errors
  }
  await chmod(path.resolve(root, outdir, "cli.js"), 0o755);
}
