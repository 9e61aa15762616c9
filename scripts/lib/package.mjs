/**
 * The extension as it is shipped. A `.vsix` is a zip archive of the extension's folder with two XML files beside it; all that is
 * in it stands in the lists here.
 */
import { createWriteStream, existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { bundle } from "./build.mjs";
import { nativeBuild, oneDnnFolder, root } from "./places.mjs";
import { library as cudaLibrary } from "./cuda.mjs";
import { buildPortable, platform } from "./portable.mjs";
import { Stop } from "./process.mjs";
import { contentTypes, vsixManifest } from "./vsix-manifest.mjs";

/** Relative to the repository; folders whole. */
const shipped = [
  "package.nls.json",
  "package.nls.ru.json",
  "l10n",
  "README.md",
  "CHANGELOG.md",
  "LICENSE",
  "THIRD-PARTY-NOTICES.md",
  "schemas",
  "media",
];
/** Relative to the folder of bundles. */
const bundles = [
  "cli.js",
  "extension.js",
  "extension",
  "worker.js",
  "token-worker.js",
  "import-thread.js",
  "reach-thread.js",
  "webview",
];

/**
 * Builds the engine for other machines and everything else, and packs it.
 * @returns {Promise<string>} the `.vsix` file
 */
export async function packageExtension() {
  const work = path.join(root, "build", "package");
  const dist = path.join(work, "dist");
  const engine = path.join(work, "engine");
  const licences = path.join(work, "licences");
  await buildPortable({ engine, licences });
  await rm(dist, { recursive: true, force: true });
  await bundle({ outdir: dist, shipped: true });
  const staged = path.join(work, "extension");
  const manifest = await stage(staged, { dist, engine, licences });
  const file = path.join(root, "build", `plumb-${platform}.vsix`);
  await pack(staged, manifest, file);
  return file;
}

/**
 * Fills a folder with the extension as built for this machine; what was there is replaced.
 * @param {string} folder
 */
export async function stageExtension(folder) {
  const engine = path.join(root, "build", "engine");
  await rm(engine, { recursive: true, force: true });
  await mkdir(engine, { recursive: true });
  const forGpus = existsSync(path.join(nativeBuild, cudaLibrary)) ? [cudaLibrary] : [];
  await copyAll(nativeBuild, ["plumb.node", "libdnnl.so.3", ...forGpus], engine);
  await stage(folder, { dist: path.join(root, "dist"), engine, licences: oneDnnFolder });
}

/**
 * @param {string} folder
 * @param {{ dist: string, engine: string, licences: string }} built
 * @returns {Promise<Record<string, unknown>>} the manifest
 */
async function stage(folder, { dist, engine, licences }) {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await copyAll(root, shipped, folder);
  await copyAll(dist, bundles, path.join(folder, "dist"));
  await cp(engine, path.join(folder, "dist", "native"), { recursive: true });
  const texts = (await readdir(licences)).filter((name) =>
    /\.txt$|^(LICENSE|THIRD-PARTY-PROGRAMS)$/.test(name),
  );
  await copyAll(licences, texts, path.join(folder, "licenses"));
  /** @type {Record<string, unknown>} */
  const manifest = JSON.parse(await readFile(path.join(root, "package.json"), "utf8"));
  // Everything is bundled: an extension has neither packages nor scripts.
  const left = ["dependencies", "devDependencies", "scripts", "allowScripts", "bin", "private"];
  const kept = Object.fromEntries(Object.entries(manifest).filter(([field]) => !left.includes(field)));
  await writeFile(path.join(folder, "package.json"), `${JSON.stringify(kept, null, 2)}\n`);
  return kept;
}

/** @param {string} from @param {string[]} names @param {string} to */
async function copyAll(from, names, to) {
  const missing = names.filter((name) => !existsSync(path.join(from, name)));
  if (missing.length > 0)
    throw new Stop(
      `Not in ${path.relative(root, from)}: ${missing.join(", ")}. Run \`npm run build\` first.`,
    );
  for (const name of names) {
    await mkdir(path.dirname(path.join(to, name)), { recursive: true });
    await cp(path.join(from, name), path.join(to, name), {
      recursive: true,
      dereference: true,
      filter: (file) => path.basename(file) !== ".plumb", // runs of the sample
    });
  }
}

/**
 * @param {string} folder
 * @param {Record<string, unknown>} manifest
 * @param {string} file
 */
async function pack(folder, manifest, file) {
  const { ZipFile } = await import("yazl");
  const zip = new ZipFile();
  // The same content gives the same file, whenever and wherever it is packed.
  const always = { mtime: new Date(Date.UTC(2000, 0, 1)), mode: 0o100644, forceDosTimestamp: true };
  zip.addBuffer(Buffer.from(contentTypes), "[Content_Types].xml", always);
  zip.addBuffer(Buffer.from(await vsixManifest(manifest, platform)), "extension.vsixmanifest", always);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  for (const from of files.sort()) {
    zip.addFile(from, `extension/${path.relative(folder, from).split(path.sep).join("/")}`, always);
  }
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(file));
}
