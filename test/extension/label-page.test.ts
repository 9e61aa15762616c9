import assert from "node:assert/strict";
import type { Browser } from "playwright-core";
import { launchBrowser } from "./editor";
import { textHash, type RunGuesses } from "../../src/core/labelling";
import type { Example, Task } from "../../src/core/schema";
import { violations } from "./axe";
import { THEMES } from "./themes";
import { LabelHost, type LabelHostOptions } from "./label-host";

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
/** A run whose model gives the first label and no other to every text. */
const judge = (kind: Task["kind"]): RunGuesses => ({
  ...{ folder: "run", labels: ["pressure", "guilt", "none"], folds: true },
  thresholds: kind === "multi" ? [0.5, 0.5, 0.5] : null,
  answers: new Map(
    [0, 1, 2].map((at) => [
      `e${at}`,
      {
        part: "out-of-fold",
        text: textHash((JSON.parse(example(at)) as Example).text),
        scores: [0.9 - at / 10, 0.06, 0.04],
        output: null,
      },
    ]),
  ),
  ...{ fitted: new Set(), test: new Set() },
});
/** Classes of what has a bar across, or where a text stands out of its place: what is left of the page has no bar. */
const BARS = `[document.scrollingElement, ...document.querySelectorAll("body *")].filter((one) =>
  one.clientWidth > 0 && one.scrollWidth > one.clientWidth &&
  (one === document.scrollingElement || one.matches(".text") || /auto|scroll/.test(getComputedStyle(one).overflowX))
).map((one) => one.className)`;
/** From a key to the next text; what ux.md promises is 50. */
const MILLISECONDS = 50;

describe("the label editor's page", function () {
  this.timeout(60_000);
  let browser: Browser;
  let open: LabelHost[] = [];

  before(async function () {
    const launched = await launchBrowser();
    if (launched === null) this.skip();
    browser = launched;
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

  it("names the keys in one line each, whatever their words take, and has two rows of tools in a narrow column", async () => {
    for (const language of ["en", "ru"] as const) {
      const host = await start({ language, size: { width: 400, height: 860 } });
      const rows = await host.page.evaluate<number[]>(
        `[...document.querySelectorAll(".tools button")].filter((one) => one.offsetHeight > 0).map((one) => one.offsetTop)`,
      );
      assert.equal(new Set(rows).size, 2, `${language}: ${rows.join(", ")}`);
      await host.page.keyboard.press("?");
      await host.page.locator("dialog kbd").first().waitFor();
      const heights = await host.page.evaluate<number[]>(
        `[...document.querySelectorAll("dialog kbd")].map((one) => one.getBoundingClientRect().height)`,
      );
      assert.equal(new Set(heights.map(Math.round)).size, 1, `${language}: ${heights.join(", ")}`);
    }
  });

  it("has no bar across in a column of 320 pixels, with the descriptions of labels and the list of texts too", async () => {
    for (const language of ["en", "ru"] as const)
      for (const each of [task, multi, generation]) {
        const host = await start({ task: each, language, size: { width: 320, height: 800 } });
        await host.page.keyboard.press("d");
        assert.deepEqual(await host.page.evaluate(BARS), [], `${each.kind}, ${language}`);
        await host.page.getByRole("button", { name: language === "en" ? "Texts" : "Тексты" }).click();
        await host.page.locator(".list").waitFor();
        assert.deepEqual(await host.page.evaluate(BARS), [], `${each.kind}, ${language}, its list`);
      }
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

  it("has the texts of the list there before the wheel brings them into view", async () => {
    const host = await start({ lines: examples(1000) });
    const at = (row: number) => host.page.locator("[role=option]", { hasText: `Text number ${row},` });
    await at(0).waitFor();
    const [rows, height] = await host.page.evaluate<[number, number]>(`(() => {
      const list = document.querySelector(".list");
      const row = list.querySelector(".space").offsetHeight / 1000;
      list.scrollTop = 500 * row;
      return [Math.ceil(list.clientHeight / row), row];
    })()`);
    await at(500).waitFor();
    await host.page.waitForTimeout(200); // what is asked for ahead has come
    const asked = new Set(host.said.flatMap((message) => (message.type === "rows" ? message.lines : [])));
    const next = Array.from({ length: 3 * rows }, (_, row) => 500 - rows + row);
    assert.ok(rows * height > 200);
    assert.deepEqual(
      next.filter((line) => !asked.has(line)),
      [],
    );
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

  it("moves no word of a label when it is chosen, in a narrow column too", async () => {
    const names = [
      "false dilemma presented as the only choice",
      "slippery slope without evidence",
      "neither",
    ];
    const labels = names.map((name) => ({ name }));
    // Any of these widths may be the one at which a bold word or a mark behind it breaks a line.
    for (const width of [300, 420, 560, 1180]) {
      const size = { width, height: 780 };
      const host = await start({ task: { ...multi, labels }, lines: examples(1), size });
      const places = () =>
        host.page.evaluate(`[...document.querySelectorAll("button.label")].map((one) => {
          const words = document.createRange();
          words.selectNodeContents(one.querySelector(".name"));
          return [one, words].flatMap((part) => [...part.getClientRects()].map((box) => JSON.stringify(box)));
        })`);
      const before = await places();
      for (const key of ["1", "2", "3"]) {
        await host.page.keyboard.press(key);
        assert.deepEqual(await places(), before, `${width} pixels, label ${key}`);
      }
      assert.equal(await host.page.locator("button.label[aria-pressed=true]").count(), labels.length);
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

  it("shows each script in its own direction and every character whole, in a narrow column too", async () => {
    const family = "👩‍👩‍👧‍👦";
    const texts: Readonly<Record<string, [string, "rtl" | "ltr"]>> = {
      arabic: ["سارع الآن! Only 2 left, وبقي اثنان فقط.", "rtl"],
      hebrew: ["מהרו! נותרו רק 2.", "rtl"],
      latin: ["He said مرحبا and left.", "ltr"],
      // Without a space and longer than any line; at an even place what shows a beginning would cut a face in two.
      sequences: [`${family}🏳️‍🌈🇫🇷1️⃣`.repeat(100), "ltr"],
      faces: [`x${"😀".repeat(1200)}`, "ltr"],
      word: ["كلمة".repeat(300), "rtl"],
    };
    const lines = Object.entries(texts).map(([id, [text]]) => JSON.stringify({ id, text, note: text }));
    for (const width of [380, 1180]) {
      const host = await start({ lines, size: { width, height: 780 } });
      for (const [at, [id, [text, direction]]] of Object.entries(texts).entries()) {
        await host.page.locator(".facts .id", { hasText: id }).waitFor();
        const measured = await host.page.evaluate(`(() => {
          const text = document.querySelector(".text");
          const listed = document.querySelectorAll("[role=option] .beginning")[${at}];
          const shown = [...document.querySelectorAll(".text, .beginning, .note input, .hidden")];
          return {
            whole: text.textContent === ${JSON.stringify(text)},
            directions: [text, listed, document.querySelector(".note input")].map((one) => getComputedStyle(one).direction),
            halves: shown.filter((one) => /\\p{Cs}/u.test(one.value ?? one.textContent)).map((one) => one.className),
          };
        })()`);
        const directions = [direction, direction, direction];
        assert.deepEqual(measured, { whole: true, directions, halves: [] }, `${id} at ${width} pixels`);
        assert.deepEqual(await host.page.evaluate(BARS), [], `${id} at ${width} pixels`);
        await host.page.keyboard.press("ArrowRight");
      }
      if (width > 380) continue;
      await host.page.getByRole("button", { name: "Texts", exact: true }).click();
      await host.page.locator(".side").waitFor();
      assert.deepEqual(await host.page.evaluate(BARS), [], "the list in a narrow column");
    }
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

  it("says of each text why it is shown when its answer comes to agree with the model, and goes on", async () => {
    const why = (host: LabelHost, reason: RegExp) => host.page.locator(".why", { hasText: reason }).waitFor();
    const disagreeing = async (of: Task, answer: object) => {
      const host = await start({
        ...{ task: of, lines: [0, 1, 2].map((at) => example(at, answer)) },
        ...{ latest: judge(of.kind), folded: judge(of.kind), part: "train" }, // the test part is fixed
      });
      await host.page.getByLabel("In which order").selectOption("Model disagrees with you");
      await host.page.locator(".facts .id", { hasText: "e0" }).waitFor();
      return host;
    };

    const single = await disagreeing(task, { label: "none" });
    await why(single, /says pressure 90\s?%; yours: none 4\s?%/);
    await single.page.keyboard.press("1");
    await why(single, /says pressure 80\s?%/);
    await single.page.locator(".classes", { hasText: /pressure\s*1/ }).waitFor();
    await single.page.keyboard.press("ArrowLeft");
    await why(single, /^You and the model, which had not seen this text, agree now\.$/);
    await single.page.keyboard.press("Backspace");
    await why(single, /^Changed since it was listed/);

    const several = await disagreeing(multi, { labels: [] });
    await several.page.getByRole("checkbox", { name: "Suggestions" }).check();
    await why(several, /adds pressure 90\s?%/);
    await several.page.keyboard.press("1");
    await why(several, /^You and the model, which had not seen this text, agree now\.$/);
    await several.page
      .locator("[role=option]", { hasText: "Text number 0" })
      .locator("text=pressure")
      .waitFor();
    assert.equal(await several.page.locator("[aria-live=polite].hidden").innerText(), "pressure");
    await several.page.keyboard.press("2");
    await why(several, /does not see guilt 6\s?%/);
    await several.page.keyboard.press("Backspace");
    await why(several, /^Changed since it was listed/);
    await several.page.keyboard.press("ArrowRight");
    await why(several, /adds pressure 80\s?%/);
    await several.page.locator(".suggestion", { hasText: /guilt 70\s?%/ }).waitFor();
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

  it("keeps the text and the labels in their places while one types where to go", async () => {
    const places = `[...document.querySelectorAll(".card, .choices, .label, .answer, .tools")].map((one) => {
      const { x, y, width, height } = one.getBoundingClientRect();
      return [one.className, x, y, width, height];
    })`;
    for (const [kind, size] of [
      [task, { width: 1180, height: 780 }],
      [multi, { width: 420, height: 700 }],
      [generation, { width: 800, height: 600 }],
    ] as const) {
      const host = await start({ task: kind, size });
      const before = await host.page.evaluate<unknown[]>(places);
      assert.ok(before.length > 2);
      await host.page.keyboard.press("g");
      const field = host.page.locator(".jump input");
      await field.waitFor();
      assert.deepEqual(await host.page.evaluate(places), before);
      // Nothing lies over the field, and nothing shows behind it.
      await field.click({ trial: true });
      await host.page.locator(".tools").waitFor({ state: "hidden" });
      await host.page.keyboard.press("Escape");
      await field.waitFor({ state: "hidden" });
      assert.deepEqual(await host.page.evaluate(places), before);
    }
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

  it("searches at Enter without waiting, and gives the keys back to the text that was found", async () => {
    const host = await start({ lines: [...examples(3), example(7, { text: "A library opens." })] });
    await host.page.keyboard.press("/");
    await host.page.keyboard.type("library");
    await host.page.keyboard.press("Enter");
    await host.page.locator(".text", { hasText: "A library opens." }).waitFor();
    await host.page.keyboard.press("2");
    await host.page.locator(".total", { hasText: "1 of 4 labelled" }).waitFor();
    assert.equal((JSON.parse(host.lines[3]!) as Example).label, "guilt");
    assert.equal(await host.page.getByRole("searchbox").inputValue(), "library");
  });

  it("removes a text by its button, says that undo brings it back, and shows the one behind it", async () => {
    const lines = [...examples(3), "no JSON {", example(4)];
    const host = await start({ lines: [...lines] });
    // Said in sight too: "Remove" alone would be taken for the answer's.
    const remove = host.page.locator(".tools button").getByText("Remove Text", { exact: true });
    const status = host.page.getByRole("status");
    await host.page.keyboard.press("ArrowRight");
    await host.page.getByRole("button", { name: "Remove Text" }).focus();
    await host.page.keyboard.press("Enter");
    await status.filter({ hasText: "Undo brings it back" }).waitFor();
    assert.equal(await shown(host), "e2");
    assert.deepEqual(host.lines, [lines[0], lines[2], lines[3], lines[4]]);
    // The next text takes the sentence away; a line that is no example stays.
    await host.page.locator(".text").focus();
    await host.page.keyboard.press("ArrowRight");
    assert.equal(await status.count(), 0);
    await remove.click();
    await host.page.locator(".text").focus();
    await host.page.keyboard.press("ArrowRight");
    await remove.click();
    await status.waitFor();
    // The last line leaves the end of the one before it.
    assert.deepEqual(host.lines, [lines[0], lines[2], lines[3], ""]);
    const only = await start({ lines: examples(1) });
    await only.page.getByRole("button", { name: "Remove Text" }).click();
    await only.page.locator(".text", { hasText: "Nothing fits" }).waitFor();
    assert.deepEqual(only.lines, [""]);
  });

  it("removes a line that is no example by a button of its own, where the file can be changed", async () => {
    const lines = [...examples(1), "no JSON {", example(4)];
    const host = await start({ lines: [...lines] });
    await host.page.keyboard.press("ArrowRight");
    const remove = host.page.getByRole("button", { name: "Remove Line" });
    await remove.click();
    await host.page.getByRole("status").filter({ hasText: "The line was removed" }).waitFor();
    assert.deepEqual(host.lines, [lines[0], lines[2]]);
    assert.equal(await shown(host), "e4");
    assert.equal(await remove.count(), 0);
    const locked = await start({ lines: [...lines], locked: "The file is not UTF-8 throughout." });
    await locked.page.keyboard.press("ArrowRight");
    await locked.page.getByRole("button", { name: "Open as Text" }).waitFor();
    assert.equal(await locked.page.getByRole("button", { name: "Remove Line" }).count(), 0);
  });

  it("says in sight, and to a screen reader, what it means that texts of a class are to go, as long as some are", async () => {
    const host = await start();
    const hint = host.page.locator(".classes p", { hasText: "To go: how many more of a class it takes" });
    await hint.waitFor();
    const described = await host.page.locator(".classes table").getAttribute("aria-describedby");
    assert.equal(await hint.getAttribute("id"), described);
    const done = await start({
      task: { ...task, labels: [{ name: "pressure" }, { name: "guilt" }] },
      lines: Array.from({ length: 300 }, (_, at) =>
        example(at, { label: at % 2 === 0 ? "pressure" : "guilt", split: at % 3 === 0 ? "test" : "train" }),
      ),
    });
    await done.page.locator(".total", { hasText: "300 of 300" }).waitFor();
    assert.equal(await done.page.locator("#needed-hint").isVisible(), false);
  });

  it("breaks no rule of accessibility that a program can check, with several labels or an answer in words", async function () {
    this.timeout(240_000);
    for (const [name, theme] of Object.entries(THEMES)) {
      for (const of of [multi, generation]) {
        const answer = of === multi ? { labels: ["pressure", "none"] } : { target: "An answer." };
        const lines = [example(0, { ...answer, note: "A note." }), example(1, { status: "skipped" }), "{"];
        const run = judge(of.kind);
        const host = await start({ task: of, lines, theme, latest: run, folded: run, part: "train" });
        await host.page.getByRole("checkbox", { name: "Suggestions" }).check();
        for (const key of ["Home", "ArrowRight", "ArrowRight"]) {
          await host.page.keyboard.press(key);
          await host.page.waitForTimeout(300); // colours that fade into one another
          assert.deepEqual(await violations(host.page), [], `${of.kind}, ${name}, after ${key}`);
        }
        await host.page.keyboard.press("?");
        assert.deepEqual(await violations(host.page), [], `${of.kind}, ${name}, keys`);
      }
    }
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

  it("says why no model has a say before the test part is fixed, and offers to fix it", async () => {
    const latest = {
      ...{ folder: "run", labels: ["x"], thresholds: null, answers: new Map(), folds: true },
      ...{ fitted: new Set<string>(), test: new Set<string>() },
    };
    const lines = [JSON.stringify({ id: "a", text: "One." }), JSON.stringify({ id: "b", text: "Two." })];
    const begin = (marked: boolean) =>
      start({
        lines: marked ? [...lines, '{"id":"t","text":"Three.","split":"test"}'] : lines,
        ...{ latest, folded: latest },
      });
    const host = await begin(false);
    assert.deepEqual(await host.page.locator("option:disabled").allInnerTexts(), [
      "Most uncertain first",
      "Model disagrees with you",
    ]);
    await host.page.getByRole("button", { name: "Fix the Test Part" }).click();
    for (let wait = 0; wait < 50 && host.said.at(-1)?.type !== "fix-test"; wait++)
      await host.page.waitForTimeout(20);
    assert.equal(host.said.at(-1)?.type, "fix-test");
    const fixed = await begin(true);
    assert.equal(await fixed.page.locator("option:disabled").count(), 0);
    assert.equal(await fixed.page.getByRole("button", { name: "Fix the Test Part" }).count(), 0);
  });
});
