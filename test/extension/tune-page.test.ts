import assert from "node:assert/strict";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { labelPage } from "../../src/host/label/page";
import type { ToTune, TuneData, TunePlan, TuneRun, TuneView, TuneWords } from "../../src/protocol";
import { wordsOf } from "../label-words";
import { violations } from "./axe";
import { launchBrowser } from "./editor";
import { THEMES } from "./themes";

const dist = path.resolve(__dirname, "../../dist/webview");
const origin = "http://tune.test";
const EDITOR_API = "window.acquireVsCodeApi = () => ({ postMessage: () => undefined });";
const LONG = "Ausgrenzung_und_Schuldzuweisung_gegenueber_Minderheiten";

const data: TuneData = {
  findings: [
    {
      severity: "error",
      message: `41 texts have a label that is not in the label set: "${LONG}".`,
      places: [{ message: "also line 3", file: "/x.jsonl", line: 41, where: `${LONG}.jsonl:41` }],
      more: 40,
    },
    { severity: "warning", message: "2 texts stand more than once.", places: [], more: 0 },
  ],
  ...{ answered: 12_345, unanswered: 678, skipped: 9, multi: false },
  classes: [
    { label: LONG, all: 10_000, train: 8000, test: 2000 },
    { label: "none", all: 2345, train: 2000, test: 345 },
  ],
  split: { drawn: true, train: 10_000, test: 2345 },
};
const plan: TunePlan = {
  ...{ model: "SmolLM2-135M-Instruct Q4_1", parameters: 134_515_008, license: "Apache-2.0" },
  ...{ method: "ptuning-bias", steps: 174, seed: 0, fit: 8000, heldOut: 2000, test: 2345, folds: 5 },
  ...{ device: "AMD EPYC", precision: "float32", threads: 2, seconds: 8000, bytes: 8e8, available: 4e9 },
  ...{ cutTexts: 3, textRoom: 1980, probe: true },
  decisions: ["The rate of the vectors is chosen on a part of the training texts before the run begins."],
};
const run: TuneRun = {
  ...{ phase: "fold", fold: { at: 4, of: 5 }, done: 1234, total: 12_345, share: 0.6, secondsLeft: 12_345 },
  ...{
    loss: 0.51,
    score: 0.62,
    heldOutLoss: 0.71,
    tokensPerSecond: 12_345,
    memory: 8.1e8,
    mostMemory: 9.2e8,
  },
  steps: 12_345,
  losses: Array.from({ length: 400 }, (_, at) => ({ step: 31 * at, loss: 3 / (1 + at / 20) })),
  looks: Array.from({ length: 9 }, (_, at) => ({ step: 1300 * at, loss: 2 / (1 + at), score: at / 10 })),
  notes: ["The memory of other programs was in the way: batches are smaller from here on."],
};
const choices = { method: null, base: null, folds: 5, steps: null, seed: null };
const ready: TuneView = {
  ...{ task: "Pressure in messages", file: "messages.plumb.json", stage: "ready", choices },
  methods: ["ptuning-bias", "ptuning", "prompt", "bias", "lora", "full"],
  models: [{ value: null, name: "SmolLM2-135M-Instruct.Q4_1" }],
  ...{ data, plan, trouble: null, run: null, result: null, before: null },
};
const failed = {
  message: `Cannot write /home/x/${LONG.repeat(3)}/checkpoint: no space is left on the disk.`,
  tries: ["Make room on the disk, then go on with the run."],
  actions: ["resume", "less-memory", "log", "delete"] as const,
};
/** Each stage that looks different. */
const VIEWS: readonly TuneView[] = [
  ready,
  { ...ready, stage: "refused" },
  { ...ready, stage: "running", run },
  { ...ready, stage: "done", run, result: { score: 0.62, low: 0.51, high: 0.7 } },
  { ...ready, stage: "failed", run, trouble: failed },
];

describe("the page of a task's runs", function () {
  this.timeout(120_000);
  let browser: Browser;
  let errors: string[] = [];

  before(async function () {
    const launched = await launchBrowser();
    if (launched === null) this.skip();
    browser = launched;
  });
  after(() => (browser as Browser | undefined)?.close());
  afterEach(() => {
    const said = errors;
    errors = [];
    assert.deepEqual(said, []);
  });

  async function open(language: "en" | "ru", width: number): Promise<Page> {
    const page = await browser.newPage({ viewport: { width, height: 900 } });
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.addInitScript({ content: EDITOR_API });
    await page.route(`${origin}/**`, (route) => {
      const name = new URL(route.request().url()).pathname.slice(1);
      if (name.includes(".")) return route.fulfill({ path: path.join(dist, name) });
      const body = labelPage({
        ...{ script: `${origin}/tune.js`, style: `${origin}/tune.css`, source: origin },
        ...{ nonce: "0123456789abcdef", language, title: "Tune" },
      });
      return route.fulfill({ contentType: "text/html; charset=utf-8", body });
    });
    await page.goto(`${origin}/page`);
    const words = wordsOf("tune/words.ts", language) as TuneWords;
    await post(page, { type: "opened", words, locale: language });
    return page;
  }
  const post = (page: Page, message: ToTune) =>
    page.evaluate(`window.postMessage(${JSON.stringify(message)})`);
  async function show(page: Page, view: TuneView): Promise<void> {
    await post(page, { type: "view", view });
    await page.locator("h1", { hasText: view.task }).waitFor();
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
    await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
  }
  const wear = (page: Page, { css, classes }: (typeof THEMES)["dark"]) =>
    page.evaluate(
      `document.documentElement.style.cssText = ${JSON.stringify(css)}; document.body.className = ${JSON.stringify(classes)};`,
    );

  it("is no wider than a column of 320 pixels, at any stage and in both languages", async () => {
    for (const language of ["en", "ru"] as const) {
      const page = await open(language, 320);
      await wear(page, THEMES.dark);
      for (const view of VIEWS) {
        await show(page, view);
        const wide = await page.evaluate<number>("document.documentElement.scrollWidth");
        assert.ok(wide <= 320, `${view.stage}, ${language}: ${wide} pixels wide`);
      }
      await page.close();
    }
  });

  it("breaks no number of a table in two", async () => {
    const page = await open("ru", 320);
    await wear(page, THEMES.dark);
    await show(page, { ...ready, stage: "running", run });
    const heights = await page.evaluate<number[]>(
      `[...document.querySelectorAll(".curves tbody th")].map((one) => one.offsetHeight)`,
    );
    assert.ok(Math.max(...heights) < 1.5 * Math.min(...heights), heights.join(", "));
    await page.close();
  });

  it("breaks no rule of accessibility that can be checked by a program, at any stage", async () => {
    const page = await open("en", 1100);
    for (const [name, theme] of Object.entries(THEMES)) {
      await wear(page, theme);
      for (const view of VIEWS) {
        await show(page, view);
        assert.deepEqual(await violations(page), [], `${view.stage}, ${name}`);
      }
    }
    await page.close();
  });
});
