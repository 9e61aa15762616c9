import assert from "node:assert/strict";
import { cp, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { seededRandom } from "../../src/core/random";
import type { Editor } from "./editor";
import { Place } from "./place";

const root = path.resolve(__dirname, "../..");

const shared =
  "sofa lamp kettle scarf desk bike tent radio library pool museum office market garden school station street river";
const cues = {
  pressure: "hurry tonight last only soon miss never buy now everyone already quick vanish regret",
  none: "weekday quiet usually since often beside northern plain maintains calmly built holds again daily",
};

/** Texts of words drawn at random: no near duplicates, and two classes that even a tiny model can tell apart. */
function examples(): string {
  const random = seededRandom(7);
  const draw = (words: readonly string[]) => words[Math.floor(random() * words.length)]!;
  const lines: string[] = [];
  for (let i = 0; i < 128; i++) {
    const label = i % 2 === 0 ? "pressure" : "none";
    const words = [...cues[label].split(" "), ...shared.split(" ")];
    const text = Array.from({ length: 14 }, () => draw(words)).join(" ");
    lines.push(JSON.stringify({ id: `e${i}`, text, label }));
  }
  return lines.map((line) => `${line}\n`).join("");
}

const task = {
  version: 1,
  name: "Pressure in messages",
  kind: "single",
  instruction: "Does the message press its reader?",
  labels: [{ name: "pressure" }, { name: "none" }],
  baseModel: "tiny.gguf",
};
/** The report is headed by it alone; the page of the run has words before it. */
const isName = new RegExp(`^${task.name}$`);

describe("the extension in a real editor", function () {
  this.timeout(240_000);
  let place: Place;
  let workspace: string;
  let editor: Editor;

  before(async function () {
    const made = await Place.make("editor");
    if (made === null) this.skip();
    place = made;
    ({ workspace } = place);
    await cp(path.join(root, "test/fixtures/tiny.gguf"), path.join(workspace, "tiny.gguf"));
    await writeFile(path.join(workspace, "messages.jsonl"), examples());
    await writeFile(
      path.join(workspace, "broken.jsonl"),
      `${examples()}{"id":"x","text":"Now!","label":"presure"}\n`,
    );
    for (const name of ["messages", "broken"]) {
      const content = JSON.stringify({ ...task, examples: `${name}.jsonl` }, null, 2);
      await writeFile(path.join(workspace, `${name}.plumb.json`), content);
    }
    editor = await place.open();
  });
  after(() => (place as Place | undefined)?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await place.picture("editor-failed");
  });

  it("offers its schema: an unknown kind is marked while one types", async () => {
    await writeFile(
      path.join(workspace, "wrong.plumb.json"),
      JSON.stringify({ ...task, kind: "sngle" }, null, 2),
    );
    await editor.openFile("wrong.plumb.json");
    await editor.page.locator(".squiggly-warning, .squiggly-error").first().waitFor();
    await rm(path.join(workspace, "wrong.plumb.json"));
  });

  it("checks a task and marks the line that is wrong", async () => {
    await editor.openFile("broken.plumb.json");
    await editor.run("Plumb: Check Task");
    const toast = editor.notification("1 problem stops a run");
    await toast.waitFor({ timeout: 60_000 });
    await toast.getByText("Show Problems").click();
    const row = editor.page.locator(".markers-panel .monaco-list-row", { hasText: "presure" });
    await row.waitFor();
    assert.match(await row.innerText(), /Ln 129/);
    await place.picture("problems");
  });

  it("tunes with progress and shows the report", async () => {
    await editor.openFile("messages.plumb.json");
    await editor.run("Plumb: Tune Adapter");
    await editor
      .panel()
      .locator(".first", { hasText: /^Tunes / })
      .waitFor({ timeout: 60_000 });
    await editor.page.keyboard.press("Enter");
    await editor.panel().locator(".course").waitFor();
    await place.picture("tuning");
    await editor.panel().locator("h1", { hasText: isName }).waitFor({ timeout: 120_000 });
    await place.picture("report");
    const runs = await readdir(path.join(workspace, ".plumb", "runs"));
    assert.equal(runs.length, 1);
  });

  it("opens the report of a run again from the task", async () => {
    await editor.run("View: Close All Editors");
    await editor.openFile("messages.plumb.json");
    await editor.run("Plumb: Open Report");
    await editor.panel().locator("h1", { hasText: isName }).waitFor({ timeout: 60_000 });
  });

  it("runs nothing in the panel but what the page brings", async () => {
    const policy = await editor
      .panel()
      .locator('meta[http-equiv="Content-Security-Policy"]')
      .getAttribute("content");
    assert.match(
      policy ?? "",
      /^default-src 'none'; img-src data:; style-src 'self' https:\/\/\*\.vscode-cdn\.net 'sha256-\S+'; script-src 'nonce-\w{32}' 'sha256-\S+'; base-uri 'none'; form-action 'none'$/,
    );
  });
});
