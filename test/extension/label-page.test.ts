import assert from "node:assert/strict";
import { chromium, type Browser } from "playwright-core";
import type { Task } from "../../src/core/schema";
import { LabelHost, type LabelHostOptions } from "./label-host";
import type { HostPrograms } from "./editor";

const task: Task = {
  version: 1,
  name: "Pressure in messages",
  kind: "single",
  labels: [{ name: "pressure", description: "Rushes the reader." }, { name: "guilt" }, { name: "none" }],
  examples: "messages.jsonl",
};
const multi: Task = { ...task, kind: "multi" };
const { labels: _, ...unlabelled } = task;
const generation: Task = { ...unlabelled, kind: "generation" };

const example = (at: number, more = {}) =>
  JSON.stringify({
    id: `e${at}`,
    text: `Text number ${at}, and what else there is to say. `.repeat(3),
    ...more,
  });
const examples = (count: number) => Array.from({ length: count }, (_, at) => example(at));
/** From a key to the next text; what ux.md promises is 50. */
const MILLISECONDS = 50;

describe("the label editor's page", function () {
  this.timeout(60_000);
  let browser: Browser;
  let open: LabelHost[] = [];

  before(async function () {
    const programs = process.env.PLUMB_VSCODE_HOST;
    if (programs === undefined) {
      console.log("      Skipped: `npm run test:long` installs a browser for these tests.");
      this.skip();
    }
    const executablePath = (JSON.parse(programs) as HostPrograms).chromium;
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  });
  after(() => (browser as Browser | undefined)?.close());
  afterEach(async () => {
    const errors = open.flatMap((host) => host.errors);
    await Promise.all(open.map((host) => host.page.close()));
    open = [];
    assert.deepEqual(errors, []);
  });

  async function start(options: Partial<LabelHostOptions> = {}): Promise<LabelHost> {
    const host = await LabelHost.open(browser, { task, lines: examples(5), ...options });
    open.push(host);
    return host;
  }
  const shown = (host: LabelHost) => host.page.locator(".facts .id").innerText();
  const answered = (host: LabelHost) => host.said.filter((message) => message.type === "answer");

  it("labels with one key and has the next text there at once, at 10,000 examples", async () => {
    const host = await start({ lines: examples(10_000) });
    const times: number[] = [];
    for (let at = 0; at < 20; at++) {
      // From the press to the frame in which the next text stands.
      const took = await host.page.evaluate(`new Promise((resolve) => {
        const before = document.querySelector(".text").textContent;
        const start = performance.now();
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "2", code: "Digit2", bubbles: true }));
        const look = () => document.querySelector(".text").textContent === before
          ? requestAnimationFrame(look) : resolve(performance.now() - start);
        requestAnimationFrame(look);
      })`);
      times.push(took as number);
    }
    times.sort((a, b) => a - b);
    console.log(
      `      key to next text: median ${times[10]!.toFixed(1)} ms, worst ${times[19]!.toFixed(1)} ms`,
    );
    assert.ok(times[10]! < MILLISECONDS);
    assert.equal(await shown(host), "e20");
    await host.page.locator(".total", { hasText: "20 of 10,000 labelled" }).waitFor();
    assert.deepEqual(
      host.lines.slice(0, 21).map((line) => (JSON.parse(line) as { label?: string }).label),
      [...Array<string>(20).fill("guilt"), undefined],
    );
  });

  it("keeps a list of 100,000 in a few rows, and scrolls to any of them", async () => {
    const host = await start({ lines: examples(100_000) });
    await host.page.evaluate(`document.querySelector(".list").scrollTop = 1e9`);
    await host.page.locator("[role=option]", { hasText: "Text number 99999" }).waitFor();
    assert.ok((await host.page.locator("[role=option]").count()) < 80);
    await host.page.locator("[role=option]", { hasText: "Text number 99998" }).click();
    assert.equal(await shown(host), "e99998");
    await host.page.keyboard.press("ArrowRight");
    assert.equal(await shown(host), "e99999");
  });

  it("never moves a label between texts", async () => {
    const lines = [example(0), example(1, { text: "Short." }), example(2, { text: "long ".repeat(5000) })];
    const host = await start({ lines: [...lines, "{", example(4, { note: "look", label: "x" })] });
    const places = () =>
      host.page.evaluate(
        `[...document.querySelectorAll("button.label")].map((one) => one.getBoundingClientRect().y)`,
      );
    const first = await places();
    for (let at = 0; at < 4; at++) {
      await host.page.keyboard.press("ArrowRight");
      assert.deepEqual(await places(), first);
    }
  });

  it("shows markup and scripts as text", async () => {
    const text = `<script>document.title = "run"</script><img src=x onerror="document.title = 'run'"> <b>b</b>`;
    const host = await start({ lines: [example(0, { text, label: "<i>x</i>" }), example(1)] });
    await host.page.keyboard.press("ArrowLeft");
    assert.equal(await host.page.locator(".text").innerText(), text);
    assert.equal(await host.page.locator(".text *, .notices i, .list i").count(), 0);
    assert.equal(await host.page.title(), "messages.jsonl");
  });

  it("marks what the model does not read, leaves the text as it is, and forgets it with the next", async () => {
    const long = JSON.stringify({ id: "long", text: `${"a".repeat(600)} the middle ${"b".repeat(300)}` });
    const host = await start({ lines: [long, example(1)] });
    await host.post({ type: "left-out", line: 1, id: "e1", from: 1, to: 5 }); // of a text that is not shown
    await host.post({ type: "left-out", line: 0, id: "long", from: 601, to: 611 });
    assert.equal(await host.page.locator(".unread").innerText(), "the middle");
    assert.deepEqual(await host.page.locator(".reach").allInnerTexts(), [
      "Here the base model stops reading",
      "Here it goes on",
    ]);
    await host.page.locator(".notice", { hasText: "without 10 characters between" }).waitFor();
    await host.page.getByRole("button", { name: "Show where" }).click();
    await host.page.keyboard.press("1");
    await host.page.locator(".facts", { hasText: "e1" }).waitFor();
    assert.equal(await host.page.locator(".reach, .unread").count(), 0);
    assert.equal(await host.page.locator(".notice", { hasText: "Too long" }).count(), 0);
    // What was done has reached the document.
    await host.page.locator(".total", { hasText: "1 of 2 labelled" }).waitFor();
    assert.deepEqual(JSON.parse(host.lines[0]!), { ...(JSON.parse(long) as object), label: "pressure" });
  });

  it("leaves a broken line alone, whatever key is pressed", async () => {
    const host = await start({ lines: ['{"id":"a","te', example(1)] });
    await host.page.keyboard.press("Home");
    await host.page.locator(".notice", { hasText: "Line 1 is not an example" }).waitFor();
    for (const key of ["1", "s", "Backspace", "n"]) await host.page.keyboard.press(key);
    assert.deepEqual(
      host.said.filter((message) => /answer|skip|note/.test(message.type)),
      [],
    );
    await host.page.keyboard.press("ArrowRight");
    assert.equal(await shown(host), "e1");
  });

  it("toggles labels of a multi-label task, and Enter says that this is all", async () => {
    const host = await start({ task: multi });
    for (const key of ["3", "1", "3", "2", "Enter"]) await host.page.keyboard.press(key);
    assert.deepEqual(
      answered(host).map(({ answer }) => answer),
      [["none"], ["pressure", "none"], ["pressure"], ["pressure", "guilt"]],
    );
    assert.equal(await shown(host), "e1");
    await host.page.keyboard.press("Enter");
    assert.deepEqual(answered(host).at(-1)?.answer, []);
    assert.equal(await shown(host), "e2");
  });

  it("writes an answer in words, and loses none when one moves on", async () => {
    const host = await start({ task: generation });
    await host.page.keyboard.press("Enter");
    await host.page.keyboard.type("an answer");
    await host.page.keyboard.press("Control+Enter");
    assert.equal(await shown(host), "e1");
    await host.page.keyboard.type("another");
    await host.page.locator("[role=option]").nth(3).click();
    assert.deepEqual(
      answered(host).map(({ id, answer }) => [id, answer]),
      [
        ["e0", "an answer"],
        ["e1", "another"],
      ],
    );
  });

  it("skips, notes, clears and jumps by the keyboard alone", async () => {
    const host = await start({ lines: [example(0), example(1), example(2, { label: "none" })] });
    await host.page.keyboard.press("s");
    assert.equal(await shown(host), "e1");
    await host.page.keyboard.press("n");
    await host.page.keyboard.type("ask 1");
    await host.page.keyboard.press("Enter");
    await host.page.keyboard.press("g");
    await host.page.keyboard.type("e2");
    await host.page.keyboard.press("Enter");
    await host.page.locator(".facts .id", { hasText: "e2" }).waitFor();
    await host.page.keyboard.press("Backspace");
    const edits = host.said.flatMap((message) =>
      message.type === "skip" || message.type === "note" || message.type === "answer" ? [message] : [],
    );
    const before = edits[0]!.edit - 1;
    assert.deepEqual(
      edits.map((message) => ({ ...message, edit: message.edit - before })),
      [
        { type: "skip", edit: 1, line: 0, id: "e0", skipped: true },
        { type: "note", edit: 2, line: 1, id: "e1", note: "ask 1" },
        { type: "answer", edit: 3, line: 2, id: "e2", answer: null },
      ],
    );
  });

  it("keeps what nobody has taken, tells it to the next extension, and to none twice", async () => {
    const host = await start();
    await host.page.keyboard.press("1");
    await host.page.locator(".total", { hasText: "1 of 5 labelled" }).waitFor();
    host.deaf = true;
    await host.page.keyboard.press("2");
    await host.page.keyboard.press("s");
    await host.page.locator(".facts", { hasText: "e3" }).waitFor();
    // Opened anew by an extension that is there, as when the task has changed: it has been told.
    const told = () => host.said.filter(({ type }) => type === "answer" || type === "skip").length;
    const opened = host.said.filter(({ type }) => type === "arrange").length;
    await host.open();
    while (host.said.filter(({ type }) => type === "arrange").length === opened)
      await host.page.waitForTimeout(10);
    assert.equal(told(), 3);
    host.deaf = false;
    await host.page.reload();
    await host.page.locator(".total", { hasText: "2 of 4 labelled" }).waitFor();
    await host.page.locator(".total", { hasText: "1 skipped" }).waitFor();
    assert.equal(told(), 5);
    assert.deepEqual(
      host.lines.map((line) => JSON.parse(line) as object).slice(0, 4),
      [{ label: "pressure" }, { label: "guilt" }, { status: "skipped" }, {}].map((more, at) => ({
        ...(JSON.parse(example(at)) as object),
        ...more,
      })),
    );
    await host.page.reload();
    await host.page.locator(".total", { hasText: "2 of 4 labelled" }).waitFor();
    assert.equal(told(), 5);
  });

  it("changes nothing where the file cannot be kept as it is, and says why", async () => {
    const host = await start({ locked: "The file is not UTF-8 throughout." });
    await host.page.keyboard.press("1");
    assert.deepEqual(answered(host), []);
    await host.page.locator(".notice", { hasText: "not UTF-8" }).waitFor();
  });

  it("tells a screen reader what was done and what comes", async () => {
    const host = await start();
    await host.page.keyboard.press("1");
    const spoken = await host.page.locator("[aria-live=polite].hidden").innerText();
    assert.match(spoken, /^pressure\. 2 of 5\. Text number 1/);
    assert.equal(await host.page.getByRole("listbox").getAttribute("aria-activedescendant"), "row-1");
    const label = host.page.getByRole("button", { name: "pressure", exact: true });
    assert.equal(await label.getAttribute("aria-pressed"), "false");
    await host.page.keyboard.press("ArrowLeft");
    assert.equal(await label.getAttribute("aria-pressed"), "true");
  });

  it("lists what is asked for, and says where nothing fits", async () => {
    const host = await start({ lines: [example(0, { label: "none" }), example(1)] });
    await host.page.getByLabel("Which texts are listed").selectOption("Unlabelled");
    await host.page.locator(".facts", { hasText: "1 of 1" }).waitFor();
    await host.page.keyboard.press("Escape");
    await host.page.keyboard.press("/");
    await host.page.keyboard.type("nowhere");
    await host.page.locator(".text", { hasText: "Nothing fits this filter." }).waitFor();
  });
});
