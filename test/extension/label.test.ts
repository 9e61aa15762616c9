import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { FrameLocator } from "playwright-core";
import type { Example, Task } from "../../src/core/schema";
import { writeFinishedRun } from "../finished-run";
import { Editor, type HostPrograms } from "./editor";

const pictures = path.resolve(__dirname, "../../build/pictures");

const task: Task = {
  version: 1,
  name: "Pressure in messages",
  kind: "single",
  labels: [{ name: "pressure", description: "Rushes the reader." }, { name: "none" }],
  examples: "texts.jsonl",
};
/** Bytes that a careless rewrite would change: spaces, an escape, a number's digits, a broken line, no last line end. */
const LINES = [
  '{ "id" : "a",  "text":"Only two left \\u2013 decide now!", "x": 1.50 }',
  '{"id":"b","te',
  '{"id":"c","text":"The library opens at nine. 😀","label":"none"}',
  "",
  '{"id":"d","text":"مرحبا <b>now</b>"}',
];

describe("the label editor in a real editor", function () {
  this.timeout(240_000);
  let workspace: string;
  let editor: Editor;
  let page: FrameLocator;

  before(async function () {
    const programs = process.env.PLUMB_VSCODE_HOST;
    const extension = process.env.PLUMB_TEST_EXTENSION;
    if (programs === undefined || extension === undefined) {
      console.log("      Skipped: `npm run test:long` installs an editor for these tests.");
      this.skip();
    }
    await mkdir(pictures, { recursive: true });
    workspace = await mkdtemp(path.join(os.tmpdir(), "plumb-label-"));
    await writeFile(path.join(workspace, "texts.jsonl"), LINES.join("\n"));
    await writeFile(path.join(workspace, "texts.plumb.json"), JSON.stringify(task, null, 2));
    await writeFile(path.join(workspace, "large.jsonl"), "");
    await truncate(path.join(workspace, "large.jsonl"), 51 * 1024 * 1024);
    await writeFile(
      path.join(workspace, "large.plumb.json"),
      JSON.stringify({ ...task, examples: "large.jsonl" }),
    );
    await writeJudged();
    editor = await Editor.open({
      programs: JSON.parse(programs) as HostPrograms,
      workspace,
      extension,
      theme: process.env.PLUMB_TEST_THEME ?? "Default Dark Modern",
    });
  });
  after(async () => {
    await (editor as Editor | undefined)?.close();
    if (workspace) await rm(workspace, { recursive: true, force: true });
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") {
      await editor.page.screenshot({ path: path.join(pictures, "label-failed.png") });
    }
  });
  /** A task with a finished run whose model says "none" to everything. */
  async function writeJudged(): Promise<void> {
    const file = path.join(workspace, "judged.plumb.json");
    const judged = { ...task, examples: "judged.jsonl" };
    const part = (split: "train" | "test"): Example[] =>
      Array.from({ length: 20 }, (_, at) => ({
        ...{ id: `${split}-${at}`, text: `Words of ${split} number ${at}.`, split },
        label: at % 2 === 0 ? "pressure" : "none",
      }));
    const parts = { train: part("train"), test: part("test") };
    const lines = [...parts.train, ...parts.test].map((example) => `${JSON.stringify(example)}\n`);
    await writeFile(path.join(workspace, "judged.jsonl"), lines.join(""));
    await writeFile(file, JSON.stringify(judged));
    await writeFinishedRun(file, judged, parts, () => [0.2, 0.8]);
  }
  const saved = () => readFile(path.join(workspace, "texts.jsonl"), "utf8");
  const shows = (id: string) => page.locator(".facts .id", { hasText: new RegExp(`^${id}$`) }).waitFor();
  const dirty = (yes: boolean) =>
    editor.page
      .locator(`.tab.active${yes ? ".dirty" : ":not(.dirty)"}`, { hasText: "texts.jsonl" })
      .waitFor();

  it("opens from a task at the first text without a label", async () => {
    await editor.openFile("texts.plumb.json");
    await editor.run("Plumb: Label Examples");
    page = editor.panel();
    await shows("a");
    await dirty(false);
  });

  it("labels by a key: the file is changed, not yet saved, and the next open text is there", async () => {
    await editor.page.keyboard.press("1");
    await shows("d");
    await dirty(true);
    assert.equal(await saved(), LINES.join("\n"));
    await editor.page.screenshot({ path: path.join(pictures, "label.png") });
  });

  it("undoes and redoes by the editor's own keys, and shows the text again", async () => {
    await editor.page.keyboard.press("Control+z");
    await shows("a");
    await dirty(false);
    await page.locator(".total", { hasText: "1 of 3 labelled" }).waitFor();
    await editor.page.keyboard.press("y");
    await page.locator(".total", { hasText: "2 of 3 labelled" }).waitFor();
    await dirty(true);
  });

  it("saves that one value and no other byte", async () => {
    await editor.page.keyboard.press("Control+s");
    await dirty(false);
    const wanted = [LINES[0]!.replace("1.50 }", '1.50, "label": "pressure" }'), ...LINES.slice(1)];
    assert.equal(await saved(), wanted.join("\n"));
  });

  it("stays in step with another program", async () => {
    const lines = (await saved()).split("\n");
    lines[4] = lines[4]!.replace("}", ',"label":"none"}');
    lines.unshift('{"id":"new","text":"A line that came from outside."}');
    await writeFile(path.join(workspace, "texts.jsonl"), lines.join("\n"));
    await page.locator(".total", { hasText: "3 of 4 labelled" }).waitFor();
    // The text on the screen stays, though its line has moved.
    await shows("a");
  });

  it("stays in step with the text editor, one click away", async () => {
    await editor.run("Plumb: Open as Text");
    await editor.page.locator(".editor-instance .view-line", { hasText: "came from outside" }).waitFor();
    await editor.page.locator(".editor-instance .view-lines").click();
    await editor.page.keyboard.press("Control+Home");
    await editor.page.keyboard.type(" ");
    await dirty(true);
    await editor.page.keyboard.press("Control+z");
    await dirty(false);
  });

  it("says that a file above 50 MB cannot be shown", async () => {
    await editor.openFile("large.plumb.json");
    await editor.run("Plumb: Label Examples");
    await editor.notification("large.jsonl has 51 MB").waitFor();
  });

  it("opens a text that a report names", async () => {
    await editor.run("View: Close All Editors");
    await editor.openFile("judged.plumb.json");
    await editor.run("Plumb: Open Report");
    const link = editor.panel().locator(".errors .id button").first();
    const id = await link.innerText();
    await link.click();
    await editor.page.locator(".tab.active", { hasText: "judged.jsonl" }).waitFor();
    page = editor.panel();
    await shows(id);
  });
});
