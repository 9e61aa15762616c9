/**
 * Takes pictures of every page in a real VS Code, for people to look at: `npx tsx scripts/pictures.ts [THEME…]` behind
 * `npm run build`, themes `dark`, `light`, `contrast`, `contrast-light`. Leaves them in build/pictures/look, THEME-WIDTH-PAGE.png.
 * Reports are of the newest runs in media/sample/.plumb (`npx plumb tune media/sample/manipulation.plumb.json`; two of them are
 * compared). `--live` starts a run.
 */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { Editor } from "../test/extension/editor";
import { stageExtension } from "./lib/package.mjs";
import { root } from "./lib/places.mjs";
import { vscodeHost } from "./lib/vscode-host.mjs";

const THEMES: Readonly<Record<string, string>> = {
  dark: "Default Dark Modern",
  light: "Default Light Modern",
  contrast: "Default High Contrast",
  "contrast-light": "Default High Contrast Light",
};
/** Beside the activity bar 400 pixels are left for a page in the narrow one. */
const SIZES = { wide: { width: 1280, height: 860 }, narrow: { width: 458, height: 860 } } as const;
const TASK = "manipulation.plumb.json";
const folder = path.join(root, "build", "pictures", "look");

/** The sample with its runs, half of its labels taken away, and a table to begin a task from. */
async function prepare(workspace: string): Promise<void> {
  await cp(path.join(root, "media", "sample"), workspace, { recursive: true });
  const file = path.join(workspace, "manipulation.jsonl");
  const rows = (await readFile(file, "utf8")).trim().split("\n");
  type Row = Readonly<Record<string, string>>;
  const read = rows.map((row) => JSON.parse(row) as Row);
  const quoted = (text = "") => `"${text.replaceAll('"', '""')}"`;
  const table = read.slice(0, 240).map(({ text, label }) => `${quoted(text)},${quoted(label)}\n`);
  await writeFile(path.join(workspace, "messages.csv"), `text,technique\n${table.join("")}`);
  // After every third label one is missing, as in the middle of the work.
  const open = read.map(({ label, ...rest }, at) => JSON.stringify(at % 3 === 1 ? rest : { ...rest, label }));
  await writeFile(path.join(workspace, "labelling.jsonl"), `${open.join("\n")}\n`);
  const task = JSON.parse(await readFile(path.join(workspace, TASK), "utf8")) as object;
  await writeFile(
    path.join(workspace, "labelling.plumb.json"),
    JSON.stringify({ ...task, examples: "labelling.jsonl" }, null, 2),
  );
}

class Photographer {
  constructor(
    private readonly editor: Editor,
    private readonly theme: string,
  ) {}

  async take(name: string): Promise<void> {
    const { page } = this.editor;
    // Away from what would show a hint.
    await page.mouse.move(700, 2);
    for (const [width, size] of Object.entries(SIZES)) {
      await page.setViewportSize(size);
      await page.waitForTimeout(700);
      await page.screenshot({ path: path.join(folder, `${this.theme}-${width}-${name}.png`) });
    }
    await page.setViewportSize(SIZES.wide);
  }

  /** Opens a page and takes it; what fails is said, and the others are taken. */
  async page(name: string, open: () => Promise<void>): Promise<void> {
    try {
      await this.editor.run("View: Close All Editors");
      await open();
      await this.take(name);
    } catch (error) {
      console.error(`${this.theme} ${name}: ${error instanceof Error ? error.message : String(error)}`);
      await this.editor.page.screenshot({ path: path.join(folder, `${this.theme}-failed-${name}.png`) });
      await this.editor.page.keyboard.press("Escape");
    }
  }
}

async function photograph(theme: string, extension: string, live: boolean): Promise<void> {
  const workspace = await mkdtemp(path.join(os.tmpdir(), "plumb-pictures-"));
  await prepare(workspace);
  const name = THEMES[theme];
  if (name === undefined) throw new Error(`${theme} is none of ${Object.keys(THEMES).join(", ")}.`);
  const editor = await Editor.open({ programs: await vscodeHost(), workspace, extension, theme: name });
  const camera = new Photographer(editor, theme);
  const command = async (file: string, title: string, shown: string) => {
    await editor.openFile(file);
    await editor.run(title);
    return { frame: await editor.frame(shown) };
  };
  try {
    await editor.page.locator(".activitybar a[aria-label^=Plumb]").click();
    await editor.page.locator(".pane-body .monaco-list-row").first().waitFor({ timeout: 60_000 });
    await camera.page("views", () => Promise.resolve());
    await editor.run("View: Toggle Primary Side Bar Visibility");
    await camera.page("label", async () => {
      const { frame } = await command("labelling.plumb.json", "Plumb: Label Examples", ".facts .id");
      await frame.locator(".card").focus();
      // One step past the first text without a label, whose emoji not every machine has a font for.
      for (const key of ["d", "ArrowRight", "ArrowRight", "ArrowRight"])
        await editor.page.keyboard.press(key);
    });
    // Of which the live one will not be: it is cancelled.
    const runs = await readdir(path.join(workspace, ".plumb", "runs")).catch((): string[] => []);
    await camera.page(live ? "cancelled" : "plan", async () => {
      const { frame } = await command(TASK, "Plumb: Tune Adapter", "h1");
      await frame.locator(".first", { hasText: "Tunes" }).waitFor({ timeout: 90_000 });
      if (!live) return;
      await camera.take("plan");
      await frame.locator("button[data-action=tune]").click();
      await frame.locator(".stand", { hasText: /step (7|8|9|1\d)\d* of/ }).waitFor({ timeout: 180_000 });
      await camera.take("live");
      await frame.locator("button[data-action=cancel]").click();
      await frame.locator(".first", { hasText: "Cancelled" }).waitFor({ timeout: 120_000 });
    });
    const openReport = async () => {
      await editor.openFile(TASK);
      await editor.run("Plumb: Open Report");
      // The newest stands first.
      if (runs.length > 1) await editor.page.locator(".quick-input-widget .monaco-list-row").first().click();
      return editor.frame("#classes");
    };
    await camera.page("report", async () => {
      await openReport();
    });
    for (const part of ["confusion", "errors"]) {
      await camera.page(part, async () => {
        const frame = await openReport();
        await frame.locator(`nav a[href="#${part}"]`).click();
      });
    }
    if (runs.length === 2)
      await camera.page("comparison", async () => {
        await command(TASK, "Plumb: Compare Runs", "h1");
      });
    await camera.page("new-task", async () => {
      await editor.run("Plumb: New Task");
      await editor.page.locator(".quick-input-widget .monaco-list-row", { hasText: "messages.csv" }).click();
      const frame = await editor.frame(".summary");
      await frame.locator(".summary", { hasText: "240" }).waitFor({ timeout: 60_000 });
    });
    await camera.page("model", async () => {
      await editor.run("Plumb: Inspect Base Model");
      const models = editor.page.locator(".quick-input-widget .monaco-list-row");
      const text = editor.page.locator(".editor-instance .view-line", { hasText: "Parameters" });
      await models.first().or(text).waitFor({ timeout: 60_000 });
      if (await models.first().isVisible()) await models.first().click();
      await text.waitFor({ timeout: 60_000 });
    });
    await camera.page("get-model", async () => {
      await editor.run("Plumb: Get Base Model");
      await editor.page.locator(".quick-input-widget .monaco-list-row").first().waitFor();
    });
    await editor.page.keyboard.press("Escape");
    await camera.page("walkthrough", async () => {
      await editor.run("Welcome: Open Walkthrough");
      await editor.page.locator(".quick-input-widget .monaco-list-row", { hasText: "Plumb" }).click();
      await editor.page.locator(".getting-started-step").first().waitFor();
    });
  } finally {
    await editor.close();
    await rm(workspace, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { live: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  await mkdir(folder, { recursive: true });
  const place = await mkdtemp(path.join(os.tmpdir(), "plumb-pictures-extension-"));
  const extension = path.join(place, "plumb.plumb-0.1.0");
  try {
    await stageExtension(extension);
    const themes = positionals.length === 0 ? Object.keys(THEMES) : positionals;
    for (const theme of themes) await photograph(theme, extension, values.live);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

void main();
