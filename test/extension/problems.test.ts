import { readFile, writeFile } from "node:fs/promises";
import assert from "node:assert/strict";
import path from "node:path";
import { textOf } from "../unit/data/folder";
import type { Locator } from "playwright-core";
import type { Editor } from "./editor";
import { Place } from "./place";

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
  let place: Place;
  let workspace: string;
  let editor: Editor;

  before(async function () {
    const made = await Place.make("problems");
    if (made === null) this.skip();
    place = made;
    ({ workspace } = place);
    const examples = Array.from({ length: 60 }, (_, n) => ({
      ...{ id: `e${n}`, text: textOf(n) },
      label: n === 7 ? "unsure" : n % 2 === 0 ? "positive" : "negative",
    }));
    examples[20]!.label = "postive";
    examples[22]!.label = "postive";
    const lines = examples.map((example) => `${JSON.stringify(example)}\n`);
    await writeFile(path.join(workspace, "replies.jsonl"), lines.join(""));
    await writeFile(path.join(workspace, "replies.plumb.json"), task(["positive", "negative"]));
    editor = await place.open();
  });
  after(() => (place as Place | undefined)?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await place.picture("problems-failed");
  });

  const row = (text: string) =>
    editor.page.locator(".markers-panel .monaco-list-row", { hasText: text }).first();
  /** The first row of the Problems view that holds a text; the view keeps only those on the screen. */
  async function find(text: string) {
    await editor.run("Problems: Focus on Problems View");
    await editor.page.locator(".panel .viewpane-filter input").fill(text);
    const found = row(text);
    await found.waitFor({ timeout: 60_000 });
    return found;
  }
  const saved = (name: string) => readFile(path.join(workspace, name), "utf8");
  /** Chooses a quick fix for a row of the Problems view, in the line that it leads to. */
  async function fix(problem: Locator, title: string): Promise<void> {
    await problem.dblclick();
    const action = editor.page.locator(".action-widget .monaco-list-row", { hasText: title }).first();
    // The text editor has the focus only some time after its line is on the screen.
    for (const end = Date.now() + 60_000; ;) {
      await editor.page.keyboard.press("Control+.");
      const there = await action.waitFor({ timeout: 3000 }).then(
        () => true,
        () => false,
      );
      if (there) break;
      if (Date.now() > end) throw new Error(`No quick fix “${title}” is offered.`);
      await editor.page.keyboard.press("Escape");
    }
    await place.picture("quick-fix");
    await action.click();
  }
  async function save(name: string): Promise<void> {
    await editor.page.locator(`.tab.dirty`, { hasText: name }).first().waitFor();
    await editor.run("File: Save All Files");
    await editor.page.locator(`.tab:not(.dirty)`, { hasText: name }).first().waitFor();
  }

  it("shows problems of a task that is opened, each at its line", async () => {
    await editor.openFile("replies.plumb.json");
    assert.match(await (await find("Unknown field")).innerText(), /Ln 5/);
    assert.match(await (await find('"postive" is not')).innerText(), /Ln 21/);
  });

  it("renames a mistyped field of the task, and the problem is gone", async () => {
    const problem = await find("Unknown field");
    await fix(problem, "Rename the field to “instruction”");
    await save("replies.plumb.json");
    assert.match(await saved("replies.plumb.json"), /"instruction": "Yes or no\?"/);
    await problem.waitFor({ state: "detached", timeout: 60_000 });
  });

  it("corrects every label that is mistyped in the same way, and no other byte", async () => {
    const before = await saved("replies.jsonl");
    const problem = await find('"postive" is not');
    await fix(problem, "Change all 2 “postive” to “positive”");
    await save("replies.jsonl");
    assert.equal(await saved("replies.jsonl"), before.replaceAll('"postive"', '"positive"'));
    await problem.waitFor({ state: "detached", timeout: 60_000 });
  });

  it("takes a label into the task's set", async () => {
    const problem = await find('"unsure" is not');
    await fix(problem, "Add “unsure” to the labels of the task");
    await save("replies.plumb.json");
    assert.match(await saved("replies.plumb.json"), /\{\n {6}"name": "unsure"\n {4}\}\n {2}\]/);
    await problem.waitFor({ state: "detached", timeout: 60_000 });
  });

  it("names the files that may be meant where the examples are missing, and takes one of them", async () => {
    await writeFile(
      path.join(workspace, "lost.plumb.json"),
      task(["positive", "negative"]).replace("replies.jsonl", "reply.jsonl"),
    );
    await editor.openFile("lost.plumb.json");
    await editor.run("Plumb: Label Examples");
    await editor.notification("JSON Lines beside the task: replies.jsonl.").waitFor();
    const problem = await find("There is no examples file");
    assert.match(await problem.innerText(), /replies\.jsonl/);
    await fix(problem, "Use “replies.jsonl” as the examples file");
    await save("lost.plumb.json");
    assert.match(await saved("lost.plumb.json"), /"examples": "replies\.jsonl"/);
    await problem.waitFor({ state: "detached", timeout: 60_000 });
  });
});
