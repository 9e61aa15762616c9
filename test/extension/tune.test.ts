import assert from "node:assert/strict";
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { FrameLocator } from "playwright-core";
import { seededRandom } from "../../src/core/random";
import { holdingTask } from "../../src/core/runs/task-lock";
import type { Example, Manifest, Report } from "../../src/core/schema";
import type { Editor } from "./editor";
import { startLongRun } from "./long-run";
import { Place } from "./place";
import { processesOf } from "./processes";

const root = path.resolve(__dirname, "../..");

const cues = {
  pressure: "hurry tonight last only soon miss never buy now everyone already quick vanish regret",
  none: "weekday quiet usually since often beside northern plain maintains calmly built holds again daily",
};
const shared = "sofa lamp kettle scarf desk bike tent radio library pool museum office market garden school";

/** Texts of words drawn at random that even a tiny model can tell apart. */
function examples(count: number, seed: number): string {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, at) => {
    const label = at % 2 === 0 ? "pressure" : "none";
    const words = [...cues[label].split(" "), ...shared.split(" ")];
    const text = Array.from({ length: 14 }, () => words[Math.floor(random() * words.length)]!).join(" ");
    return `${JSON.stringify({ id: `e${at}`, text, label })}\n`;
  }).join("");
}

const task = (name: string, more = {}) =>
  JSON.stringify(
    {
      version: 1,
      name,
      kind: "single",
      instruction: "Does the message press its reader?",
      labels: [{ name: "pressure" }, { name: "none" }],
      examples: `${name}.jsonl`,
      baseModel: "tiny.gguf",
      ...more,
    },
    null,
    2,
  );

describe("tuning in a real editor", function () {
  this.timeout(300_000);
  let place: Place;
  let workspace: string;
  let worker: string;
  let editor: Editor;
  let page: FrameLocator;

  before(async function () {
    const made = await Place.make("tune");
    if (made === null) this.skip();
    place = made;
    ({ workspace } = place);
    worker = path.join(place.extension, "dist", "worker.js");
    await cp(path.join(root, "test/fixtures/tiny.gguf"), path.join(workspace, "tiny.gguf"));
    await writeFile(path.join(workspace, "messages.jsonl"), examples(128, 7));
    await writeFile(path.join(workspace, "messages.plumb.json"), task("messages"));
    const wrong = `${examples(40, 8)}{"id":"x","text":"Now!","label":"presure"}\n`;
    await writeFile(path.join(workspace, "wrong.jsonl"), wrong);
    await writeFile(path.join(workspace, "wrong.plumb.json"), task("wrong"));
    // Behind what is tuned on, texts that are labelled while the run works.
    const open = Array.from(
      { length: 6 },
      (_, at) => `${JSON.stringify({ id: `o${at}`, text: `Open ${at}.` })}\n`,
    );
    await writeFile(path.join(workspace, "meanwhile.jsonl"), examples(128, 9) + open.join(""));
    await writeFile(path.join(workspace, "meanwhile.plumb.json"), task("meanwhile"));
    editor = await place.open();
  });
  after(() => (place as Place | undefined)?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await place.picture("tune-failed");
  });

  const picture = (name: string) => place.picture(name);
  const runs = () => readdir(path.join(workspace, ".plumb", "runs")).catch((): string[] => []);
  const runFile = (id: string, name: string) => path.join(workspace, ".plumb", "runs", id, name);
  const manifest = async (id: string) =>
    JSON.parse(await readFile(runFile(id, "manifest.json"), "utf8")) as Manifest;
  /** That the page on show says the run is at. */
  const step = async () => {
    const said = (await page.locator(".stand").textContent()) ?? "";
    return Number(/step ([\d,]+) of/.exec(said)?.[1]?.replaceAll(",", ""));
  };
  const labelOf = (read: readonly Example[], id: string) => read.find((one) => one.id === id)?.label;
  const button = (action: string) => page.locator(`button[data-action=${action}]`);
  const labels = () => readFile(path.join(workspace, "messages.jsonl"), "utf8");

  async function plan(file: string): Promise<void> {
    await editor.run("View: Close All Editors");
    await editor.openFile(file);
    await editor.run("Plumb: Tune Adapter");
    page = editor.panel();
    await page.locator("h1", { hasText: "Tune an adapter" }).waitFor({ timeout: 60_000 });
  }

  it("shows tasks with their counts in the activity bar, and what to do where there is nothing yet", async () => {
    await editor.page.locator(".activitybar a[aria-label^=Plumb]").click();
    const tree = editor.page.locator(".pane-body .monaco-list-row");
    await tree.filter({ hasText: "128 of 128 labelled" }).waitFor({ timeout: 60_000 });
    await tree.filter({ hasText: "wrong.jsonl" }).waitFor();
    await editor.page.locator(".welcome-view-content", { hasText: "No adapter yet" }).waitFor();
    await picture("tree-begin");
  });

  it("shows the plan from the link above a task, and Enter begins", async () => {
    await editor.openFile("messages.plumb.json");
    await editor.page.locator(".codelens-decoration a", { hasText: "Tune Adapter" }).click();
    page = editor.panel();
    await page.locator(".first", { hasText: /^Tunes tiny on \d+ texts and keeps 26 for the test/ }).waitFor();
    await page.locator("tr", { hasText: "pressure" }).getByText("64").waitFor();
    await picture("tune-plan");
    await editor.page.keyboard.press("Enter");
    await page.locator(".course").waitFor();
    await editor
      .panel()
      .locator("h1", { hasText: /^messages$/ })
      .waitFor({ timeout: 120_000 });
    assert.equal((await runs()).length, 1);
    assert.equal((await manifest((await runs())[0]!)).status, "finished");
    await editor.page
      .locator(".pane-body .monaco-list-row", { hasText: /F1 \d\.\d\d \[/ })
      .first()
      .waitFor();
    await picture("tree-run");
  });

  it("says what is wrong instead of a run that would be dishonest, and leads there", async () => {
    await plan("wrong.plumb.json");
    const item = page.locator(".findings li.error", { hasText: "not in the label set" }).first();
    await item.waitFor({ timeout: 60_000 });
    assert.equal(await button("tune").count(), 0);
    await picture("tune-refused");
    await item.locator("button.link", { hasText: "wrong.jsonl:41" }).click();
    await editor.page.locator(".tab.active", { hasText: "wrong.jsonl" }).waitFor();
    const label = await editor.frame(".label-page");
    await label.locator(".facts .id", { hasText: /^x$/ }).waitFor();
    await label.locator(".notice", { hasText: "Not in the task's label set: presure" }).waitFor();
    await picture("tune-to-label");
  });

  it("refuses a task that another window is tuning, with its run, and plans once that is done", async () => {
    const run = path.join(workspace, ".plumb", "runs", "of-another-window");
    await holdingTask(path.join(workspace, "messages.plumb.json"), new Date(), async (tellRun) => {
      await tellRun(run);
      await plan("messages.plumb.json");
      const refusal = page.locator(".first.bad", { hasText: "A task has one run at a time" });
      await refusal.waitFor({ timeout: 60_000 });
      assert.ok((await refusal.innerText()).includes(run));
      assert.equal(await button("tune").count(), 0);
      await picture("tune-elsewhere");
    });
    await button("again").click();
    await page.locator(".first", { hasText: "Tunes tiny" }).waitFor({ timeout: 60_000 });
  });

  it("goes on with a run that was cut off, whose answers were corrected since, with those that it began with", async () => {
    page = await startLongRun(editor, "messages.plumb.json");
    await button("cancel").click();
    await page.locator(".first", { hasText: "Cancelled" }).waitFor({ timeout: 60_000 });
    const before = await labels();
    await writeFile(path.join(workspace, "messages.jsonl"), before.replace('"none"', '"pressure"'));
    await button("resume").click();
    await page.locator(".stand", { hasText: /step \d{2,} of/ }).waitFor({ timeout: 60_000 });
    await button("cancel").click();
    await page.locator(".first", { hasText: "Cancelled" }).waitFor({ timeout: 60_000 });
    await writeFile(path.join(workspace, "messages.jsonl"), before);
    const cut = (await runs()).at(-1)!;
    await rm(path.join(workspace, ".plumb", "runs", cut), { recursive: true });
  });

  it("shows a run as it goes, refuses a second one in words, and cancels without loss", async () => {
    const before = await labels();
    page = await startLongRun(editor, "messages.plumb.json");
    await editor.page.locator(".statusbar-item", { hasText: /messages: \d+\s?% · .* left/ }).waitFor();
    await page.locator(".figures dd", { hasText: /tokens\/s/ }).waitFor();
    await page.locator("svg polyline.bold").first().waitFor();
    await editor.page.waitForTimeout(1500);
    await picture("tune-running");
    // The notification does not lie over the labels: the status bar carries on.
    const notice = editor.notification(/ left/);
    await notice.waitFor();
    await editor.openFile("messages.plumb.json");
    assert.ok(await notice.isVisible());
    await editor.run("Plumb: Label Examples");
    await notice.waitFor({ state: "detached" });
    await editor.page.locator(".statusbar-item", { hasText: /messages: \d+\s?% · .* left/ }).waitFor();
    await picture("tune-labelling");
    await editor.openFile("messages.plumb.json");
    await editor.run("Plumb: Tune Adapter");
    await editor.notification("being tuned already").waitFor();
    page = editor.panel();
    await button("cancel").click();
    await editor.notification(/cancelled after step \d+/).waitFor({ timeout: 60_000 });
    await page.locator(".first", { hasText: "Cancelled" }).waitFor();
    await picture("tune-cancelled");
    const [, second] = await runs();
    assert.equal((await manifest(second!)).status, "paused");
    assert.equal(await labels(), before);
  });

  it("goes on with it, and stops with the best so far", async () => {
    await button("resume").click();
    await page.locator(".stand", { hasText: /step \d{2,} of/ }).waitFor({ timeout: 60_000 });
    await button("keep").click();
    await editor
      .panel()
      .locator("h1", { hasText: /^messages$/ })
      .waitFor({ timeout: 120_000 });
    const { status, resumed } = await manifest((await runs())[1]!);
    assert.equal(status, "finished");
    assert.ok(resumed[0]!.step > 0);
  });

  it("outlives a kill of the engine: says so, and goes on from what was saved", async () => {
    const before = await labels();
    page = await startLongRun(editor, "messages.plumb.json");
    process.kill(processesOf(worker)[0]!.pid, "SIGKILL");
    await page.locator(".first.bad", { hasText: "The engine was ended from outside" }).waitFor();
    await editor.notification("labels are untouched").waitFor();
    await picture("tune-killed");
    assert.equal(await labels(), before);
    await button("resume").click();
    await page.locator(".stand", { hasText: /step \d+ of/ }).waitFor({ timeout: 60_000 });
    await button("cancel").click();
    await page.locator(".first", { hasText: "Cancelled" }).waitFor({ timeout: 60_000 });
  });

  it("outlives a kill of the extension host: the run saves itself and is offered at the next start", async () => {
    page = await startLongRun(editor, "messages.plumb.json");
    const id = (await runs()).at(-1)!;
    process.kill(processesOf(worker)[0]!.parent, "SIGKILL");
    while (processesOf(worker).length > 0) await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal((await manifest(id)).status, "paused");
    await editor.page.reload();
    const offer = editor.notification("did not end");
    await offer.waitFor({ timeout: 120_000 });
    await picture("tune-offered");
    await offer.getByText("Resume").click();
    page = editor.panel();
    await page.locator(".stand", { hasText: /step \d+ of/ }).waitFor({ timeout: 60_000 });
    await button("keep").click();
    await editor
      .panel()
      .locator("h1", { hasText: /^messages$/ })
      .waitFor({ timeout: 120_000 });
    assert.ok((await manifest(id)).resumed[0]!.step > 0);
  });

  it("has labelling go on while it works, and reports of the examples as they were at its start", async () => {
    const file = path.join(workspace, "meanwhile.jsonl");
    const read = async () =>
      (await readFile(file, "utf8"))
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Example);
    const before = await read();
    page = await startLongRun(editor, "meanwhile.plumb.json");
    const id = (await runs()).at(-1)!;
    const { split } = await manifest(id);
    const began = await step();

    await editor.openFile("meanwhile.plumb.json");
    await editor.run("Plumb: Label Examples");
    const label = await editor.frame(".facts .id");
    const shows = (one: string) => label.locator(".facts .id", { hasText: new RegExp(`^${one}$`) }).waitFor();
    await shows("o0");
    await label.locator(".card").focus();
    for (const [at, key] of ["1", "2", "1"].entries()) {
      await editor.page.keyboard.press(key);
      await shows(`o${at + 1}`);
    }
    // A text of the run's test part and one of its training part get the other label.
    const changed = [split.test[0]!, split.train[0]!];
    for (const one of changed) {
      await editor.page.keyboard.press("g");
      await editor.page.keyboard.type(String(before.findIndex((example) => example.id === one) + 1));
      await editor.page.keyboard.press("Enter");
      await shows(one);
      await editor.page.keyboard.press(labelOf(before, one) === "pressure" ? "2" : "1");
    }
    await label.locator(".total", { hasText: "131 of 134 labelled" }).waitFor();
    const clean = editor.page.locator(".tab.active:not(.dirty)", { hasText: "meanwhile.jsonl" });
    // Pressed before the last label has reached the document, the key saves those before it.
    for (let tries = 0; tries < 5 && !(await clean.isVisible()); tries++) {
      await editor.page.keyboard.press("Control+s");
      await clean.waitFor({ timeout: 5_000 }).catch(() => undefined);
    }
    await clean.waitFor();
    await picture("tune-meanwhile");
    const other = { pressure: "none", none: "pressure" } as const;
    const given: Readonly<Record<string, string>> = { o0: "pressure", o1: "none", o2: "pressure" };
    const wanted = before.map((example) => {
      const { [example.id]: now = example.label } = given;
      const label = changed.includes(example.id) ? other[example.label as keyof typeof other] : now;
      return label === undefined ? example : { ...example, label };
    });
    assert.deepEqual(await read(), wanted);

    await editor.run("Plumb: Show Run");
    page = await editor.frame(".course .stand");
    assert.ok((await step()) > began, "the run goes on meanwhile");
    await button("keep").click();
    await editor
      .panel()
      .locator("h1", { hasText: /^meanwhile$/ })
      .waitFor({ timeout: 120_000 });
    assert.equal((await manifest(id)).status, "finished");
    const { rows } = JSON.parse(await readFile(runFile(id, "report.json"), "utf8")) as Report;
    assert.deepEqual(
      rows.map((row) => [row.id, row.truth]),
      split.test.map((one) => [one, [labelOf(before, one)]]),
    );
    const used = [...split.train, ...split.test].sort();
    assert.deepEqual(used, before.flatMap(({ id: one, label }) => (label === undefined ? [] : [one])).sort());
    assert.deepEqual(await read(), wanted);
  });
});
