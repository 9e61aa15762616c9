/** The extension as it is shipped: only what runs, laid out as in the repository. */
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { root } from "./places.mjs";
import { Stop } from "./process.mjs";

/** Relative to the repository; folders whole. */
const shipped = [
  "package.nls.json",
  "package.nls.ru.json",
  "l10n",
  "README.md",
  "CHANGELOG.md",
  "LICENSE",
  "THIRD-PARTY-NOTICES.md",
  "dist/cli.js",
  "dist/extension.js",
  "dist/worker.js",
  "dist/token-worker.js",
  "dist/import-thread.js",
  "dist/webview",
  "schemas",
  "media/icon.png",
  "media/plumb.svg",
  "media/sample",
  "media/walkthrough",
  "media/readme",
  "build/native/plumb.node",
  "build/native/libdnnl.so.3",
  "build/deps/onednn/LICENSE",
  "build/deps/onednn/THIRD-PARTY-PROGRAMS",
];

/**
 * Fills a folder with the extension; what was there is replaced.
 * @param {string} folder
 */
export async function stageExtension(folder) {
  const missing = shipped.filter((name) => !existsSync(path.join(root, name)));
  if (missing.length > 0) throw new Stop(`Not built: ${missing.join(", ")}. Run \`npm run build\` first.`);
  await rm(folder, { recursive: true, force: true });
  for (const name of shipped) {
    const to = path.join(folder, name);
    await mkdir(path.dirname(to), { recursive: true });
    await cp(path.join(root, name), to, { recursive: true, dereference: true });
  }
  /** @type {Record<string, unknown>} */
  const manifest = JSON.parse(await readFile(path.join(root, "package.json"), "utf8"));
  // Everything is bundled: an extension has neither packages nor scripts.
  const left = ["dependencies", "devDependencies", "scripts", "allowScripts", "bin"];
  const kept = Object.fromEntries(Object.entries(manifest).filter(([field]) => !left.includes(field)));
  await writeFile(path.join(folder, "package.json"), `${JSON.stringify(kept, null, 2)}\n`);
}
