import assert from "node:assert/strict";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { FrameLocator } from "playwright-core";
import type { Example, Task } from "../../src/core/schema";
import { writeFinishedRun } from "../finished-run";
import { violations } from "./axe";
import type { Editor } from "./editor";
import { startLongRun } from "./long-run";
import { Place } from "./place";

/** As wide as a page of 1,280 pixels is at 400 %. */
const NARROW = 320;
/** How wide the page is, and what in it is wider than its place: the page itself or what fills it, not a table in a region of its own. */
const WIDER = `document.querySelectorAll("details").forEach((one) => { one.open = true; });
  [innerWidth, ...[document.scrollingElement, ...document.querySelectorAll("body, #page, #page > *, main")]
    .filter((one) => one.scrollWidth > one.clientWidth)
    .map((one) => one.tagName + " " + one.scrollWidth)]`;

/** By the class that VS Code gives to a page's body. */
const THEMES: Readonly<Record<string, string>> = {
  "vscode-dark": "Default Dark Modern",
  "vscode-light": "Default Light Modern",
  "vscode-high-contrast": "Default High Contrast",
  "vscode-high-contrast-light": "Default High Contrast Light",
};

const task: Task = {
  version: 1,
  name: "Pressure in messages",
  kind: "single",
  instruction: "Does the message press its reader?",
  labels: [{ name: "pressure", description: "Rushes the reader.", color: "orange" }, { name: "none" }],
  examples: "texts.jsonl",
  baseModel: "tiny.gguf",
};

describe("pages in a real editor break no rule of accessibility that a program can check, and need no scrolling sideways", function () {
  this.timeout(240_000);
  let place: Place | null = null;
  let editor: Editor;

  before(async function () {
    place = await Place.make("accessibility");
    if (place === null) return this.skip();
    const { workspace } = place;
    await mkdir(path.join(workspace, ".vscode"));
    await copyFile(
      path.resolve(__dirname, "../fixtures/tiny.gguf"),
      path.join(workspace, task.baseModel ?? ""),
    );
    const part = (split: "train" | "test"): Example[] =>
      Array.from({ length: 60 }, (_, at) => ({
        ...{ id: `${split}-${at}`, text: `Words of ${split}, number ${at}.`, split },
        label: at % 3 === 0 ? "pressure" : "none",
      }));
    const parts = { train: part("train"), test: part("test") };
    const open = [
      { id: "long", text: "A long text. ".repeat(2000) },
      { id: "open", text: "Not answered." },
    ];
    const lines = [...parts.train, ...parts.test, ...open].map((example) => `${JSON.stringify(example)}\n`);
    await writeFile(path.join(workspace, "texts.jsonl"), lines.join(""));
    await writeFile(
      path.join(workspace, "table.csv"),
      `text,label\n${parts.train.map(({ text, label }) => `"${text}",${label ?? ""}\n`).join("")}`,
    );
    const file = path.join(workspace, "texts.plumb.json");
    await writeFile(file, JSON.stringify(task, null, 2));
    await writeFinishedRun(file, task, parts, ({ label }) => (label === "none" ? [0.2, 0.8] : [0.6, 0.4]), {
      id: "2026-01-02T030405Z-first",
    });
    await writeFinishedRun(file, task, parts, () => [0.2, 0.8], { id: "2026-01-03T030405Z-second" });
    editor = await place.open();
    await editor.run("View: Toggle Primary Side Bar Visibility");
  });
  after(() => place?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await place?.picture("accessibility-failed");
    await editor.run("View: Close All Editors");
  });

  /** Sets each theme in turn, as a user does, and looks at the page in it. */
  async function check(name: string, page: FrameLocator) {
    for (const [kind, theme] of Object.entries(THEMES)) {
      const settings = path.join(place!.workspace, ".vscode", "settings.json");
      await writeFile(settings, JSON.stringify({ "workbench.colorTheme": theme }));
      const body = page.locator(
        `body.${kind}${kind === "vscode-high-contrast" ? ":not(.vscode-high-contrast-light)" : ""}`,
      );
      await body.waitFor();
      await editor.page.waitForTimeout(400); // colours that fade into one another
      await place!.picture(`${name}-${kind}`);
      assert.deepEqual(await violations(page), [], `${name} in ${theme}`);
    }
    const size = editor.page.viewportSize()!;
    const inner: number = await page.locator("body").evaluate("innerWidth");
    await editor.page.setViewportSize({ ...size, width: NARROW + size.width - inner });
    await editor.page.waitForTimeout(400); // what follows the width
    const measured: [number, ...string[]] = await page.locator("body").evaluate(WIDER);
    const [width, ...wider] = measured;
    await place!.picture(`${name}-narrow`);
    await editor.page.setViewportSize(size);
    assert.deepEqual([width, wider], [NARROW, []], name);
  }

  async function command(title: string, shown: string): Promise<FrameLocator> {
    await editor.openFile("texts.plumb.json");
    await editor.run(title);
    return editor.frame(shown);
  }

  it("the label editor, at a text that the model does not read to its end", async () => {
    const page = await command("Plumb: Label Examples", ".facts .id");
    await page.locator(".facts .id", { hasText: "long" }).waitFor();
    await page.locator(".notice", { hasText: "Too long for the base model" }).waitFor({ timeout: 60_000 });
    await page.getByRole("button", { name: "Show where" }).click();
    await check("label", page);
  });

  it("a new task", async () => {
    await editor.run("Plumb: New Task");
    await editor.page.locator(".quick-input-widget .monaco-list-row", { hasText: "table.csv" }).click();
    const page = await editor.frame(".summary");
    await page.locator(".summary", { hasText: "60" }).waitFor();
    for (const [at, color] of ["red", "orange"].entries())
      await page.locator(`[data-id="color-${at}"]`).selectOption(color);
    await page.locator('.labels .mark[data-color="orange"]').waitFor();
    await check("new-task", page);
  });

  it("the plan of a run", async () => {
    const page = await command("Plumb: Tune Adapter", "h1");
    await page.locator("button[data-action=tune]").waitFor({ timeout: 90_000 });
    await check("plan", page);
  });

  it("a run as it goes", async () => {
    const page = await startLongRun(editor, "texts.plumb.json");
    await check("run", page);
    await page.locator("button[data-action=cancel]").click();
    await page.locator(".first", { hasText: "Cancelled" }).waitFor({ timeout: 60_000 });
  });

  it("a report", async () => {
    await editor.openFile("texts.plumb.json");
    await editor.run("Plumb: Open Report");
    await editor.page.locator(".quick-input-widget .monaco-list-row", { hasText: "F1" }).first().click();
    await check("report", await editor.frame("#classes"));
  });

  it("a comparison", async () => {
    const page = await command("Plumb: Compare Runs", "h1");
    await check("comparison", page);
  });
});
