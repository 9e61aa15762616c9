import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { Browser } from "playwright-core";
import { launchBrowser } from "./editor";
import { textOf } from "../unit/data/folder";
import { THEMES } from "./themes";
import { NewTaskHost, type NewTaskHostOptions } from "./new-task-host";

describe("the page on which a task is made", function () {
  this.timeout(120_000);
  let browser: Browser;
  let folder: string;
  let open: NewTaskHost[] = [];

  before(async function () {
    const launched = await launchBrowser();
    if (launched === null) this.skip();
    browser = launched;
  });
  after(() => (browser as Browser | undefined)?.close());
  beforeEach(async () => (folder = await mkdtemp(path.join(os.tmpdir(), "plumb-new-task-"))));
  afterEach(async () => {
    const errors = open.flatMap((host) => host.errors);
    await Promise.all(open.map((host) => host.page.close()));
    open = [];
    await rm(folder, { recursive: true, force: true });
    assert.deepEqual(errors, []);
  });

  async function start(
    content: string | Buffer,
    name = "messages.csv",
    options: Partial<NewTaskHostOptions> = {},
  ) {
    const file = path.join(folder, name);
    await writeFile(file, content);
    const host = await NewTaskHost.open(browser, { file, ...options });
    open.push(host);
    return host;
  }
  const control = (host: NewTaskHost, id: string) => host.page.locator(`[data-id="${id}"]`);
  const focused = (host: NewTaskHost) => host.page.evaluate(`document.activeElement.dataset.id ?? null`);
  const until = async (holds: () => boolean) => {
    for (const end = Date.now() + 20_000; !holds(); await new Promise((resolve) => setTimeout(resolve, 20)))
      if (Date.now() > end) throw new Error("It did not come to that.");
  };
  const messages = (count: number) =>
    `text,label\n${Array.from({ length: count }, (_, n) => `"${textOf(n)}, indeed",${n % 4 === 0 ? "yes" : "no"}\n`).join("")}`;
  const task = async (host: NewTaskHost) =>
    JSON.parse(await readFile(host.made ?? "", "utf8")) as Record<string, unknown>;

  it("makes a task of a plain file with Enter alone", async () => {
    const host = await start(messages(50));
    await host.page
      .locator(".summary", { hasText: "50 texts, 50 with an answer, about 10 for the test" })
      .waitFor();
    assert.equal(await focused(host), "create");
    await host.page.keyboard.press("Enter");
    await until(() => host.made !== null);
    assert.deepEqual(await task(host), {
      ...{ version: 1, name: "messages", kind: "single", labels: [{ name: "no" }, { name: "yes" }] },
      ...{ examples: "messages.jsonl", testShare: 0.2 },
    });
  });

  it("shows what was read, and reads it in another way", async () => {
    const bytes = Buffer.concat([
      Buffer.from("text;label\n"),
      Buffer.from([0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2, 0x3b, 0x61, 10, 0xc4, 0xe0, 0x3b, 0x62, 10]),
    ]);
    const host = await start(bytes);
    await host.page.locator("td", { hasText: "Привет" }).waitFor();
    assert.deepEqual(
      await Promise.all(["format", "encoding", "delimiter"].map((id) => control(host, id).inputValue())),
      ["csv", "windows-1251", ";"],
    );
    await control(host, "encoding").focus();
    await control(host, "encoding").selectOption("windows-1252");
    await host.page.locator("td", { hasText: "Ïðèâåò" }).waitFor();
    assert.equal(await focused(host), "encoding");
    await control(host, "header").uncheck();
    await host.page.locator("th", { hasText: "column 1" }).waitFor();
    assert.equal(await host.page.locator("tbody tr").count(), 3);
  });

  it("says what a column is for, and the labels follow", async () => {
    const host = await start(
      "title,body,topic,tone\n" +
        Array.from(
          { length: 12 },
          (_, n) => `Title ${n},"${textOf(n)}",t${n % 3},${n % 2 ? "warm" : "cold"}\n`,
        ).join(""),
    );
    await control(host, "use-1").waitFor();
    assert.equal(await control(host, "use-1").inputValue(), "text");
    await control(host, "use-2").selectOption("none");
    await control(host, "use-3").focus();
    await control(host, "use-3").selectOption("answer");
    await host.page.locator(".labels li").nth(1).waitFor();
    await until(() => host.draft?.labels.length === 2);
    assert.equal(await focused(host), "use-3");
    await control(host, "use-0").selectOption("text");
    await until(() => host.draft?.uses.get("title") === "text");
    await host.page.locator('th[data-use="none"]', { hasText: "body" }).waitFor();
    assert.equal(await control(host, "use-1").inputValue(), "none");
  });

  it("renames, describes, moves and adds labels by keyboard", async () => {
    const host = await start(messages(40));
    const { page } = host;
    await control(host, "label-0").waitFor();
    await control(host, "label-0").fill("");
    await page.keyboard.type("negative");
    await page.keyboard.press("Tab");
    assert.equal(await focused(host), "description-0");
    await page.keyboard.type("Says no.");
    await page.keyboard.press("Alt+ArrowDown");
    await until(() => host.draft?.labels[1]?.name === "negative");
    await page.locator('[data-id="description-1"]:focus').waitFor();
    assert.equal(await control(host, "label-1").inputValue(), "negative");
    await page.keyboard.press("Enter");
    await page.keyboard.type("unsure");
    await page.keyboard.press("Enter");
    await control(host, "label-2").waitFor();
    assert.equal(host.made, null);
    await page.keyboard.press("Control+Home");
    await control(host, "create").focus();
    await page.keyboard.press("Enter");
    await until(() => host.made !== null);
    assert.deepEqual((await task(host)).labels, [
      { name: "yes" },
      { name: "negative", description: "Says no." },
      { name: "unsure" },
    ]);
  });

  it("gives labels colours by keyboard, which follow them, and keeps their signs apart", async () => {
    const size = { width: 400, height: 860 };
    const host = await start(messages(40) + "one more text here,unsure\n", "m.csv", { size });
    const { page } = host;
    const signs = () =>
      page.evaluate<string[]>(
        `[...document.querySelectorAll(".labels .mark")].map((one) => one.dataset.color + " " + one.textContent)`,
      );
    await control(host, "color-2").waitFor();
    assert.deepEqual(await signs(), ["blue ●", "yellow ■", "green ▲"]);
    const choices = control(host, "color-0").locator("option");
    assert.deepEqual(await choices.allInnerTexts(), [
      ...["By its place", "Blue", "Yellow", "Green", "Purple", "Red", "Orange"],
    ]);
    await page.getByRole("combobox", { name: "Colour of “no”" }).focus();
    for (const key of ["ArrowDown", "ArrowDown"]) await page.keyboard.press(key);
    await until(() => host.draft?.labels[0]?.color === "yellow");
    assert.equal(await focused(host), "color-0");
    await page.keyboard.press("Tab");
    assert.equal(await focused(host), "label-0");
    await page.keyboard.press("Alt+ArrowDown");
    await until(() => host.draft?.labels[1]?.name === "no");
    await page.locator('[data-id="label-1"]:focus').waitFor();
    // Its place would give the other one a yellow square too, were it second.
    assert.deepEqual(await signs(), ["blue ●", "yellow ■", "green ▲"]);
    await control(host, "color-0").selectOption({ label: "Yellow" });
    await until(() => host.draft?.labels[0]?.color === "yellow");
    await page.locator('.labels li:first-child .mark[data-color="yellow"]').waitFor();
    assert.deepEqual(await signs(), ["yellow ●", "yellow ■", "green ▲"]);
    assert.equal(
      await page.evaluate(
        `document.querySelector("main").scrollWidth - document.querySelector("main").clientWidth`,
      ),
      0,
    );
    await control(host, "create").focus();
    await page.keyboard.press("Enter");
    await until(() => host.made !== null);
    assert.deepEqual((await task(host)).labels, [
      ...[{ name: "yes", color: "yellow" }, { name: "no", color: "yellow" }, { name: "unsure" }],
    ]);
  });

  it("leaves an answer out that is no label, and takes it back, by keyboard", async () => {
    const host = await start(messages(40).replace(/,yes\r?\n$/, ",unsure\n") + "one more text here,unsure\n");
    const { page } = host;
    await control(host, "remove-2").waitFor();
    await control(host, "remove-2").focus();
    await page.keyboard.press("Enter");
    await host.page.locator(".renamed", { hasText: "“unsure” in the file is no label" }).waitFor();
    assert.equal(await focused(host), "remove-2");
    assert.equal(await control(host, "label-2").isVisible(), false);
    await page.keyboard.press("Enter");
    await control(host, "label-2").waitFor();
    await until(() => host.draft?.labels[2]?.dropped === false);
  });

  it("leads to what is still missing", async () => {
    const host = await start("first text here\nsecond text here\nthird text here\n", "texts.txt");
    await host.page.locator(".obstacle", { hasText: "At least two labels" }).waitFor();
    await host.page.keyboard.press("Enter");
    assert.equal(await focused(host), "new-label");
    for (const label of ["good", "bad"]) {
      await host.page.keyboard.type(label);
      await host.page.keyboard.press("Enter");
    }
    await host.page.locator(".summary", { hasText: "3 texts, 0 with an answer" }).waitFor();
    await control(host, "name").fill(" ");
    await host.page.locator(".obstacle", { hasText: "Give the task a name" }).waitFor();
    await control(host, "create").focus();
    await host.page.keyboard.press("Enter");
    assert.equal(await focused(host), "name");
    await host.page.keyboard.type("Reviews");
    await control(host, "share").fill("40");
    await control(host, "out").fill("re/views");
    await host.page.keyboard.press("Enter");
    await until(() => host.made !== null);
    assert.equal(path.basename(host.made!), "re-views.plumb.json");
    assert.deepEqual([(await task(host)).name, (await task(host)).testShare], [" Reviews".trim(), 0.4]);
  });

  it("lists what cannot be taken with its line, and asks once more where there is more of it than was seen", async () => {
    const host = await start(`${messages(20)}"one more",yes,and more\n,no\n`);
    await host.page.locator(".problems[open] summary", { hasText: "Worth a look: 2" }).waitFor();
    const items = host.page.locator(".problems li");
    assert.match(await items.nth(0).innerText(), /Line 22\s*: 3 values where 2 were expected/);
    assert.match(
      await items.nth(1).innerText(),
      /Line 23\s*: no text in column "text"; the row was left out/,
    );
    await items.nth(1).getByText("Line 23").click();
    assert.deepEqual(host.said.at(-1), { type: "open-line", line: 23 });
    await host.post({ type: "unseen" });
    await host.page.getByText("Create Task All the Same").waitFor();
    await control(host, "create").click();
    await until(() => host.made !== null);
    assert.deepEqual(host.said.at(-1), { type: "create", anyway: true });
  });

  it("says in a sentence why a file cannot be read, and lets its format be named", async () => {
    const host = await start("text,label\none text,a\nanother text,b\n", "table.xlsx");
    await host.page.locator(".message", { hasText: "it is not an Excel workbook" }).waitFor();
    assert.equal(await control(host, "create").isHidden(), true);
    await control(host, "format").selectOption("csv");
    await host.page.locator("td", { hasText: "another text" }).waitFor();
    assert.equal(await host.page.locator(".message").isHidden(), true);
  });

  it("shows how far a long import is, and stops", async () => {
    const host = await start(messages(20), "messages.csv", { idle: true });
    await host.post({ type: "progress", progress: { phase: "reading", share: 0.34, rows: 12_345 } });
    await host.page.locator(".doing", { hasText: "Reading messages.csv · 34\u00a0%, 12,345 rows" }).waitFor();
    await host.page.getByText("Stop").click();
    assert.deepEqual(host.said.at(-1), { type: "stop" });
    await host.post({ type: "stopped" });
    await host.page.locator(".summary", { hasText: "Nothing was written" }).waitFor();
    assert.equal(await host.page.locator(".progress").isHidden(), true);
  });

  it("has one line between two columns, whatever direction the texts of a row have", async () => {
    const host = await start("text,label\nשלום לכולם,a\nHello to all,b\nمرحبا بالجميع,a\n", "messages.csv", {
      theme: THEMES.dark,
    });
    await host.page.locator(".rows td", { hasText: "Hello" }).waitFor();
    const lines = await host.page.evaluate<string[]>(
      `[...document.querySelectorAll(".rows tr")].map((row) =>
        [...row.cells].map((cell) => [getComputedStyle(cell).borderLeftWidth, getComputedStyle(cell).borderRightWidth]).join())`,
    );
    assert.deepEqual(lines, Array(4).fill("0px,1px,0px,0px"));
  });

  it("shows markup and scripts as text", async () => {
    const text = `<img src=x onerror="document.title='run'"><script>document.title = 'run'</script>`;
    const quoted = `"${text.replaceAll('"', '""')}"`;
    const rows = Array.from({ length: 8 }, (_, n) => `${quoted},<b>${n % 2}</b>\n`).join("");
    const host = await start(`text,<i>label</i>\n${rows}`, "<u>x<u>.csv");
    await host.page.locator("td").first().waitFor();
    assert.equal(await host.page.locator("td").first().innerText(), text);
    assert.equal(await host.page.locator("img, main script, main i, main b, main u").count(), 0);
    assert.notEqual(await host.page.title(), "run");
  });

  it("speaks Russian, and has no sideways scrolling in a narrow column", async () => {
    for (const language of ["en", "ru"] as const) {
      const size = { width: 320, height: 800 };
      const host = await start(messages(30), `m-${language}.csv`, { language, size, theme: THEMES.dark });
      await control(host, "label-0").waitFor();
      const wider = await host.page.evaluate(
        `[...document.querySelectorAll("main, footer")].filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.tagName)`,
      );
      assert.deepEqual(wider, [], language);
      const word = language === "ru" ? "Создать задачу" : "Create Task";
      assert.equal(await control(host, "create").innerText(), word);
    }
  });

  /** Left and right edge of what is shown. */
  const edges = (host: NewTaskHost, selector: string) =>
    host.page.evaluate<[number, number]>(
      `(({ left, right }) => [left, right])(document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect())`,
    );
  const widths = [380, 500, 700, 780, 1180, 1222, 1600];

  it("has the answer's column in sight beside long texts, in a page of any width", async () => {
    const long = Array.from({ length: 6 }, (_, n) => textOf(n)).join(" ");
    for (const width of widths) {
      // The answer is the last of as many columns as there is room for.
      const between = width < 600 ? [] : ["author", "date"];
      const row = (n: number) => [
        `${n} ${long}`,
        ...between.map((name) => `${name} ${n}`),
        n % 2 ? "yes" : "no",
      ];
      const rows = [["text", ...between, "label"], ...Array.from({ length: 20 }, (_, n) => row(n))];
      const content = rows.map((cells) => `${cells.join(",")}\n`).join("");
      const host = await start(content, `m-${width}.csv`, { size: { width, height: 860 } });
      await control(host, "label-0").waitFor();
      const [, end] = await edges(host, ".rows");
      const [, seen] = await edges(host, '.rows th[data-use="answer"]');
      assert.ok(seen <= end, `${width}: the answer ends at ${seen}, the table at ${end}`);
      const [from, to] = await edges(host, '.rows td[data-use="text"]');
      assert.ok(to - from >= 150, `${width}: ${to - from} pixels for the text`);
    }
  });

  it("has room for what belongs under a label, and puts nothing over it", async () => {
    for (const width of widths) {
      const host = await start(messages(30), `m-${width}.csv`, { size: { width, height: 860 } });
      await control(host, "label-0").waitFor();
      const [nameAt, nameEnd] = await edges(host, '[data-id="label-0"]');
      const [at, end] = await edges(host, '[data-id="description-0"]');
      const [, rowEnd] = await edges(host, ".labels li");
      const [moves] = await edges(host, ".labels .moves");
      // Eight letters M of the label's name, and no less of what belongs under it.
      assert.ok(nameEnd - nameAt >= 120, `${width}: ${nameEnd - nameAt} pixels for the name`);
      assert.ok(end - at >= 120, `${width}: ${end - at} pixels for what belongs under it`);
      const below = at < nameEnd;
      assert.equal(below, width < 768, `${width}: ${below ? "below" : "beside"} the name`);
      assert.ok(end <= (below ? rowEnd : moves), `${width}: it ends at ${end}`);
    }
  });

  it("keeps what is below its rule in line with what is above, in a page of any width", async () => {
    for (const width of widths) {
      const host = await start(messages(30), `m-${width}.csv`, { size: { width, height: 860 } });
      await control(host, "label-0").waitFor();
      const [above] = await edges(host, "h1");
      const [, end] = await edges(host, ".rows");
      const [below] = await edges(host, ".summary");
      const [, actions] = await edges(host, ".actions");
      assert.equal(below, above, `${width}: ${below} below, ${above} above`);
      // In a narrow page the buttons stand below the sentence, from its beginning.
      if (width > 600) assert.equal(actions, end, `${width}: ${actions} below, ${end} above`);
    }
  });

  it("names every control for a screen reader", async () => {
    const host = await start(messages(30));
    await control(host, "label-0").waitFor();
    const nameless = await host.page
      .evaluate(`[...document.querySelectorAll("input, select, button, [tabindex]")]
      .filter((one) => !one.closest("[hidden]"))
      .filter((one) => !(one.getAttribute("aria-label") || one.labels?.[0]?.textContent.trim() || one.textContent.trim()))
      .map((one) => one.outerHTML)`);
    assert.deepEqual(nameless, []);
  });
});
