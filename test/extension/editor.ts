import { spawn, type ChildProcess } from "node:child_process";
import { openSync, closeSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { chromium, type Browser, type FrameLocator, type Locator, type Page } from "playwright-core";

/** Programs of a real editor; scripts/lib/vscode-host.mjs installs them and names them in PLUMB_VSCODE_HOST. */
export interface HostPrograms {
  readonly node: string;
  readonly entry: string;
  readonly chromium: string;
}

/** A browser for pages by themselves; null, with a word about it, where none is installed for tests. */
export async function launchBrowser(): Promise<Browser | null> {
  const programs = process.env.PLUMB_VSCODE_HOST;
  if (programs !== undefined) return launch(JSON.parse(programs) as HostPrograms);
  console.log("      Skipped: `npm run test:long` installs a browser for these tests.");
  return null;
}

function launch({ chromium: executablePath }: HostPrograms): Promise<Browser> {
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
}

export interface EditorOptions {
  readonly programs: HostPrograms;
  /** Folder that is opened; null: a window without one. */
  readonly workspace: string | null;
  /** Folder of the extension as it is shipped. */
  readonly extension: string;
  readonly theme?: string;
  /** Of the extension's texts; VS Code's own stay English, as without its language pack. */
  readonly language?: string;
  /** Of the editor, beside and before those of every test. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly env?: NodeJS.ProcessEnv;
  /** Whether folders are trusted only once the user says so, as VS Code has it by itself. */
  readonly trust?: boolean;
  /** A program that the extension host is to run (test/in-editor). */
  readonly suite?: string;
}

/** Nothing that pops up, phones home or saves by itself. */
const SETTINGS = {
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "workbench.enableExperiments": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "chat.disableAIFeatures": true,
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "extensions.autoCheckUpdates": false,
  "extensions.autoUpdate": false,
  "extensions.ignoreRecommendations": true,
  "security.workspace.trust.startupPrompt": "never",
  "git.enabled": false,
  "files.autoSave": "off",
  "files.hotExit": "off",
  "window.confirmBeforeClose": "never",
};

/** A server of VS Code with the extension installed, and a browser that shows it. */
export class Editor {
  private constructor(
    readonly page: Page,
    private readonly browser: Browser,
    private readonly server: ChildProcess,
    private readonly data: string,
  ) {}

  static async open(options: EditorOptions): Promise<Editor> {
    const data = await mkdtemp(path.join(os.tmpdir(), "plumb-editor-"));
    const port = await freePort();
    const server = await startServer(options, data, port);
    try {
      await waitForServer(server, port, path.join(data, "server.log"));
      const browser = await launch(options.programs);
      const { language = "en" } = options;
      const viewport = { width: 1280, height: 900 };
      const context = await browser.newContext({ viewport, locale: language });
      const page = await context.newPage();
      // What VS Code's texts in another language set, beside the texts.
      if (language !== "en")
        await page.addInitScript({
          content: `globalThis._VSCODE_NLS_LANGUAGE = ${JSON.stringify(language)};`,
        });
      page.setDefaultTimeout(30_000);
      const editor = new Editor(page, browser, server, data);
      if (options.suite !== undefined) {
        // What the workbench calls when the suite speaks and ends; without them it waits.
        for (const name of ["codeAutomationLog", "codeAutomationExit"])
          await page.exposeFunction(name, () => undefined);
      }
      await page.goto(addressOf(options, port));
      await page.waitForSelector(".monaco-workbench .statusbar-item", { timeout: 90_000 });
      return editor;
    } catch (error) {
      await end(server);
      await rm(data, { recursive: true, force: true });
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.browser.close();
    await end(this.server);
    await rm(this.data, { recursive: true, force: true });
  }

  /** Number of the group of processes in which everything of the server runs. */
  get group(): number {
    return this.server.pid!;
  }

  /** Opens a file by its name. */
  async openFile(name: string): Promise<void> {
    await this.pick("Control+P", name, name);
    await this.page.locator(".tab.active", { hasText: name }).waitFor();
  }

  /** Runs a command by its title in the palette. */
  async run(title: string): Promise<void> {
    await this.pick("F1", `>${title}`, title);
  }

  /** Gives the dialog for files that is coming up a file of the folder that it begins in. */
  async chooseFile(file: string): Promise<void> {
    const name = path.basename(file);
    const widget = this.page.locator(".quick-input-widget");
    // The dialog lists the folder first: a path that comes before that is done is overwritten, and Enter is not heard.
    await widget.locator(".monaco-list-row", { hasText: name }).waitFor();
    await widget.locator("input").first().fill(file);
    await widget.locator(".monaco-list-row.focused", { hasText: name }).waitFor();
    await this.page.keyboard.press("Enter");
  }

  /**
   * Gives the dialog that is coming up a path: of a folder that is there, or of a file that is to be written.
   * @returns What it proposed.
   */
  async givePath(given: string): Promise<string> {
    const widget = this.page.locator(".quick-input-widget");
    const input = widget.locator("input").first();
    const deadline = Date.now() + 60_000;
    await widget.waitFor();
    // A list to choose from may stand there before it, and parts of the path before the whole.
    let proposed = "";
    for (let still = 0; still < 5 && Date.now() < deadline; still++) {
      const before = proposed;
      await this.page.waitForTimeout(100);
      proposed = await input.inputValue();
      if (!path.isAbsolute(proposed) || proposed !== before) still = -1;
    }
    for (;;) {
      await input.fill(given);
      await this.page.keyboard.press("Enter");
      try {
        await widget.waitFor({ state: "hidden", timeout: 3000 });
        return proposed;
      } catch (error) {
        // As above: it was listing a folder, and has not heard that.
        if (Date.now() > deadline) throw error;
      }
    }
  }

  /** Takes an entry of a row's menu. A menu is deaf at first: tried until what the entry leads to is there. */
  async takeFromMenu(row: Locator, title: string, leadsTo: Locator): Promise<void> {
    for (const end = Date.now() + 60_000; ;) {
      await row.click({ button: "right" });
      await this.page.waitForTimeout(500);
      try {
        await this.page.locator(".action-menu-item", { hasText: title }).click({ timeout: 5000 });
        await leadsTo.waitFor({ timeout: 5000 });
        return;
      } catch (error) {
        if (Date.now() > end) throw error;
        await this.page.keyboard.press("Escape");
      }
    }
  }

  /** A notification whose text holds `text`. */
  notification(text: string | RegExp) {
    return this.page.locator(".notifications-toasts .notification-list-item", { hasText: text }).first();
  }

  /** The page inside the panel on show: VS Code nests it in two frames. */
  panel(): FrameLocator {
    return this.page
      .locator("iframe.webview.ready")
      .last()
      .contentFrame()
      .frameLocator("iframe#active-frame");
  }

  /** The page that holds an element, wherever it is open; looked for every so many milliseconds. */
  async frame(selector: string, every = 200): Promise<FrameLocator> {
    const deadline = Date.now() + 90_000;
    for (;;) {
      const webviews = this.page.locator("iframe.webview.ready");
      for (let at = 0; at < (await webviews.count()); at++) {
        const frame = webviews.nth(at).contentFrame().frameLocator("iframe#active-frame");
        const found = await frame
          .locator(selector)
          .first()
          .isVisible()
          .catch(() => false);
        if (found) return frame;
      }
      if (Date.now() > deadline) throw new Error(`No page with ${selector} came up.`);
      await this.page.waitForTimeout(every);
    }
  }

  /** The palette misses what registers late and loses the focus to a panel that becomes ready: tried until it works. */
  private async pick(key: string, text: string, label: string): Promise<void> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      await this.page.keyboard.press(key);
      try {
        const widget = this.page.locator(".quick-input-widget");
        await widget.locator("input").first().fill(text, { timeout: 3000 });
        await widget.locator(".monaco-list-row", { hasText: label }).first().click({ timeout: 3000 });
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await this.page.keyboard.press("Escape");
      }
    }
  }
}

/** A development host, where a suite is to run in it, gets what it is to load in the address. */
function addressOf({ workspace, extension, suite }: EditorOptions, port: number): string {
  const server = `127.0.0.1:${port}`;
  const address = new URL(`http://${server}/`);
  if (workspace === null) address.searchParams.set("ew", "true");
  else address.searchParams.set("folder", workspace);
  if (suite !== undefined) {
    const remote = (file: string) => `vscode-remote://${server}${file}`;
    const payload = { extensionDevelopmentPath: remote(extension), extensionTestsPath: remote(suite) };
    address.searchParams.set("payload", JSON.stringify(Object.entries(payload)));
  }
  return address.href;
}

async function startServer(
  { programs, extension, theme, settings: own, env, suite, trust = false }: EditorOptions,
  data: string,
  port: number,
): Promise<ChildProcess> {
  const user = path.join(data, "user");
  await mkdir(path.join(user, "User"), { recursive: true });
  const settings = {
    ...SETTINGS,
    "security.workspace.trust.enabled": trust,
    "workbench.colorTheme": theme ?? "Default Dark Modern",
    ...own,
  };
  await writeFile(path.join(user, "User", "settings.json"), JSON.stringify(settings));
  await writeFile(path.join(data, "config.yaml"), "auth: none\ncert: false\n");
  const log = openSync(path.join(data, "server.log"), "w");
  const server = spawn(
    programs.node,
    [
      programs.entry,
      ...["--config", path.join(data, "config.yaml"), "--bind-addr", `127.0.0.1:${port}`, "--auth", "none"],
      ...["--user-data-dir", user, "--extensions-dir", path.dirname(extension)],
      ...["--disable-telemetry", "--disable-update-check", "--disable-proxy"],
      ...(trust ? [] : ["--disable-workspace-trust"]),
      "--disable-getting-started-override",
      // What names a suite in the address counts only with this.
      ...(suite === undefined ? [] : ["--vscode-option", "enable-smoke-test-driver"]),
    ],
    {
      detached: true, // a process group of its own, to be ended whole
      stdio: ["ignore", log, log],
      env: {
        ...process.env,
        ...env,
        VSCODE_CLI: "1",
        EXTENSIONS_GALLERY: "{}",
        XDG_DATA_HOME: data,
        XDG_CONFIG_HOME: data,
      },
    },
  );
  closeSync(log);
  return server;
}

async function waitForServer(server: ChildProcess, port: number, log: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await answers(port))) {
    if (server.exitCode !== null || Date.now() > deadline) {
      throw new Error(`The editor's server did not start:\n${await readFile(log, "utf8")}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    http
      .get(`http://127.0.0.1:${port}/healthz`, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      })
      .on("error", () => resolve(false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Ends a server with all that it started, and waits for it. */
async function end(server: ChildProcess): Promise<void> {
  if (server.pid === undefined || server.exitCode !== null) return;
  const gone = new Promise((resolve) => server.once("exit", resolve));
  process.kill(-server.pid, "SIGTERM");
  const timeout = new Promise((resolve) => setTimeout(resolve, 5000).unref());
  await Promise.race([gone, timeout]);
  try {
    process.kill(-server.pid, "SIGKILL");
  } catch {
    // gone already
  }
}
