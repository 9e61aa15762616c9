import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Locator } from "playwright-core";
import type { Task } from "../../src/core/schema";
import { loadTask } from "../../src/core/data";
import { textOf } from "../unit/data/folder";
import type { Editor } from "./editor";
import { Place } from "./place";

describe("a new task in a real editor", function () {
  this.timeout(240_000);
  let place: Place;
  let workspace: string;
  let editor: Editor;
  const plain = `text,label\n${Array.from({ length: 60 }, (_, n) => `"${textOf(n)}, indeed",${n % 3 === 0 ? "yes" : "no"}\n`).join("")}`;

  before(async function () {
    const made = await Place.make("new-task");
    if (made === null) this.skip();
    place = made;
    ({ workspace } = place);
    await writeFile(path.join(workspace, "messages.csv"), plain);
    await writeFile(path.join(workspace, "ragged.csv"), `${plain}"one more",yes,and more\n,no\n`);
    const many = Array.from(
      { length: 100_000 },
      (_, n) => `"${n} ${textOf(n % 997)} ${textOf(n % 89)}",${n % 2}\n`,
    );
    await writeFile(path.join(workspace, "many.csv"), `text,label\n${many.join("")}`);
    editor = await place.open();
  });
  after(() => (place as Place | undefined)?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await place.picture("new-task-failed");
  });

  const row = (name: string) =>
    editor.page.locator(".explorer-folders-view .monaco-list-row", { hasText: name }).first();
  async function fromExplorer(name: string): Promise<void> {
    const entry = editor.page.locator(".context-view .action-label", { hasText: "New Task" }).first();
    const tab = editor.page.locator(".tab.active", { hasText: `New task: ${name}` });
    const comes = (what: Locator) =>
      what.waitFor({ timeout: 3000 }).then(
        () => true,
        () => false,
      );
    // A menu is deaf at first, and that of an editor which has only just begun may lack what extensions add.
    for (const end = Date.now() + 60_000; ;) {
      await row(name).click({ button: "right" });
      if (await comes(entry)) {
        await editor.page.waitForTimeout(500);
        await entry.click();
        if (await comes(tab)) return;
      }
      if (Date.now() > end) throw new Error("The menu leads to no page.");
      await editor.page.keyboard.press("Escape");
    }
  }
  const page = () => editor.panel();

  it("is where a command leads that has no task: it says so, and offers to open one's own texts", async () => {
    for (const command of ["Plumb: Label Examples", "Plumb: Tune Adapter", "Plumb: Check Task"]) {
      await editor.run(command);
      const notice = editor.notification("There is no task in this folder yet");
      await notice.waitFor();
      assert.deepEqual(await notice.locator(".monaco-button").allInnerTexts(), [
        "New Task",
        "Try the Sample",
      ]);
      await notice.getByRole("button", { name: "New Task" }).click();
      await notice.waitFor({ state: "hidden" });
      const widget = editor.page.locator(".quick-input-widget");
      await widget.locator(".monaco-list-row", { hasText: "messages.csv" }).waitFor();
      await editor.page.keyboard.press("Escape");
      await widget.waitFor({ state: "hidden" });
    }
    assert.deepEqual(await editor.page.locator(".tab").count(), 0);
  });

  it("is two clicks and Enter for a plain table, and the label editor opens on it", async () => {
    await fromExplorer("messages.csv");
    await page().locator(".summary", { hasText: "60 texts, 60 with an answer" }).waitFor({ timeout: 60_000 });
    await place.picture("new-task");
    await editor.page.keyboard.press("Enter");
    await editor.page.locator(".tab.active", { hasText: "messages.jsonl" }).waitFor({ timeout: 60_000 });
    await page().locator(".total", { hasText: "60 of 60 labelled" }).waitFor({ timeout: 60_000 });
    assert.equal(await readFile(path.join(workspace, "messages.csv"), "utf8"), plain);
    const { task, examples, problems } = await loadTask(path.join(workspace, "messages.plumb.json"));
    assert.deepEqual([task.kind, task.labels], ["single", [{ name: "no" }, { name: "yes" }]]);
    assert.equal(examples.filter(({ split }) => split === "test").length, 12);
    assert.deepEqual(problems, []);
  });

  it("gives a label a colour by keyboard, which the label editor shows; one that no theme has is told at its line", async () => {
    await editor.run("View: Close All Editors");
    await fromExplorer("messages.csv");
    await page().locator(".summary", { hasText: "60 texts, 60 with an answer" }).waitFor({ timeout: 60_000 });
    const color = page().getByRole("combobox", { name: "Colour of “yes”" });
    await color.focus();
    await editor.page.keyboard.press("o");
    await page().locator('.labels .mark[data-color="orange"]').waitFor();
    await place.picture("new-task-colors");
    await page().locator('[data-id="out"]').fill("colored");
    await page().getByRole("button", { name: "Create Task" }).click();
    await editor.page.locator(".tab.active", { hasText: "colored.jsonl" }).waitFor({ timeout: 60_000 });
    const label = page().locator("button.label", { hasText: "yes" }).locator('.mark[data-color="orange"]');
    await label.waitFor({ timeout: 60_000 });
    await place.picture("label-colors");
    const file = path.join(workspace, "colored.plumb.json");
    const written = await readFile(file, "utf8");
    assert.deepEqual((JSON.parse(written) as Task).labels, [
      { name: "no" },
      { name: "yes", color: "orange" },
    ]);
    const lines = written.replace('"orange"', '"ornage"').split("\n");
    await writeFile(file, lines.join("\n"));
    await editor.openFile("colored.plumb.json");
    await editor.run("Plumb: Check Task");
    await editor.run("Problems: Focus on Problems View");
    const at = `[Ln ${lines.findIndex((line) => line.includes("ornage")) + 1}, `;
    await editor.page
      .locator(".markers-panel .monaco-list-row", {
        hasText: 'field "labels[1].color": found the text "ornage"',
      })
      .filter({ hasText: at })
      .first()
      .waitFor({ timeout: 60_000 });
    await editor.run("View: Hide Panel");
    await writeFile(file, written);
  });

  it("lists what was left out, and leads to its line in the file", async () => {
    await editor.run("View: Close All Editors");
    await editor.run("Plumb: New Task");
    await editor.page.locator(".quick-input-widget .monaco-list-row", { hasText: "ragged.csv" }).click();
    const problems = page().locator(".problems");
    await problems.locator("summary", { hasText: "2" }).waitFor({ timeout: 60_000 });
    await problems.getByRole("button", { name: "Line 63" }).click();
    await editor.page.locator(".tab.active", { hasText: "ragged.csv" }).waitFor();
    await editor.page.locator(".statusbar-item", { hasText: "Ln 63" }).waitFor();
  });

  it("reads 100,000 rows without holding the editor up, and stops where it is told to", async () => {
    await editor.run("View: Close All Editors");
    await fromExplorer("many.csv");
    await page().locator(".summary", { hasText: "100,000 texts" }).waitFor({ timeout: 120_000 });
    await editor.page.keyboard.press("Enter");
    await page().locator(".doing", { hasText: "Drawing the test part" }).waitFor({ timeout: 60_000 });
    await page().getByRole("button", { name: "Stop" }).click();
    await page().getByRole("button", { name: "Create Task" }).waitFor();
    assert.deepEqual(
      (await readdir(workspace)).filter((name) => name.startsWith("many")),
      ["many.csv"],
    );
    await page().getByRole("button", { name: "Create Task" }).click();
    await editor.page.locator(".tab.active", { hasText: "many.jsonl" }).waitFor({ timeout: 120_000 });
    await page().locator(".total", { hasText: "100,000 of 100,000" }).waitFor({ timeout: 60_000 });
  });
});
