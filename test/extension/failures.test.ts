import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import type { FrameLocator } from "playwright-core";
import { seededRandom } from "../../src/core/random";
import { SmallDisk } from "../small-disk";
import type { Editor } from "./editor";
import { startLongRun } from "./long-run";
import { Place } from "./place";
import { processesOf } from "./processes";

const WORDS = {
  pressure: "hurry tonight last only soon miss never buy now everyone already quick vanish regret",
  none: "weekday quiet usually since often beside northern plain maintains calmly built holds again daily",
};
const SHARED = "sofa lamp kettle scarf desk bike tent radio library pool museum office market garden school";

/** Texts that even a tiny model can tell apart; the last two have no answer. */
function examples(): string[] {
  const random = seededRandom(11);
  return Array.from({ length: 102 }, (_, at) => {
    const label = at % 2 === 0 ? "pressure" : "none";
    const words = [...WORDS[label].split(" "), ...SHARED.split(" ")];
    const text = Array.from({ length: 14 }, () => words[Math.floor(random() * words.length)]!).join(" ");
    return JSON.stringify({ id: `e${at}`, text, ...(at < 100 ? { label } : {}) });
  });
}
/** Of memory, in bytes: a disk in memory gives no less. */
const PAGE = 4096;
/** Milliseconds after the last change by which VS Code has put what is unsaved aside: it waits for one second of quiet. */
const BACKED_UP = 3000;
const LINES = examples();
const CONTENT = LINES.map((line) => `${line}\n`).join("");
/** The file with the label of the first key at an open text. */
const labelled = (content: string, id: string) =>
  content.replace(new RegExp(`(\\{"id":"${id}",.*)\\}\n`), '$1,"label":"pressure"}\n');
/** And of the second key at the next. */
const bothLabelled = (content: string) =>
  labelled(content, "e100").replace(/(\{"id":"e101",.*)\}\n/, '$1,"label":"none"}\n');

const task = (name: string, model: string) =>
  JSON.stringify({
    ...{ version: 1, name, kind: "single", instruction: "Does the message press its reader?" },
    ...{ labels: [{ name: "pressure" }, { name: "none" }], examples: `${name}.jsonl`, baseModel: model },
  });

describe("what can go wrong in a real editor", function () {
  this.timeout(240_000);
  let place: Place;
  let editor: Editor;
  let page: FrameLocator;

  const at = (...names: string[]) => path.join(place.workspace, ...names);
  const read = (...names: string[]) => readFile(at(...names), "utf8");

  before(async function () {
    const made = await Place.make("failures");
    if (made === null) this.skip();
    place = made;
    await cp(path.resolve(__dirname, "../fixtures/tiny.gguf"), at("tiny.gguf"));
    for (const name of ["taken", "gone", "both", "named", "twice", "moved", "killed"]) {
      await writeFile(at(`${name}.jsonl`), CONTENT);
      await writeFile(at(`${name}.plumb.json`), task(name, "tiny.gguf"));
    }
    const plumb = path.join(place.extension, "dist/cli.js");
    await promisify(execFile)(process.execPath, [plumb, "tune", "named.plumb.json", "--steps", "12"], {
      cwd: place.workspace,
    });
    // As VS Code is by itself: what is unsaved outlives the window.
    editor = await place.open({ settings: { "files.hotExit": "onExitAndWindowClose" } });
  });
  after(() => (place as Place | undefined)?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await place.picture("failure-failed");
  });

  const tab = (name: string, dirty: boolean) =>
    editor.page.locator(`.tab.active${dirty ? ".dirty" : ":not(.dirty)"}`, { hasText: name });
  const shows = (id: string) =>
    page.locator(".facts .id", { hasText: new RegExp(`^${id}$`) }).waitFor({ timeout: 60_000 });
  const button = (action: string) => page.locator(`button[data-action=${action}]`);
  /** The label editor of a task, at its first open text. */
  async function label(name: string): Promise<void> {
    await editor.run("View: Close All Editors");
    await editor.openFile(`${name}.plumb.json`);
    await editor.run("Plumb: Label Examples");
    await tab(`${name}.jsonl`, false).waitFor();
    page = await editor.frame(".label-page");
    await shows("e100");
    await page.locator(".text").click();
  }

  it("an examples file that is removed while it is labelled: said, and written anew by saving", async () => {
    await label("gone");
    await rm(at("gone.jsonl"));
    await page.locator(".notice", { hasText: "gone.jsonl is no longer on the disk" }).waitFor();
    await shows("e100");
    await editor.page.keyboard.press("1");
    await shows("e101");
    await place.picture("failure-removed");
    await editor.page.keyboard.press("Control+s");
    await tab("gone.jsonl", false).waitFor();
    assert.equal(await read("gone.jsonl"), labelled(CONTENT, "e100"));
    await page.locator(".notice").waitFor({ state: "detached" });
  });

  it("one file in two editors at once: what is done in either is in both, and in the file", async () => {
    await label("both");
    await editor.page.keyboard.press("1");
    await shows("e101");
    await editor.run("View: Split Editor Right");
    await editor.run("Plumb: Open as Text");
    await editor.page.locator(".editor-instance .view-line").first().click();
    await editor.page.keyboard.press("Control+Home");
    await editor.page.keyboard.type('{"id":"typed","text":"Typed beside it."}\n');
    await page.locator(".total", { hasText: "101 of 103 labelled" }).waitFor();
    await shows("e101");
    await editor.page.keyboard.press("Control+s");
    await tab("both.jsonl", false).first().waitFor();
    const both = `{"id":"typed","text":"Typed beside it."}\n${labelled(CONTENT, "e100")}`;
    assert.equal(await read("both.jsonl"), both);
  });

  it("one file in two label editors: a label given in either is in both, and undone in both", async () => {
    await label("twice");
    const first = page;
    await editor.run("View: Split Editor Right");
    const second = async () => {
      for (;;) {
        const pages = editor.page.locator("iframe.webview.ready");
        if ((await pages.count()) === 2)
          return pages.last().contentFrame().frameLocator("iframe#active-frame");
        await editor.page.waitForTimeout(100);
      }
    };
    page = await second();
    await shows("e100");
    await page.locator(".text").click();
    await editor.page.keyboard.press("1");
    await shows("e101");
    const totals = async (words: string) => {
      for (const frame of [first, page]) await frame.locator(".total", { hasText: words }).waitFor();
    };
    await totals("101 of 102 labelled");
    await place.picture("failure-two-label-editors");
    // The first still shows the text that was labelled beside it, with its label.
    await first.locator(".facts .id", { hasText: /^e100$/ }).waitFor();
    await first.locator("button[aria-pressed=true]", { hasText: "pressure" }).waitFor();
    // The key comes before VS Code knows that a click has brought this editor to the front, as on a slow machine.
    await first.locator(".text").dispatchEvent("keydown", { key: "z", code: "KeyZ", bubbles: true });
    await first.locator(".text").click();
    await totals("100 of 102 labelled");
    await editor.page.keyboard.press("y");
    await totals("101 of 102 labelled");
    await editor.page.keyboard.press("Control+s");
    await tab("twice.jsonl", false).first().waitFor();
    assert.equal(await read("twice.jsonl"), labelled(CONTENT, "e100"));
  });

  it("a task that is renamed while its examples are labelled: the label editor goes on with it", async () => {
    await label("moved");
    await editor.page.keyboard.press("1");
    await shows("e101");
    await rename(at("moved.plumb.json"), at("elsewhere.plumb.json"));
    await writeFile(at("elsewhere.plumb.json"), task("moved", "tiny.gguf").replace('"moved"', '"elsewhere"'));
    await page.locator(".total", { hasText: "101 of 102 labelled" }).waitFor();
    await page.locator("h1", { hasText: "elsewhere" }).waitFor();
    await shows("e101");
    await editor.page.keyboard.press("2");
    await page.locator(".total", { hasText: "102 of 102 labelled" }).waitFor();
    await editor.page.keyboard.press("Control+s");
    await tab("moved.jsonl", false).waitFor();
    assert.equal(await read("moved.jsonl"), bothLabelled(CONTENT));
  });

  it("a full disk while labels are saved: said, they stay in the editor, and are saved once there is room", async function () {
    const disk = SmallDisk.at(at("small"), 32 * PAGE);
    if (disk === null) return this.skip();
    try {
      // One label more and the file needs another page.
      const room = PAGE - (CONTENT.length % PAGE) - '{"id":"last","text":""}\n'.length - 4;
      const content = `${JSON.stringify({ id: "last", text: "x".repeat(room) })}\n${CONTENT}`;
      await writeFile(at("small", "full.jsonl"), content);
      await writeFile(at("small", "full.plumb.json"), task("full", "../tiny.gguf"));
      await editor.run("View: Close All Editors");
      await editor.openFile("full.plumb.json");
      await editor.run("Plumb: Label Examples");
      page = await editor.frame(".label-page");
      await shows("last");
      await page.locator(".text").click();
      disk.fill();
      await editor.page.keyboard.press("1");
      await shows("e100");
      await editor.page.keyboard.press("Control+s");
      const said = editor.notification("full.jsonl was not saved whole");
      await said.waitFor();
      await place.picture("failure-full-disk");
      await tab("full.jsonl", true).waitFor();
      await page.locator(".total", { hasText: "101 of 103 labelled" }).waitFor();
      disk.free();
      await said.getByRole("button", { name: "Save Again" }).click();
      await tab("full.jsonl", false).waitFor();
      assert.equal(await read("small", "full.jsonl"), labelled(content, "last"));
    } finally {
      await editor.run("View: Close All Editors");
      disk.remove();
    }
  });

  it("a file that another program writes while labels are unsaved: neither is lost unasked", async () => {
    await label("taken");
    await editor.page.keyboard.press("1");
    await shows("e101");
    const outside = `${CONTENT}{"id":"outside","text":"Written by another program."}\n`;
    await writeFile(at("taken.jsonl"), outside);
    await editor.page.keyboard.press("Control+s");
    const refused = editor.notification("The content of the file is newer");
    await refused.waitFor();
    await place.picture("failure-newer");
    assert.equal(await read("taken.jsonl"), outside);
    await tab("taken.jsonl", true).waitFor();
    await refused.getByRole("button", { name: "Overwrite" }).click();
    await tab("taken.jsonl", false).waitFor();
    assert.equal(await read("taken.jsonl"), labelled(CONTENT, "e100"));
  });

  it("a task that is renamed while it is tuned: run, page and report stay with it", async () => {
    page = await startLongRun(editor, "named.plumb.json");
    await editor.page.keyboard.press("Control+Shift+E");
    await editor.page
      .locator(".explorer-folders-view .monaco-list-row", { hasText: "named.plumb.json" })
      .click();
    await editor.page.keyboard.press("F2");
    const box = editor.page.locator(".explorer-folders-view input");
    await box.fill("renamed.plumb.json");
    await editor.page.keyboard.press("Enter");
    await editor.page
      .locator(".explorer-folders-view .monaco-list-row", { hasText: "renamed.plumb.json" })
      .waitFor();
    await editor.openFile("renamed.plumb.json");
    await editor.run("Plumb: Tune Adapter");
    await editor.notification("being tuned already").waitFor();
    page = await editor.frame(".stand");
    await place.picture("failure-renamed");
    await button("cancel").click();
    await page.locator(".first", { hasText: "Cancelled" }).waitFor({ timeout: 60_000 });
    await button("resume").click();
    await page.locator(".stand", { hasText: /step \d+ of/ }).waitFor({ timeout: 60_000 });
    await button("keep").click();
    await editor.frame("#classes");
    const runs = await readdir(at(".plumb", "runs"));
    assert.equal(runs.length, 2);
    await editor.run("View: Close All Editors");
    await editor.openFile("renamed.plumb.json");
    await editor.run("Plumb: Open Report");
    await editor.page
      .locator(".quick-input-widget .monaco-list-row", { hasText: "ptuning-bias" })
      .nth(1)
      .waitFor();
    await editor.page.keyboard.press("Escape");
  });

  it("an extension host that is killed while labels are unsaved: they are there when it is back", async () => {
    await label("killed");
    await editor.page.keyboard.press("1");
    await shows("e101");
    await page.locator(".total", { hasText: "101 of 102 labelled" }).waitFor();
    const own = () => processesOf("--type=extensionHost").filter(({ group }) => group === editor.group);
    const [host, ...others] = own();
    assert.ok(host !== undefined && others.length === 0);
    process.kill(host.pid, "SIGKILL");
    while (own().every(({ pid }) => pid === host.pid)) await editor.page.waitForTimeout(100);
    await tab("killed.jsonl", true).waitFor();
    // What is done now, nobody takes; it is done when somebody is there again.
    await page.locator(".text").click();
    await editor.page.keyboard.press("2");
    await page.locator(".message", { hasText: "Nobody takes what you do here" }).waitFor();
    await place.picture("failure-host-killed");
    await editor.page.waitForTimeout(BACKED_UP);
    await editor.run("Developer: Reload Window");
    await editor.page.locator(".monaco-workbench").waitFor({ state: "detached" });
    page = await editor.frame(".label-page");
    await shows("e101");
    await page.locator(".total", { hasText: "102 of 102 labelled" }).waitFor();
    await tab("killed.jsonl", true).waitFor();
    assert.equal(await read("killed.jsonl"), CONTENT);
    await page.locator(".text").click();
    await editor.page.keyboard.press("Control+s");
    await tab("killed.jsonl", false).waitFor();
    assert.equal(await read("killed.jsonl"), bothLabelled(CONTENT));
  });
});
