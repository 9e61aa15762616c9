/**
 * `npm run vscode`: a real VS Code in the browser, with the extension as it is built here and a copy of the sample task, to try
 * and to look at. `--port NUMBER` for another port than 8321. What is done there stays in build/vscode, which may be deleted.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { bundle, buildNative } from "./lib/build.mjs";
import { stageExtension } from "./lib/package.mjs";
import { root } from "./lib/places.mjs";
import { script, Stop } from "./lib/process.mjs";
import { setup } from "./lib/setup.mjs";
import { installCodeServer } from "./lib/vscode-host.mjs";

const folder = path.join(root, "build", "vscode");
const extensions = path.join(folder, "extensions");
const user = path.join(folder, "user");
const sample = path.join(folder, "sample");

/** Only what a server of one's own should not do by itself. */
const settings = {
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "extensions.autoCheckUpdates": false,
  "extensions.autoUpdate": false,
  "files.autoSave": "off",
};

script(async () => {
  const { values } = parseArgs({ options: { port: { type: "string", default: "8321" } } });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Stop(`--port is ${JSON.stringify(values.port)}; it may be 1 to 65535.`);
  }
  await setup();
  await buildNative({ target: "plumb" });
  await bundle();
  await prepare();
  const { node, entry } = await installCodeServer();
  await open(node, entry, port);
});

async function prepare() {
  /** @type {{ publisher: string, name: string, version: string }} */
  const { publisher, name, version } = JSON.parse(await readFile(path.join(root, "package.json"), "utf8"));
  await rm(extensions, { recursive: true, force: true });
  await stageExtension(path.join(extensions, `${publisher}.${name}-${version}`));
  if (!existsSync(sample)) {
    await cp(path.join(root, "media", "sample"), sample, {
      recursive: true,
      filter: (file) => path.basename(file) !== ".plumb",
    });
  }
  const kept = path.join(user, "User", "settings.json");
  if (!existsSync(kept)) {
    await mkdir(path.dirname(kept), { recursive: true });
    await writeFile(kept, `${JSON.stringify(settings, null, 2)}\n`);
  }
}

/** @param {string} node @param {string} entry @param {number} port @returns {Promise<void>} when it has ended */
function open(node, entry, port) {
  const address = `http://127.0.0.1:${port}/?folder=${encodeURIComponent(sample)}`;
  // Whoever reaches the port could run programs as this user: not without a word that is said here alone.
  const password = randomBytes(9).toString("base64url");
  const config = path.join(folder, "config.yaml");
  const options = ["--config", config, "--bind-addr", `127.0.0.1:${port}`, "--auth", "password"];
  options.push("--user-data-dir", user, "--extensions-dir", extensions, "--disable-workspace-trust");
  options.push(
    "--disable-telemetry",
    "--disable-update-check",
    "--disable-getting-started-override",
    "--disable-proxy",
  );
  const env = { ...process.env, PASSWORD: password, VSCODE_CLI: "1", EXTENSIONS_GALLERY: "{}" };
  return new Promise((resolve, reject) => {
    const server = spawn(node, [entry, ...options], { stdio: ["ignore", "pipe", "pipe"], env });
    let said = "";
    /** @param {Buffer} chunk */
    const read = (chunk) => {
      const before = said;
      said = (said + chunk.toString()).slice(-10_000);
      const marker = "HTTP server listening";
      if (!said.includes(marker) || before.includes(marker)) return;
      console.log(
        `VS Code with Plumb and a copy of the sample task:\n  ${address}\n  password: ${password}\nCtrl-C ends it.`,
      );
      showInBrowser(address);
    };
    server.stdout.on("data", read);
    server.stderr.on("data", read);
    server.on("error", (error) => reject(new Stop(`Cannot start the editor: ${error.message}`)));
    server.on("close", (code, signal) => {
      if (code === 0 || signal !== null) resolve();
      else reject(new Stop(`The editor ended with code ${code}:\n${said}`));
    });
    for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"]))
      process.once(signal, () => server.kill(signal));
  });
}

/** Where there is a screen; the address is said in any case. @param {string} address */
function showInBrowser(address) {
  if (process.platform === "linux" && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return;
  const [command, ...args] =
    process.platform === "darwin"
      ? ["open"]
      : process.platform === "win32"
        ? ["cmd", "/c", "start", ""]
        : ["xdg-open"];
  const browser = spawn(command, [...args, address], { stdio: "ignore", detached: true });
  browser.on("error", () => undefined);
  browser.unref();
}
