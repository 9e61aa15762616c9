import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { seededRandom } from "../../src/core/random";
import { Editor, type HostPrograms } from "./editor";

const root = path.resolve(__dirname, "../..");
const pictures = path.join(root, "build", "pictures");

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
    workspace = await mkdtemp(path.join(os.tmpdir(), "plumb-report-"));
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
        [path.join(extension, "dist/cli.js"), "tune", "messages.plumb.json", "--steps", "20", "--seed", seed],
        { cwd: workspace },
      );
    await tune("1");
    await tune("2");
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
      await editor.page.screenshot({ path: path.join(pictures, "report-failed.png") });
    }
  });
  const panel = (holding: string) => editor.frame(holding);
  const pickFirst = (label: string | RegExp) =>
    editor.page.locator(".quick-input-widget .monaco-list-row", { hasText: label }).first().click();

  it("opens a run of several, and a text behind a cell in the label editor at that example", async () => {
    await editor.openFile("messages.plumb.json");
    await editor.run("Plumb: Open Report");
    await pickFirst("ptuning-bias");
    const page = await panel("#classes");
    await page.locator("#confusion button.count").first().click();
    const id = await page.locator(".behind .id button").first().innerText();
    await editor.page.screenshot({ path: path.join(pictures, "report-texts.png") });
    await page.locator(".behind .id button").first().click();
    const label = await panel(".label-page");
    await label.locator(".facts .id", { hasText: new RegExp(`^${id}$`) }).waitFor({ timeout: 60_000 });
    await editor.page.screenshot({ path: path.join(pictures, "report-to-label.png") });
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
    await editor.page.screenshot({ path: path.join(pictures, "report-try.png") });
  });

  it("copies a table to the clipboard of the editor", async () => {
    const page = await panel("#classes");
    await page.locator("#classes .copies button", { hasText: "Copy as CSV" }).first().click();
    await page.locator(".toast", { hasText: "Copied." }).waitFor();
    await editor.run("File: New Untitled Text File");
    await editor.page.locator(".monaco-editor.focused").waitFor();
    await editor.page.keyboard.press("Control+V");
    await editor.page.locator(".view-line", { hasText: "Class,F1,Precision,Recall" }).waitFor();
    await editor.run("File: Revert File");
    await editor.run("View: Close Editor");
  });

  it("compares the two runs, and takes the other one as the measure", async () => {
    await editor.openFile("messages.plumb.json");
    await editor.run("Plumb: Compare Runs");
    const page = await panel("#per-class");
    await page.locator(".verdict", { hasText: "B" }).waitFor();
    await editor.page.screenshot({ path: path.join(pictures, "comparison.png") });
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
    const widget = editor.page.locator(".quick-input-widget");
    // The dialog lists a folder first; a path that comes before that is done is overwritten.
    await widget.locator(".monaco-list-row", { hasText: "messages.jsonl" }).waitFor();
    await widget.locator("input").first().fill(path.join(workspace, "new.csv"));
    await widget.locator(".monaco-list-row.focused", { hasText: "new.csv" }).waitFor();
    await editor.page.keyboard.press("Enter");
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
    const toast = editor.notification(`${OPEN} suggestions for messages.jsonl`);
    await toast.waitFor({ timeout: 60_000 });
    assert.equal(await readFile(file, "utf8"), before);
    await toast.getByText("Review").click();
    const label = await panel(".label-page");
    await label.locator(".facts", { hasText: `1 of ${OPEN}` }).waitFor({ timeout: 60_000 });
    await label.locator(".dock", { hasText: "Enter takes it" }).waitFor();
    await editor.page.screenshot({ path: path.join(pictures, "label-suggestions.png") });
    await label.locator(".text").click();
    await editor.page.keyboard.press("Enter");
    await label.locator(".total", { hasText: `121 of ${120 + OPEN}` }).waitFor();
    await editor.page.keyboard.press("Control+S");
    const lines = async () => (await readFile(file, "utf8")).split("\n");
    for (let wait = 0; wait < 50 && (await lines()).join("\n") === before; wait++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    const changed = (await lines()).filter((line, at) => line !== before.split("\n")[at]);
    assert.equal(changed.length, 1);
    assert.match(changed[0]!, /^\{"id":"e120".*"label":"(pressure|none)"\}$/);
  });
});
