import assert from "node:assert/strict";
import { readFile, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import type { FrameLocator } from "playwright-core";
import type { Example, Task } from "../../src/core/schema";
import { writeFinishedRun } from "../finished-run";
import type { Editor } from "./editor";
import { Place } from "./place";

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
/** To be labelled faster than the document takes it. */
const FAST = Array.from(
  { length: 9 },
  (_, at) => `${JSON.stringify({ id: `f${at}`, text: `Text ${at}.` })}\n`,
);

describe("the label editor in a real editor", function () {
  this.timeout(240_000);
  let place: Place;
  let workspace: string;
  let editor: Editor;
  let page: FrameLocator;

  before(async function () {
    const made = await Place.make("label");
    if (made === null) this.skip();
    place = made;
    ({ workspace } = place);
    await writeFile(path.join(workspace, "texts.jsonl"), LINES.join("\n"));
    await writeFile(path.join(workspace, "texts.plumb.json"), JSON.stringify(task, null, 2));
    await writeFile(path.join(workspace, "large.jsonl"), "");
    await truncate(path.join(workspace, "large.jsonl"), 51 * 1024 * 1024);
    await writeFile(
      path.join(workspace, "large.plumb.json"),
      JSON.stringify({ ...task, examples: "large.jsonl" }),
    );
    await writeFile(path.join(workspace, "fast.jsonl"), FAST.join(""));
    await writeFile(
      path.join(workspace, "fast.plumb.json"),
      JSON.stringify({ ...task, examples: "fast.jsonl" }),
    );
    await writeJudged();
    editor = await place.open();
  });
  after(() => (place as Place | undefined)?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await place.picture("label-failed");
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
    await place.picture("label");
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

  it("removes a text with its line and no other byte, and undo brings it back to the byte, in view", async () => {
    const before = await saved();
    await shows("a");
    await page.getByRole("button", { name: "Remove Text" }).click();
    await page.getByRole("status").filter({ hasText: "Undo brings it back" }).waitFor();
    await dirty(true);
    await editor.page.keyboard.press("Control+s");
    await dirty(false);
    assert.equal(await saved(), before.split("\n").slice(1).join("\n"));
    await page.locator(".text").click();
    await editor.page.keyboard.press("Control+z");
    await shows("a");
    await dirty(true);
    await editor.page.keyboard.press("Control+s");
    await dirty(false);
    assert.equal(await saved(), before);
  });

  it("removes a broken line and no other byte, and undo brings it back to the byte, in view", async () => {
    const before = await saved();
    await editor.page.keyboard.press("g");
    await editor.page.keyboard.type("2");
    await editor.page.keyboard.press("Enter");
    const notice = page.locator(".notice", { hasText: "Line 2" });
    await notice.getByRole("button", { name: "Remove Line" }).click();
    await page.getByRole("status").filter({ hasText: "The line was removed" }).waitFor();
    await editor.page.keyboard.press("Control+s");
    await dirty(false);
    assert.equal(await saved(), before.split("\n").toSpliced(1, 1).join("\n"));
    await page.locator(".text").click();
    await editor.page.keyboard.press("Control+z");
    await notice.waitFor();
    await editor.page.keyboard.press("Control+s");
    await dirty(false);
    assert.equal(await saved(), before);
    await editor.page.keyboard.press("g");
    await editor.page.keyboard.type("a");
    await editor.page.keyboard.press("Enter");
    await shows("a");
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

  it("undoes what was done last, also where that has not reached the document yet", async () => {
    await editor.openFile("fast.plumb.json");
    await editor.run("Plumb: Label Examples");
    page = editor.panel();
    await shows("f0");
    await page.locator(".text").click();
    const { keyboard } = editor.page;
    const done = (count: number) => page.locator(".total", { hasText: `${count} of 9 labelled` }).waitFor();
    for (let time = 0; time < 3; time++) {
      await keyboard.press("1");
      await keyboard.press("Control+z");
      await shows("f0");
      await done(0);
    }
    // What is done right after it stays.
    for (const key of ["1", "2", "Control+z", "2"]) await keyboard.press(key);
    await done(2);
    for (const key of ["Control+z", "Control+Shift+z"]) await keyboard.press(key);
    await done(2);
    await keyboard.press("Control+s");
    await editor.page.locator(".tab.active:not(.dirty)", { hasText: "fast.jsonl" }).waitFor();
    const lines = (await readFile(path.join(workspace, "fast.jsonl"), "utf8")).trim().split("\n");
    const given = lines.map((line) => (JSON.parse(line) as Example).label ?? "");
    assert.deepEqual(given, ["pressure", "", "none", ...Array<string>(6).fill("")]);
  });

  it("leaves undo in a box to what was typed there", async () => {
    await editor.page.keyboard.press("/");
    await editor.page.keyboard.type("Text 7");
    await editor.page.keyboard.press("Control+z");
    await page.locator(".total", { hasText: "2 of 9 labelled" }).waitFor();
    await editor.page.waitForTimeout(500); // An undo of a label would have been there by now.
    assert.notEqual(await page.getByRole("searchbox").inputValue(), "Text 7");
    await page.locator(".total", { hasText: "2 of 9 labelled" }).waitFor();
    await editor.page.keyboard.press("Escape");
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

  const named = (name: string) => page.locator("h1", { hasText: new RegExp(`^${name}$`) }).waitFor();

  it("labels for the task that was asked for last, where two name a file, and commands mean that one", async () => {
    const labels = [{ name: "pushy" }, { name: "calm" }];
    const other = { ...task, name: "Another question", labels, examples: "judged.jsonl" };
    await writeFile(path.join(workspace, "another.plumb.json"), JSON.stringify(other));
    await editor.run("View: Close All Editors");
    await editor.openFile("another.plumb.json");
    await editor.run("Plumb: Label Examples");
    await editor.page.locator(".tab.active", { hasText: "judged.jsonl" }).waitFor();
    page = editor.panel();
    await named("Another question");
    await editor.run("Plumb: Open Report");
    await editor.notification("another.plumb.json has no finished run yet").waitFor();
    await editor.openFile("judged.plumb.json");
    await editor.run("Plumb: Open Report");
    const report = await editor.frame(".errors .id button");
    const link = report.locator(".errors .id button").last();
    const id = await link.innerText();
    await link.click();
    await editor.page.locator(".tab.active", { hasText: "judged.jsonl" }).waitFor();
    page = await editor.frame(".label-page");
    await named(task.name);
    await shows(id);
    await editor.run("Plumb: Open Report");
    await editor.page.locator(".tab.active", { hasText: `${task.name}: report` }).waitFor();
  });

  it("asks which task is meant with a broken one named as such, whose file it opens where it is broken", async () => {
    await writeFile(path.join(workspace, "slip.plumb.json"), '{\n  "version": 1,\n  "name" "Slip"\n}\n');
    await editor.run("View: Close All Editors");
    const row = (text: string) =>
      editor.page.locator(".quick-input-widget .monaco-list-row", { hasText: text });
    await editor.run("Plumb: Open Report");
    await row("slip.plumb.json").filter({ hasText: "broken" }).filter({ hasText: "not JSON" }).waitFor();
    await place.picture("which-task");
    await row("judged.plumb.json").click();
    await editor.page.locator(".tab.active", { hasText: `${task.name}: report` }).waitFor();
    await editor.run("View: Close All Editors");
    await editor.run("Plumb: Open Report");
    await row("slip.plumb.json").click();
    await editor.page.locator(".tab.active", { hasText: "slip.plumb.json" }).waitFor();
    await editor.page.locator(".statusbar-item", { hasText: "Ln 3, Col 1" }).waitFor();
  });
});
