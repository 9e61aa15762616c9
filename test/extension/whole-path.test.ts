import assert from "node:assert/strict";
import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import type { FrameLocator, Locator } from "playwright-core";
import { readTask } from "../../src/core/data";
import { resolveBaseModel } from "../../src/core/model";
import { Manifest, Prediction, Report, type Example, type Task } from "../../src/core/schema";
import type { Editor } from "./editor";
import { Place } from "./place";

const sample = path.resolve(__dirname, "../../media/sample/manipulation.jsonl");
/** Of each class; and beside them, without an answer. */
const [ANSWERED, OPEN] = [16, 5];
const STEPS = 10;
/** A run of this size, on two cores. */
const MOST_SECONDS = 90;

const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
const jsonLines = (text: string) =>
  text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as unknown]));

/** The sample's first texts of each class as a table, the last few without an answer. */
async function table(): Promise<string> {
  const all = jsonLines(await readFile(sample, "utf8")) as Example[];
  const taken = new Map<string, number>();
  const rows = all.filter(({ label = "" }) => {
    taken.set(label, (taken.get(label) ?? 0) + 1);
    return taken.get(label)! <= ANSWERED;
  });
  const open = all.filter((example) => !rows.includes(example)).slice(-OPEN);
  const lines = [...rows, ...open.map(({ text }) => ({ text, label: "" }))];
  return ["text,label", ...lines.map(({ text, label = "" }) => `${quoted(text)},${label}`), ""].join("\r\n");
}

describe("from a table to two compared runs, with the default model in a real editor", function () {
  this.timeout(200_000);
  let place: Place;
  let editor: Editor;
  let page: FrameLocator;
  let source: string;
  let task: Task;

  before(async function () {
    const made = await Place.make("whole-path");
    if (made === null) this.skip();
    place = made;
    try {
      await resolveBaseModel(undefined);
    } catch (error) {
      console.log(`      Skipped: ${(error as Error).message}`);
      this.skip();
    }
    source = await table();
    await writeFile(path.join(place.workspace, "messages.csv"), source);
    editor = await place.open();
  });
  after(() => (place as Place | undefined)?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await place.picture("whole-path-failed");
  });

  const saved = () => readFile(path.join(place.workspace, "messages.jsonl"), "utf8");
  const shows = (id: string) => page.locator(".facts .id", { hasText: new RegExp(`^${id}$`) }).waitFor();
  const reports = async () => {
    const runs = path.join(place.workspace, ".plumb", "runs");
    const names = (await readdir(runs)).sort();
    return Promise.all(
      names.map(async (name) => {
        const folder = path.join(runs, name);
        const json = async (file: string): Promise<unknown> =>
          JSON.parse(await readFile(path.join(folder, file), "utf8"));
        const manifest = Manifest.parse(await json("manifest.json"));
        return { folder, manifest, report: Report.parse(await json("report.json")) };
      }),
    );
  };
  const text = async (locator: Locator) => (await locator.innerText()).replace(/\s+/g, " ").trim();

  it("makes a task of the table with Enter, and leaves it as it is", async () => {
    await editor.run("Plumb: New Task");
    await editor.page.locator(".quick-input-widget .monaco-list-row", { hasText: "messages.csv" }).click();
    page = editor.panel();
    const all = 7 * ANSWERED + OPEN;
    await page
      .locator(".summary", { hasText: `${all} texts, ${7 * ANSWERED} with an answer` })
      .waitFor({ timeout: 60_000 });
    await editor.page.keyboard.press("Enter");
    await editor.page.locator(".tab.active", { hasText: "messages.jsonl" }).waitFor({ timeout: 60_000 });
    page = editor.panel();
    await page
      .locator(".total", { hasText: `${7 * ANSWERED} of ${all} labelled` })
      .waitFor({ timeout: 60_000 });
    assert.equal(await readFile(path.join(place.workspace, "messages.csv"), "utf8"), source);
    ({ task } = await readTask(path.join(place.workspace, "messages.plumb.json")));
    assert.equal(task.labels?.length, 7);
    assert.equal(task.baseModel, undefined);
  });

  it("is labelled by keys, undone and saved: in the file, those answers are all that has changed", async () => {
    await cp(path.join(place.workspace, "messages.jsonl"), path.join(place.workspace, "before.txt"));
    const before = (await saved()).split("\n");
    const open = before.flatMap((line, at) => (at >= 7 * ANSWERED && line !== "" ? [at] : []));
    const ids = open.map((at) => (JSON.parse(before[at]!) as Example).id);
    const [first, second, third] = ids;
    await shows(first!);
    await page.locator(".text").click();
    await editor.page.keyboard.press("1");
    await shows(second!);
    await editor.page.keyboard.press("2");
    await shows(third!);
    await editor.page.keyboard.press("Control+z");
    await shows(second!);
    await editor.page.keyboard.press("3");
    await shows(third!);
    await editor.page.keyboard.press("s");
    await shows(ids[3]!);
    assert.equal((await saved()).split("\n").join(), before.join(), "nothing is written before it is saved");
    await editor.page.keyboard.press("Control+s");
    await editor.page.locator(".tab.active:not(.dirty)", { hasText: "messages.jsonl" }).waitFor();
    const wanted = [...before];
    const give = (at: number, field: string) => (wanted[at] = before[at]!.replace(/\}$/, `,${field}}`));
    give(open[0]!, `"label":${JSON.stringify(task.labels![0]!.name)}`);
    give(open[1]!, `"label":${JSON.stringify(task.labels![2]!.name)}`);
    give(open[2]!, '"status":"skipped"');
    assert.equal(await saved(), wanted.join("\n"));
    await editor.run("File: Compare Active File With...");
    await editor.page.locator(".quick-input-widget input").first().fill("before.txt");
    await editor.page.locator(".quick-input-widget .monaco-list-row", { hasText: "before.txt" }).click();
    const changed = editor.page.locator(".monaco-diff-editor .editor.modified .view-overlays .line-insert");
    await changed.first().waitFor();
    await place.picture("whole-path-diff");
    assert.equal(await changed.count(), 3);
  });

  /** From the plan to the report, with so many steps that it takes a moment. */
  async function tune(seed: number): Promise<void> {
    await editor.run("View: Close All Editors");
    await editor.openFile("messages.plumb.json");
    await editor.run("Plumb: Tune Adapter");
    page = await editor.frame(".choices summary");
    await page.locator(".first", { hasText: "Tunes SmolLM2" }).waitFor({ timeout: 60_000 });
    await page.locator("summary", { hasText: "More Choices" }).click();
    await page.getByLabel("Steps").fill(String(STEPS));
    await page.getByLabel("Steps").press("Tab");
    await page.getByLabel("Seed").fill(String(seed));
    await page.getByLabel("Seed").press("Tab");
    await page.locator("dd", { hasText: new RegExp(`^${STEPS}\\b`) }).waitFor({ timeout: 60_000 });
    await page.locator("button[data-action=tune]").click();
    const begun = Date.now();
    page = await editor.frame("#classes");
    const seconds = (Date.now() - begun) / 1000;
    assert.ok(seconds < MOST_SECONDS, `${seconds} s`);
  }

  it("tunes the default model, and the panel has the numbers of the run", async () => {
    await tune(0);
    const [run] = await reports();
    assert.ok(run);
    const { manifest, report } = run;
    assert.match(manifest.baseModel.name, /SmolLM2-135M/);
    assert.equal(manifest.status, "finished");
    assert.equal(report.run.history.length, STEPS);
    const { macroF1, accuracy, classes, confusion } = report.classification!;
    assert.equal(await text(page.locator(".hero .figure")), macroF1.value!.toFixed(2));
    assert.match(
      await text(page.locator(".hero")),
      new RegExp(`Accuracy ${Math.round(100 * accuracy.value!)} % .* on ${report.data.test} test texts`),
    );
    for (const { label, f1, precision, recall, support } of classes) {
      const cells = page.locator("#classes tr").filter({ has: page.locator(`th[data-value="${label}"]`) });
      const values = await Promise.all(
        (await cells.locator("td[data-value]").all()).map((cell) => cell.getAttribute("data-value")),
      );
      const figures = [f1.value, precision.value, recall.value, support];
      assert.deepEqual(
        values.slice(0, 4),
        figures.map((value) => String(value ?? "")),
        label,
      );
      const shown = await text(cells.locator("td[data-value]").first());
      assert.equal(shown.split(" ")[0], f1.value?.toFixed(2) ?? "–", label);
    }
    const lines = await page.locator("#confusion table.matrix tbody tr").all();
    const shown = await Promise.all(lines.map((line) => line.locator("td:not(.total)").allInnerTexts()));
    assert.deepEqual(
      shown.map((row) => row.map(Number)),
      confusion,
    );
    await place.picture("whole-path-report");
  });

  it("has numbers that follow from what the model said of each test text", async () => {
    const [run] = await reports();
    const names = task.labels!.map(({ name }) => name);
    const truth = new Map((jsonLines(await saved()) as Example[]).map(({ id, label }) => [id, label]));
    const rows = jsonLines(await readFile(path.join(run!.folder, "predictions.jsonl"), "utf8"))
      .map((row) => Prediction.parse(row))
      .filter(({ part }) => part === "test");
    const counts = names.map(() => names.map(() => 0));
    for (const { id, scores } of rows) {
      const given = scores!.indexOf(Math.max(...scores!));
      counts[names.indexOf(truth.get(id)!)]![given]! += 1;
    }
    const { report } = run!;
    assert.deepEqual(report.classification!.confusion, counts);
    const right = counts.reduce((sum, row, at) => sum + row[at]!, 0);
    assert.equal(report.classification!.accuracy.value, right / rows.length);
    const scores = counts.map((row, at) => {
      const [support, given] = [
        row.reduce((a, b) => a + b),
        counts.reduce((sum, other) => sum + other[at]!, 0),
      ];
      return (2 * row[at]!) / (support + given);
    });
    const mean = scores.reduce((a, b) => a + b) / scores.length;
    assert.ok(Math.abs(report.classification!.macroF1.value! - mean) < 1e-12, `${mean}`);
  });

  it("leads from a wrong cell to its texts, and from a text to the label editor", async () => {
    const cell = page.locator("#confusion table.matrix td:not(.right) button.count").first();
    const count = Number(await cell.innerText());
    await cell.click();
    const items = page.locator(".behind li");
    await items.first().waitFor();
    assert.equal(await items.count(), count);
    const [id, body] = [
      await items.locator(".id button").first().innerText(),
      await items.locator(".body").first().innerText(),
    ];
    await items.locator(".id button").first().click();
    page = await editor.frame(".label-page");
    await shows(id);
    assert.equal(await page.locator(".card .text").innerText(), body);
    await place.picture("whole-path-text");
  });

  it("compares a second run with the first", async () => {
    await tune(1);
    const [first, second] = await reports();
    assert.deepEqual([first!.report.run.seed, second!.report.run.seed], [0, 1]);
    await editor.openFile("messages.plumb.json");
    await editor.run("Plumb: Compare Runs");
    page = await editor.frame("#per-class");
    const figures = await page.locator("#better tbody tr td:nth-child(3)").allInnerTexts();
    assert.deepEqual(
      figures.map((figure) => figure.trim().slice(0, 4)),
      [first!, second!].map(({ report }) => report.classification!.macroF1.value!.toFixed(2)),
    );
    const difference =
      second!.report.classification!.macroF1.value! - first!.report.classification!.macroF1.value!;
    const signed = `${difference < 0 ? "−" : "+"}${Math.abs(difference).toFixed(2)}`.replace(
      /^[+−]0\.00$/,
      "0.00",
    );
    assert.ok((await text(page.locator("#better .verdict"))).includes(`macro F1 ${signed} `));
    const setting = (name: string) =>
      page
        .locator("#settings tr")
        .filter({ has: page.locator("th", { hasText: new RegExp(`^${name}$`) }) })
        .locator("td");
    assert.deepEqual(await setting("Seed").allInnerTexts(), ["0", "1"]);
    assert.deepEqual(await setting("Looks at the test part").allInnerTexts(), ["1", "2"]);
    const changed = first!.report.rows.filter(
      ({ id, predicted }) =>
        second!.report.rows.find((row) => row.id === id)!.predicted.join() !== predicted.join(),
    );
    const heading = `A: ${changed.length} of ${second!.report.data.test} test texts are decided differently`;
    assert.ok((await text(page.locator("#changed h3"))).includes(heading));
    await place.picture("whole-path-comparison");
  });
});
