/**
 * `npm run test:desktop`: runs test/in-editor in a VS Code of the desktop, with the extension as it is built here. PLUMB_VSCODE_DESKTOP
 * names its program (`code`, `Code.exe`, `Visual Studio Code.app/Contents/MacOS/Electron`); without it the newest one is downloaded.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { downloadAndUnzipVSCode, runTests } from "@vscode/test-electron";
import { bundle, buildNative } from "./lib/build.mjs";
import { bundleSuite } from "./lib/in-editor.mjs";
import { stageExtension } from "./lib/package.mjs";
import { cacheFolder, root } from "./lib/places.mjs";
import { script, Stop } from "./lib/process.mjs";
import { setup } from "./lib/setup.mjs";

script(async () => {
  const program = process.env.PLUMB_VSCODE_DESKTOP;
  if (program !== undefined && !existsSync(program))
    throw new Stop(
      `PLUMB_VSCODE_DESKTOP names ${program}, which is not there. Name the program of an installed VS Code.`,
    );
  await setup();
  const cache = path.join(cacheFolder(), "vscode-desktop");
  await mkdir(cache, { recursive: true });
  const editor = program ?? (await fetchEditor(cache)); // Before what takes minutes.
  await buildNative({ target: "plumb" });
  await bundle();
  const extension = path.join(root, "build", "desktop", "extension");
  await stageExtension(extension);
  const tests = await bundleSuite();
  const place = await mkdtemp(path.join(os.tmpdir(), "plumb-desktop-"));
  const outcome = path.join(place, "outcome.json");
  try {
    await runTests({
      vscodeExecutablePath: editor,
      extensionDevelopmentPath: extension,
      extensionTestsPath: tests,
      extensionTestsEnv: { PLUMB_IN_EDITOR: outcome },
      launchArgs: [
        place,
        ...["--user-data-dir", path.join(place, "user"), "--extensions-dir", path.join(place, "extensions")],
        ...["--disable-workspace-trust", "--skip-welcome", "--skip-release-notes", "--disable-updates"],
        // A container has no room in /dev/shm and no sandbox for root.
        ...(process.getuid?.() === 0 ? ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] : []),
      ],
    }).catch((/** @type {unknown} */ error) => {
      console.error(error instanceof Error ? error.message : error);
    });
    await report(outcome);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
});

/** @param {string} cache @returns {Promise<string>} the program of the newest VS Code */
async function fetchEditor(cache) {
  try {
    return await downloadAndUnzipVSCode({ cachePath: cache });
  } catch (error) {
    throw new Stop(
      `VS Code could not be downloaded (${error instanceof Error ? error.message : String(error)}). ` +
        "Install one, and name its program in PLUMB_VSCODE_DESKTOP.",
    );
  }
}

/** Says what came of it: an editor that ends well without a word of the suite has not run it. @param {string} file */
async function report(file) {
  /** @type {import("../test/in-editor/outcome").Outcome | null} */
  const outcome = await readFile(file, "utf8").then(JSON.parse, () => null);
  if (outcome === null) throw new Stop("The editor did not run the suite; what it said stands above.");
  for (const title of outcome.passed) console.log(`  ✔ ${title}`);
  for (const failure of outcome.failed) console.error(`  ✘ ${failure}`);
  console.log(`${outcome.passed.length} passed, ${outcome.failed.length} failed`);
  if (outcome.failed.length > 0) process.exitCode = 1;
}
