import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import assert from "node:assert/strict";
import os from "node:os";
import path from "node:path";
import { textOf } from "../unit/data/folder";
import { Editor, type HostPrograms } from "./editor";

const pictures = path.resolve(__dirname, "../../build/pictures");

const task = (labels: readonly string[]) =>
  JSON.stringify(
    {
      ...{ version: 1, name: "Replies", kind: "single", instructon: "Yes or no?" },
      ...{ labels: labels.map((name) => ({ name })), examples: "replies.jsonl" },
    },
    null,
    2,
  );

describe("problems in a real editor", function () {
  this.timeout(240_000);
  let workspace: string;
  let editor: Editor;

  before(async function () {
    const programs = process.env.PLUMB_VSCODE_HOST;
    const extension = process.env.PLUMB_TEST_EXTENSION;
    if (programs === undefined || extension === undefined) {
      console.log("      Skipped: `npm run test:long` installs an editor for these tests.");
      this.skip();
    }
    await mkdir(pictures, { recursive: true });
    workspace = await mkdtemp(path.join(os.tmpdir(), "plumb-problems-"));
    const examples = Array.from({ length: 60 }, (_, n) => ({
      ...{ id: `e${n}`, text: textOf(n) },
      label: n === 7 || n === 9 ? "nope" : n % 2 === 0 ? "yes, please" : "no, thanks",
    }));
    examples[20]!.label = "no, thank";
    examples[22]!.label = "no, thank";
    const lines = examples.map((example) => `${JSON.stringify(example)}\n`);
    await writeFile(path.join(workspace, "replies.jsonl"), lines.join(""));
    await writeFile(path.join(workspace, "replies.plumb.json"), task(["yes, please", "no, thanks"]));
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
    if (this.currentTest?.state === "failed")
      await editor.page.screenshot({ path: path.join(pictures, "problems-failed.png") });
  });

  const row = (text: string) =>
    editor.page.locator(".markers-panel .monaco-list-row", { hasText: text }).first();
  const saved = (name: string) => readFile(path.join(workspace, name), "utf8");
  /** Chooses a quick fix for the line that the cursor is in. */
  async function fix(title: string): Promise<void> {
    await editor.page.keyboard.press("Control+.");
    await editor.page.locator(".action-widget .monaco-list-row", { hasText: title }).first().click();
  }
  async function save(name: string): Promise<void> {
    await editor.page.locator(`.tab.dirty`, { hasText: name }).first().waitFor();
    await editor.run("File: Save All Files");
    await editor.page.locator(`.tab:not(.dirty)`, { hasText: name }).first().waitFor();
  }

  it("shows problems of a task that is opened, each at its line", async () => {
    await editor.openFile("replies.plumb.json");
    await editor.run("Problems: Focus on Problems View");
    await row("unknown field").waitFor({ timeout: 60_000 });
    assert.match(await row("unknown field").innerText(), /Ln 5/);
    assert.match(await row("no, thank").innerText(), /Ln 21/);
  });

  it("renames a mistyped field of the task, and the problem is gone", async () => {
    await row("unknown field").dblclick();
    await editor.page.locator(".editor-instance .view-lines").first().waitFor();
    await fix("Rename the field to “instruction”");
    await save("replies.plumb.json");
    assert.match(await saved("replies.plumb.json"), /"instruction": "Yes or no\?"/);
    await row("unknown field").waitFor({ state: "detached", timeout: 60_000 });
  });

  it("corrects every label that is mistyped in the same way, and no other byte", async () => {
    const before = await saved("replies.jsonl");
    await row("no, thank").dblclick();
    await editor.page.locator(".tab.active", { hasText: "replies.jsonl" }).waitFor();
    await fix("Change all 2 “no, thank” to “no, thanks”");
    await save("replies.jsonl");
    assert.equal(await saved("replies.jsonl"), before.replaceAll('"no, thank"', '"no, thanks"'));
    await row('no, thank"').waitFor({ state: "detached", timeout: 60_000 });
  });

  it("takes a label into the task's set", async () => {
    await row("nope").dblclick();
    await editor.page.locator(".tab.active", { hasText: "replies.jsonl" }).waitFor();
    await editor.page.screenshot({ path: path.join(pictures, "quick-fix.png") });
    await fix("Add “nope” to the labels of the task");
    await save("replies.plumb.json");
    assert.match(await saved("replies.plumb.json"), /\{\n {6}"name": "nope"\n {4}\}\n {2}\]/);
    await row("nope").waitFor({ state: "detached", timeout: 60_000 });
  });
});
