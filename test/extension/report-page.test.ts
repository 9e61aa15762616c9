import assert from "node:assert/strict";
import type { Browser } from "playwright-core";
import { launchBrowser } from "./editor";
import { buildReport, renderComparison, renderReport, unseenTexts } from "../../src/core/report";
import { generationSample, sample } from "../unit/report/samples";
import { violations } from "./axe";
import { ReportHost, type ReportHostOptions } from "./report-host";

const OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; })";

/** A run with all that a page may show, and the texts of its task. */
function example(kind: "single" | "multi", labels = 4) {
  const input = sample(kind, { labels, train: 80, test: 80, skill: 0.6 });
  const report = buildReport(input);
  const all = [...input.train, ...input.test];
  const unseen = unseenTexts(report, input.heldOut.predictions, all);
  return { input, report, unseen, texts: new Map(all.map(({ id, text }) => [id, text])) };
}
/** The same where the answer is a text. */
function generation() {
  const input = generationSample(30, 3);
  const report = buildReport(input);
  const all = [...input.train, ...input.test];
  return { report, unseen: null, texts: new Map(all.map(({ id, text }) => [id, text])) };
}
const single = example("single");
const multi = example("multi");

describe("the report's panel", function () {
  this.timeout(60_000);
  let browser: Browser;
  let open: ReportHost[] = [];

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

  async function start(
    { report, unseen, texts }: Pick<ReturnType<typeof example>, "report" | "unseen" | "texts">,
    more: Partial<ReportHostOptions> = {},
  ): Promise<ReportHost> {
    const { language = "en" } = more;
    return show({ report, texts }, renderReport(report, { texts, unseen, language }), more);
  }
  async function show(
    { report, texts }: Pick<ReturnType<typeof example>, "report" | "texts">,
    html: string,
    more: Partial<ReportHostOptions> = {},
  ): Promise<ReportHost> {
    const host = await ReportHost.open(browser, { html, report, texts, ...more });
    open.push(host);
    return host;
  }
  const column = (host: ReportHost, at: number) =>
    host.page.evaluate<string[]>(
      `[...document.querySelectorAll("#classes tbody tr")].map((row) => row.cells[${at}].dataset.value)`,
    );

  it("sorts the classes by any figure, also by the keyboard, and says by which", async () => {
    const host = await start(single);
    const head = host.page.locator("#classes th", { hasText: "Recall" });
    const button = head.getByRole("button");
    await button.focus();
    await host.page.keyboard.press("Enter");
    const numbers = (await column(host, 4)).map(Number);
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => b - a),
    );
    assert.equal(await head.getAttribute("aria-sort"), "descending");
    await host.page.keyboard.press("Enter");
    assert.deepEqual(
      (await column(host, 4)).map(Number),
      numbers.toSorted((a, b) => a - b),
    );
    await host.page.locator("#classes th button", { hasText: "Class" }).click();
    assert.deepEqual(await column(host, 0), [...single.report.task.labels].sort());
    assert.equal(await host.page.locator("#classes [aria-sort]").count(), 1);
  });

  it("opens the texts behind every cell of the matrix, and from there the label editor", async () => {
    const host = await start(single);
    const confusion = single.report.classification!.confusion!;
    for (const [truth, given] of [
      [0, 0],
      [1, 0],
      [0, 1],
    ] as const) {
      const count = confusion[truth]![given]!;
      const cell = host.page.locator(".matrix tbody tr").nth(truth).locator("td").nth(given);
      if (count === 0) {
        assert.equal(await cell.getByRole("button").count(), 0);
        continue;
      }
      await cell.getByRole("button").click();
      await host.page.locator(".behind h3", { hasText: `given label ${given}: ${count}` }).waitFor();
      assert.equal(await host.page.locator(".behind li").count(), count);
    }
    const id = await host.page.locator(".behind .id").first().innerText();
    await host.page.locator(".behind .id button").first().click();
    await host.page.locator(".behind .body").first().click();
    assert.deepEqual(host.said.slice(-2), [
      { type: "open-example", id },
      { type: "open-example", id },
    ]);
    await host.page.keyboard.press("Tab");
    await host.page.locator(".behind button", { hasText: "Close" }).press("Escape");
    assert.equal(await host.page.locator(".behind").count(), 0);
    assert.match(await host.page.evaluate<string>("document.activeElement.className"), /count/);
  });

  it("opens the texts behind a cell of a matrix that is a picture too, right ones by keys as well, and says so", async () => {
    const many = example("single", 30);
    const host = await start(many);
    const right = many.report.classification!.confusion!.findIndex((row, at) => row[at]! > 0);
    const count = many.report.classification!.confusion![right]![right]!;
    const cell = host.page.locator(`.field [data-cell="pair ${right} ${right}"]`);
    const title = host.page.locator(".behind h3", { hasText: `given label ${right}: ${count}` });
    await cell.click();
    await title.waitFor();
    await host.page.locator(".behind button", { hasText: "Close" }).click();
    assert.equal(
      await host.page.evaluate<string>("document.activeElement.dataset.cell"),
      `pair ${right} ${right}`,
    );
    await host.page.keyboard.press("Enter");
    await title.waitFor();
    for (const report of [many, single, multi])
      await (
        await start(report)
      ).page
        .locator("#confusion [data-hint]", { hasText: /^Click a cell to read/ })
        .waitFor();
  });

  it("opens what a label of a multi-label task missed", async () => {
    const host = await start(multi);
    const { fn, label } = multi.report.classification!.classes[1]!;
    await host.page.locator("#confusion tbody tr").nth(1).locator("td").nth(1).getByRole("button").click();
    await host.page.locator(".behind h3", { hasText: `${label} missed: ${fn}` }).waitFor();
    assert.equal(await host.page.locator(".behind li").count(), fn);
  });

  it("lists what a model contradicts that had not seen it first, the surest on top", async () => {
    const host = await start(single);
    const ids = await host.page.locator(".unseen .id").allInnerTexts();
    const wrong = single.unseen!.rows.filter(({ right }) => !right);
    assert.equal(ids[0], wrong.toSorted((a, b) => b.confidence! - a.confidence!)[0]!.id);
    await host.page.locator(".unseen .body").first().click();
    assert.deepEqual(host.said.at(-1), { type: "open-example", id: ids[0] });
  });

  it("moves thresholds by the keyboard, and says what that does to one label and to all", async () => {
    const host = await start(multi);
    const figure = host.page.locator("figure.threshold").first();
    const slider = figure.getByRole("slider");
    const curve = multi.unseen!.curves![0]!;
    const before = await host.page.locator(".macro").innerText();
    await slider.focus();
    await host.page.keyboard.press("Home");
    const share = Math.round((100 * curve.positives) / curve.texts);
    assert.equal(
      await figure.locator("output").innerText(),
      `From 0.00 on: precision ${share}\u00a0%, recall 100\u00a0%, F1 ${((2 * curve.positives) / (curve.texts + curve.positives)).toFixed(2)}; given to ${curve.texts} of ${curve.texts} texts.`,
    );
    assert.equal(await slider.getAttribute("aria-valuetext"), await figure.locator("output").innerText());
    assert.equal(await figure.locator("line.cut").getAttribute("x1"), "66.0");
    assert.notEqual(await host.page.locator(".macro").innerText(), before);
    await host.page.getByRole("button", { name: "Back to the run's own" }).click();
    assert.equal(await host.page.locator(".macro").innerText(), before);
    assert.equal(await slider.inputValue(), String(Math.round(100 * curve.chosen)));
  });

  it("copies a table as Markdown and CSV, and a picture as SVG and PNG", async () => {
    const host = await start(single);
    const copies = host.page.locator("#classes .copies").first();
    await copies.getByRole("button", { name: "Copy as Markdown" }).click();
    await copies.getByRole("button", { name: "Copy as CSV" }).click();
    await copies.getByRole("button", { name: "Copy as SVG" }).click();
    const [markdown, csv, svg] = host.said.slice(-3).map((said) => (said.type === "copy" ? said.text : ""));
    assert.match(
      markdown!,
      /^\| Class \| F1 \| Precision \|.*\n\| :-- \| --: \|.*\n\| label \d \| \d\.\d\d \[/,
    );
    assert.equal(csv!.split("\r\n").length, 1 + 4 + 1);
    assert.match(svg!, /^<svg[^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    for (const label of single.report.task.labels) assert.ok(svg!.includes(`>${label}</text>`));
    assert.doesNotMatch(svg!, /var\(|color-mix|class=/);
    // A browser without permission to write pictures: a file is offered instead.
    await host.page.locator("#trust .copies").first().getByRole("button", { name: "Copy as PNG" }).click();
    for (let wait = 0; wait < 50 && host.said.at(-1)?.type !== "save"; wait++)
      await host.page.waitForTimeout(100);
    const saved = host.said.at(-1)!;
    assert.ok(saved.type === "save" && saved.format === "png");
    const bytes = Buffer.from(saved.content, "base64");
    assert.equal(bytes.subarray(1, 4).toString(), "PNG");
    assert.ok(bytes.readUInt32BE(16) > 400, "as wide as it is drawn");
  });

  it("asks about a text once the typing rests, and shows what was said of the text that stands there", async () => {
    const host = await start(multi, {
      tried: (text) => ({
        ...{ type: "tried", text, output: null, cut: false },
        labels: multi.report.task.labels.map((label, at) => ({ label, probability: at === 2 ? 0.99 : 0.01 })),
      }),
    });
    const box = host.page.getByRole("textbox", { name: "A text to judge" });
    await box.pressSequentially("Only two left", { delay: 20 });
    await host.page.locator(".tried tr.own", { hasText: "label 2" }).waitFor();
    const asked = host.said.filter(({ type }) => type === "try");
    assert.deepEqual(asked.at(-1), { type: "try", text: "Only two left" });
    assert.ok(asked.length < 5, `${asked.length} questions for one text`);
    assert.equal(await host.page.locator(".tried tr.own").count(), 1);
    await host.post({ type: "tried", text: "Only", labels: [], output: null, cut: false });
    await host.page.waitForTimeout(50);
    assert.equal(await host.page.locator(".tried tr.own").count(), 1);
    await box.fill("");
    await host.page.locator("#try p", { hasText: "Type or paste" }).waitFor();
    assert.equal(await host.page.locator(".tried tr").count(), 0);
  });

  it("offers the next steps, and says what could not be read", async () => {
    const host = await start(single, { notice: "Cannot read predictions.jsonl: it is not there." });
    for (const name of [
      "Compare with other runs…",
      "Label with the adapter",
      "Predict a file…",
      "Export the page…",
    ])
      await host.page.getByRole("button", { name }).click();
    assert.deepEqual(
      host.said.flatMap((said) => (said.type === "command" ? [said.command] : [])),
      ["compare", "label", "predict", "export"],
    );
    await host.page.locator(".notice", { hasText: "predictions.jsonl" }).waitFor();
  });

  it("compares runs: another reference is asked for, a changed text opens", async () => {
    const { input, report, texts } = single;
    const other = buildReport({
      ...input,
      predictions: input.predictions.map((one, at) =>
        at % 3 === 0 ? { ...one, scores: [...one.scores!].reverse() } : one,
      ),
    });
    const html = renderComparison([report, other], { texts, reference: 0 });
    const host = await ReportHost.open(browser, { html, report, texts, page: "comparison" });
    open.push(host);
    await host.page.getByRole("radio").nth(1).check();
    assert.deepEqual(host.said.at(-1), { type: "reference", run: 1 });
    await host.page.locator("#per-class th button", { hasText: "F1 of B" }).click();
    await host.page.evaluate(OPEN_ALL);
    await host.page.locator("#changed .errors .body").first().click();
    assert.equal(host.said.at(-1)?.type, "open-example");
    assert.equal(await host.page.locator("#try").count(), 0);
  });

  it("shows markup and scripts as text, in lists and answers too", async () => {
    const evil = `<script>document.title = "run"</script><img src=x onerror="document.title='run'">`;
    const { input } = single;
    const labels = input.task.labels!.map(({ name }) => ({ name: `${evil}${name}` }));
    const marked = <T extends { label?: string | undefined }>(one: T) => ({
      ...one,
      label: evil + one.label!,
    });
    const report = buildReport({
      ...input,
      task: { ...input.task, name: evil, labels },
      ...{ train: input.train.map(marked), test: input.test.map(marked) },
      heldOut: { ...input.heldOut, examples: input.heldOut.examples.map(marked) },
    });
    const texts = new Map(report.rows.map(({ id }) => [id, evil]));
    const host = await start(
      { report, unseen: null, texts },
      { tried: (text) => ({ type: "tried", text, labels: [], output: evil, cut: false }) },
    );
    await host.page.locator(".matrix button.count").first().click();
    await host.page.locator(".behind .body").first().waitFor();
    await host.page.getByRole("textbox").fill("x");
    await host.page.locator("blockquote").waitFor();
    assert.equal(await host.page.locator("blockquote").innerText(), evil);
    assert.equal(await host.page.locator("img, main script").count(), 0);
    assert.doesNotMatch(await host.page.title(), /^run$/);
  });

  it("has no word of English left in Russian, but names", async () => {
    const host = await start(multi, { language: "ru" });
    await host.page.locator("#confusion tbody button.count").first().click();
    await host.page.locator(".behind").waitFor();
    const words = await host.page.locator("body").innerText();
    const english = words.match(/\b(the|of|text|copy|given|texts|open|run|with)\b/gi) ?? [];
    assert.deepEqual(english, []);
  });

  it("is no wider than a column of 320 pixels, all of it open, in every theme and both languages", async function () {
    this.timeout(120_000);
    const size = { width: 320, height: 800 };
    for (const language of ["en", "ru"] as const)
      for (const run of [single, multi, generation()]) {
        const { report, texts } = run;
        const comparison = renderComparison([report, report], { reference: 0, language, texts });
        for (const host of [
          await start(run, { language, size }),
          await show(run, comparison, { page: "comparison", language, size }),
        ]) {
          await host.page.evaluate(OPEN_ALL);
          for (const theme of ["dark", "light", "contrast", "contrast-light"] as const) {
            await host.wear(theme);
            const wide = await host.page.evaluate<number>("document.documentElement.scrollWidth");
            assert.ok(wide <= 320, `${report.task.kind}, ${language}, ${theme}: ${wide} pixels wide`);
          }
        }
      }
  });

  it("shows the first tables whole in a column of 400 pixels, without a bar across", async () => {
    for (const language of ["en", "ru"] as const)
      for (const run of [single, multi]) {
        const host = await start(run, { language, size: { width: 400, height: 800 } });
        const over = await host.page.evaluate(`[...document.querySelectorAll("main > section > .scroll")]
          .filter((one) => one.scrollWidth > one.clientWidth && one.closest("#confusion") === null)
          .map((one) => one.ariaLabel)`);
        assert.deepEqual(over, [], `${run.report.task.kind}, ${language}`);
      }
  });

  it("has no table that runs into the figure beside it", async () => {
    // The gap between figures is wider.
    const slack = 16;
    for (const language of ["en", "ru"] as const)
      for (const width of [380, 820, 1180]) {
        const host = await start(single, { language, size: { width, height: 800 } });
        await host.page.evaluate(OPEN_ALL);
        const over = await host.page.evaluate(`[...document.querySelectorAll("figure table")]
          .map((one) => one.getBoundingClientRect().right - one.closest("figure").getBoundingClientRect().right)
          .filter((by) => by > ${slack})`);
        assert.deepEqual(over, [], `${language}, ${width}`);
      }
  });

  it("tells times in its own language, whatever the browser's", async () => {
    const host = await start(single, { language: "ru" });
    const said = await host.page.locator("time").first().innerText();
    assert.match(said, /\p{Script=Cyrillic}/u);
    assert.doesNotMatch(said, /[a-z]/iu);
  });

  it("shows a matrix of seven classes whole in a narrow column, three figures in its cells", async () => {
    const seven = example("single", 7);
    seven.report.classification!.confusion![0]![1] = 888;
    for (const [run, width] of [
      [single, 340],
      [seven, 400],
    ] as const) {
      const host = await start(run, { size: { width, height: 800 } });
      const [seen, whole] = await host.page.evaluate<[number, number]>(
        `(({ clientWidth, scrollWidth }) => [clientWidth, scrollWidth])(document.querySelector(".matrix").parentElement)`,
      );
      assert.ok(whole <= seen, `${width}: ${seen} of ${whole} pixels are seen`);
    }
  });

  it("has what the browser draws itself as the editor's theme is, whatever the system's", async () => {
    const schemes = { dark: "dark", light: "light", contrast: "dark", "contrast-light": "light" } as const;
    for (const theme of ["dark", "light", "contrast", "contrast-light"] as const) {
      const { page } = await start(multi, { theme });
      assert.equal(await page.evaluate("getComputedStyle(document.body).colorScheme"), schemes[theme], theme);
    }
  });

  it("breaks no rule of accessibility that can be checked by a program", async () => {
    for (const run of [single, multi]) {
      for (const theme of ["dark", "light", "contrast", "contrast-light"] as const) {
        const host = await start(run, {
          theme,
          tried: (text) => ({
            ...{ type: "tried", text, output: null, cut: false },
            labels: run.report.task.labels.map((label) => ({ label, probability: 0.6 })),
          }),
        });
        await host.page.getByRole("textbox").fill("x");
        await host.page.locator(".tried tr").first().waitFor();
        await host.page.locator("#confusion button.count").first().click();
        await host.page.locator(".behind").waitFor();
        await host.page.evaluate(OPEN_ALL);
        assert.deepEqual(await violations(host.page), [], theme);
      }
    }
  });
});
