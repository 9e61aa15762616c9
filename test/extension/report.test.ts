import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import type { Example } from "../../src/core/schema";
import { Report } from "../../src/core/schema/report";
import { RUN_FILES } from "../../src/core/tuning/run-folder";
import { seededRandom } from "../../src/core/random";
import type { Editor } from "./editor";
import { Place } from "./place";
import { processesOf } from "./processes";

const root = path.resolve(__dirname, "../..");

const WORDS = {
  pressure: "hurry tonight last only soon miss never buy now everyone already quick vanish regret",
  none: "weekday quiet usually since often beside northern plain maintains calmly built holds again daily",
};
const SHARED = "sofa lamp kettle scarf desk bike tent radio library pool museum office market garden school";
const OPEN = 12;

const task = {
  version: 1,
  name: "Pressure in messages",
  kind: "single",
  instruction: "Does the message press its reader?",
  labels: [{ name: "pressure" }, { name: "none" }],
  examples: "messages.jsonl",
  baseModel: "tiny.gguf",
};

/** Texts of words drawn at random; the last few have no answer. */
function examples(): string[] {
  const random = seededRandom(7);
  return Array.from({ length: 120 + OPEN }, (_, at) => {
    const label = at % 2 === 0 ? "pressure" : "none";
    const words = [...WORDS[label].split(" "), ...SHARED.split(" ")];
    const text = Array.from({ length: 14 }, () => words[Math.floor(random() * words.length)]!).join(" ");
    return JSON.stringify({ id: `e${at}`, text, ...(at < 120 ? { label } : {}) });
  });
}

describe("reports in a real editor", function () {
  this.timeout(240_000);
  let place: Place;
  let workspace: string;
  let editor: Editor;

  before(async function () {
    const made = await Place.make("report");
    if (made === null) this.skip();
    place = made;
    ({ workspace } = place);
    await cp(path.join(root, "test/fixtures/tiny.gguf"), path.join(workspace, "tiny.gguf"));
    await writeFile(
      path.join(workspace, "messages.jsonl"),
      examples()
        .map((line) => `${line}\n`)
        .join(""),
    );
    await writeFile(path.join(workspace, "messages.plumb.json"), JSON.stringify(task, null, 2));
    await writeFile(
      path.join(workspace, "new.csv"),
      'number;message\n1;"hurry, only tonight; buy now"\n2;the museum holds a quiet garden\n',
    );
    const tune = (seed: string) =>
      promisify(execFile)(
        process.execPath,
        [
          path.join(place.extension, "dist/cli.js"),
          "tune",
          "messages.plumb.json",
          "--steps",
          "20",
          "--seed",
          seed,
        ],
        { cwd: workspace },
      );
    await tune("1");
    await tune("2");
    editor = await place.open();
  });
  after(() => (place as Place | undefined)?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await place.picture("report-failed");
  });
  const panel = (holding: string) => editor.frame(holding);
  const pickFirst = (label: string | RegExp) =>
    editor.page.locator(".quick-input-widget .monaco-list-row", { hasText: label }).first().click();

  const runFile = (...names: string[]) => path.join(workspace, ".plumb", "runs", ...names);
  const runs = async () => (await readdir(runFile())).sort();
  /** One of Plumb's views in the side bar. */
  const section = (name: string) =>
    editor.page.locator(".pane", { has: editor.page.locator(`[aria-label="${name} Section"]`) });
  /** Chooses a command in the menu of a view's first row. */
  const choose = async (view: string, title: string) => {
    const dialog = editor.page.locator(".quick-input-widget");
    await editor.takeFromMenu(section(view).locator(".monaco-list-row").first(), title, dialog);
  };

  it("opens a run of several, and a text behind a cell in the label editor at that example", async () => {
    await editor.openFile("messages.plumb.json");
    await editor.run("Plumb: Open Report");
    await pickFirst("ptuning-bias");
    const page = await panel("#classes");
    await page.locator("#confusion button.count").first().click();
    const id = await page.locator(".behind .id button").first().innerText();
    await place.picture("report-texts");
    await page.locator(".behind .id button").first().click();
    const label = await panel(".label-page");
    await label.locator(".facts .id", { hasText: new RegExp(`^${id}$`) }).waitFor({ timeout: 60_000 });
    await place.picture("report-to-label");
    await editor.run("View: Close Editor");
  });

  it("opens a text in the label editor that the report hides", async () => {
    const shown = async (id: string) =>
      (await panel(".label-page"))
        .locator(".facts .id", { hasText: new RegExp(`^${id}$`) })
        .waitFor({ timeout: 60_000 });
    await editor.openFile("messages.plumb.json");
    await editor.run("Plumb: Label Examples");
    await shown("e120");
    await editor.openFile("messages.plumb.json");
    await editor.run("Plumb: Open Report");
    await pickFirst("ptuning-bias");
    const page = await panel("#classes");
    await page.locator("#confusion button.count").nth(1).click();
    const link = page.locator(".behind .id button").first();
    const id = await link.innerText();
    await link.click();
    await shown(id);
    await editor.run("View: Close Editor");
  });

  it("judges a text while it is typed", async () => {
    const page = await panel("#try");
    const box = page.locator("#try textarea");
    await box.click();
    await box.pressSequentially("hurry only tonight", { delay: 60 });
    await page.locator(".tried tr.own").waitFor({ timeout: 60_000 });
    const shares = await page.locator(".tried tr td:nth-child(3)").allInnerTexts();
    const sum = shares.reduce((all, share) => all + Number.parseInt(share, 10), 0);
    assert.ok(Math.abs(sum - 100) <= 1, shares.join(" + "));
    await place.picture("report-try");
  });

  it("has the engine in the worker that judges, and not in the extension host", () => {
    const native = (pid: number) => {
      const maps = readFileSync(`/proc/${pid}/maps`, "utf8");
      return ["plumb.node", "libdnnl"].filter((name) => maps.includes(name));
    };
    const of = (word: string) => processesOf(word).filter(({ group }) => group === editor.group);
    const [hosts, workers] = [
      of("--type=extensionHost"),
      of(path.join(place.extension, "dist", "worker.js")),
    ];
    assert.deepEqual([hosts.length, workers.length], [1, 1]);
    assert.deepEqual(native(workers[0]!.pid), ["plumb.node", "libdnnl"]);
    assert.deepEqual(native(hosts[0]!.pid), []);
  });

  it("copies a table to the clipboard of the editor", async () => {
    const page = await panel("#classes");
    await page.locator("#classes .copies button", { hasText: "Copy as CSV" }).first().click();
    await page.locator(".toast", { hasText: "Copied." }).waitFor();
    await editor.run("File: New Untitled Text File");
    await editor.page.locator(".monaco-editor.focused").waitFor();
    await editor.page.keyboard.press("Control+V");
    await editor.page.locator(".view-line", { hasText: "Class,F1,Precision,Recall" }).waitFor();
    await editor.run("View: Revert and Close Editor"); // unsaved, it would hold up what closes all
  });

  it("compares the two runs, and takes the other one as the measure", async () => {
    await editor.openFile("messages.plumb.json");
    await editor.run("Plumb: Compare Runs");
    const page = await panel("#per-class");
    await page.locator(".verdict", { hasText: "B" }).waitFor();
    await place.picture("comparison");
    await page.locator("input[name=reference]").nth(1).check();
    const again = await panel("#per-class");
    await again.locator("th", { hasText: "Lead over B" }).waitFor();
    await editor.run("View: Close Editor");
  });

  it("writes what the adapter says of a file beside it", async () => {
    await editor.openFile("new.csv");
    await editor.page.locator(".tab.active", { hasText: "new.csv" }).waitFor();
    await editor.run("Plumb: Predict File");
    await pickFirst("ptuning-bias");
    await editor.chooseFile(path.join(workspace, "new.csv"));
    await pickFirst("message");
    await editor.notification("2 rows with what the adapter says").waitFor({ timeout: 60_000 });
    const written = await readFile(path.join(workspace, "new.predicted.csv"), "utf8");
    assert.match(
      written,
      /^\ufeffnumber,message,predicted,probability,p\(pressure\),p\(none\),cut\r\n1,"hurry, /,
    );
    assert.equal(written.split("\r\n").length, 4);
  });

  it("suggests answers that stand apart until they are taken with a key", async () => {
    const file = path.join(workspace, "messages.jsonl");
    const before = await readFile(file, "utf8");
    await editor.run("Notifications: Clear All Notifications");
    await editor.openFile("messages.plumb.json");
    await editor.run("Plumb: Label with Adapter");
    await pickFirst("ptuning-bias");
    // A run would draw the test part from what is answered by then, suggested answers among it.
    const first = editor.notification("draws its test part anew");
    await first.waitFor();
    await place.picture("label-suggestions-unfixed");
    await first.getByText("Fix the Test Part").click();
    await editor
      .notification(/^\d+ of 132 texts are the test part of Pressure in messages from now on/)
      .waitFor();
    const toast = editor.notification(/ suggestions for messages.jsonl/);
    await toast.waitFor({ timeout: 60_000 });
    const fixed = (await readFile(file, "utf8")).split("\n");
    const ofTest = fixed.filter((line, at) => line !== before.split("\n")[at]);
    assert.deepEqual(
      fixed.map((line) => line.replace(',"split":"test"', "")),
      before.split("\n"),
    );
    assert.ok(Math.abs(ofTest.length - 0.2 * (120 + OPEN)) < 3, `${ofTest.length}`);
    const left = fixed.filter((line, at) => at >= 120 && line !== "" && !ofTest.includes(line)).length;
    assert.match(await toast.innerText(), new RegExp(`\\b${left} suggestions`));
    await toast.getByText("Review").click();
    const label = await panel(".label-page");
    await label.locator(".facts", { hasText: `1 of ${left}` }).waitFor({ timeout: 60_000 });
    await label.locator(".dock", { hasText: "Enter takes it" }).waitFor();
    await place.picture("label-suggestions");
    await label.locator(".text").click();
    await editor.page.keyboard.press("Enter");
    await label.locator(".total", { hasText: `121 of ${120 + OPEN}` }).waitFor();
    await editor.page.keyboard.press("Control+S");
    const lines = async () => (await readFile(file, "utf8")).split("\n");
    for (let wait = 0; wait < 50 && (await lines()).join("\n") === fixed.join("\n"); wait++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    const changed = (await lines()).filter((line, at) => line !== fixed[at]);
    assert.equal(changed.length, 1);
    assert.match(changed[0]!, /^\{"id":"e1[23]\d".*"label":"(pressure|none)"\}$/);
  });

  it("asks the last adapter without being told to where the setting says so", async () => {
    const settings = path.join(workspace, ".vscode", "settings.json");
    const texts = (await readFile(path.join(workspace, "messages.jsonl"), "utf8")).trimEnd().split("\n");
    const { id } = texts
      .map((line) => JSON.parse(line) as Example)
      .find(({ label, split }) => label === undefined && split !== "test")!;
    await editor.run("View: Close All Editors");
    await editor.openFile("messages.plumb.json");
    await editor.run("Plumb: Label Examples");
    const page = await panel(".label-page");
    await page.locator(".facts .id").waitFor({ timeout: 60_000 });
    await page.locator(".text").click();
    await editor.page.keyboard.press("g");
    await editor.page.keyboard.type(id);
    await editor.page.keyboard.press("Enter");
    await page.locator(".facts .id", { hasText: new RegExp(`^${id}$`) }).waitFor({ timeout: 60_000 });
    const line = page.locator(".suggestion");
    assert.equal(await line.getAttribute("data-state"), "off");
    await mkdir(path.dirname(settings));
    await writeFile(settings, '{ "plumb.label.suggestions": true }');
    await line.and(editor.page.locator("[data-state=ready]")).waitFor({ timeout: 60_000 });
    assert.match(await line.innerText(), /pressure|none/);
    await rm(path.dirname(settings), { recursive: true });
  });

  it("writes the report as a page of its own where it is told to", async () => {
    await editor.run("View: Close All Editors");
    await editor.openFile("messages.plumb.json");
    await editor.run("Plumb: Export Report");
    await pickFirst("ptuning-bias");
    const file = path.join(workspace, "exported.html");
    const proposed = await editor.givePath(file);
    const id = (await runs()).find((one) => proposed.endsWith(`Pressure-in-messages-${one}.html`));
    assert.ok(id !== undefined, proposed);
    await editor.notification(`Written: ${file}`).waitFor({ timeout: 60_000 });
    const page = await readFile(file, "utf8");
    const report = Report.parse(JSON.parse(await readFile(runFile(id, "report.json"), "utf8")));
    assert.match(page, /^<!doctype html>/i);
    assert.ok(page.includes(report.verdict.sentence.split(".")[0]!), report.verdict.sentence);
    assert.doesNotMatch(page, /\b(src|href)="(?!#|data:)/);
  });

  it("copies the adapter of a run in the view to where it is told to", async () => {
    await editor.page.locator(".activitybar a[aria-label^=Plumb]").click();
    await choose("Adapters", "Export Adapter");
    const file = path.join(workspace, "exported.safetensors");
    const id = path.basename(await editor.givePath(file), ".adapter.safetensors");
    assert.ok((await runs()).includes(id), id);
    const adapter = await readFile(runFile(id, RUN_FILES.adapter));
    for (let wait = 0; wait < 50 && !existsSync(file); wait++) await editor.page.waitForTimeout(100);
    assert.ok(adapter.equals(await readFile(file)));
    await editor.run("View: Toggle Primary Side Bar Visibility");
  });

  it("shows a run whose manifest is damaged, and closes the report of a run that is deleted", async () => {
    const runs = path.join(workspace, ".plumb", "runs");
    const [first] = await readdir(runs);
    await cp(path.join(runs, first!), path.join(runs, "damaged"), { recursive: true });
    await writeFile(path.join(runs, "damaged", "manifest.json"), "{");
    await editor.page.locator(".activitybar a[aria-label^=Plumb]").click();
    const items = editor.page.locator(".sidebar .monaco-list-row");
    const finished = items.filter({ hasText: /^F1 / });
    await items.filter({ hasText: "damaged" }).waitFor();
    await finished.nth(1).waitFor();
    await finished.first().click();
    await panel("#classes");
    const report = editor.page.locator(".tab", { hasText: "Pressure in messages: report" });
    const dialog = editor.page.locator(".monaco-dialog-box");
    await editor.takeFromMenu(finished.first(), "Delete Run…", dialog);
    await dialog.locator(".monaco-button", { hasText: "Delete Run" }).click();
    await report.waitFor({ state: "detached" });
    await finished.nth(1).waitFor({ state: "detached" });
    await items.filter({ hasText: "damaged" }).waitFor();
    // What another program takes away leaves the page, whose buttons say so.
    await finished.first().click();
    const left = (await readdir(runs)).find((name) => name !== "damaged")!;
    const page = await panel("#classes");
    await rm(path.join(runs, left), { recursive: true });
    await page.locator("button", { hasText: "Compare with other runs" }).click();
    await editor.notification(`The run ${left} is no longer there`).waitFor();
    await place.picture("tree-damaged");
  });
});
