/**
 * Measures the extension in a real VS Code (code-server, its extension host and a Chromium) and writes the table of
 * docs/performance.md: `npx tsx bench/extension.ts`, behind `npm run build` and `npx plumb models get`. Takes some minutes;
 * `--print` writes nothing, `--small` has few of everything, to see that all of it works, and writes nothing either.
 */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import type { CDPSession, FrameLocator } from "playwright-core";
import { seededRandom } from "../src/core/random";
import type { Example, Task } from "../src/core/schema";
import { bundle } from "../scripts/lib/build.mjs";
import { stageExtension } from "../scripts/lib/package.mjs";
import { vscodeHost } from "../scripts/lib/vscode-host.mjs";
import { Editor } from "../test/extension/editor";
import { startLongRun } from "../test/extension/long-run";
import { writeFinishedRun } from "../test/finished-run";
import { median } from "./lib/batches";
import { table, writeBetween } from "./lib/page";

const PAGE = path.resolve(__dirname, "../docs/performance.md");

/** How much is measured. */
interface Amounts {
  /** Examples of a task, the smaller task first. */
  readonly sizes: readonly [number, number];
  /** Key presses that are timed. */
  readonly presses: number;
  /** Windows in which the start is timed. */
  readonly starts: number;
  /** Seconds of scrolling at each speed. */
  readonly scrolling: number;
  /** Steps of a run after which its page is weighed. */
  readonly steps: readonly number[];
}
const FULL: Amounts = {
  sizes: [10_000, 100_000],
  presses: 60,
  starts: 5,
  scrolling: 10,
  steps: [100, 1000, 10_000],
};
const SMALL: Amounts = { sizes: [500, 2000], presses: 5, starts: 1, scrolling: 1, steps: [20, 50] };

/** Key presses before those that are timed. */
const WARM_UP = 5;
/** Rows a second that the list is scrolled by: a wheel turned fast, and the scroll bar drawn along. */
const SPEEDS = [100, 1000] as const;
/** A step of a run of the default model on a busy machine may take seconds. */
const RUN_BEGINS = 10 * 60_000;

const WORDS =
  "last only buy now library opens nine your friends already door quiet river never miss again tomorrow";

function task(name: string, more: Partial<Task> = {}): Task {
  const labels = ["pressure", "guilt", "fear", "none"].map((label) => ({ name: label }));
  return { version: 1, name, kind: "single", labels, examples: `${name}.jsonl`, ...more };
}

/** Texts of 8 to 40 words, half of them labelled. */
function examples(count: number): Example[] {
  const random = seededRandom(1);
  const words = WORDS.split(" ");
  const pick = () => words[Math.floor(random() * words.length)] ?? "";
  return Array.from({ length: count }, (_, at) => ({
    id: `e${at}`,
    text: Array.from({ length: 8 + Math.floor(random() * 32) }, pick).join(" "),
    ...(at % 2 === 0 ? {} : { label: at % 4 === 1 ? "none" : "fear" }),
  }));
}

function writeTask(folder: string, name: string, rows: readonly Example[], more: Partial<Task> = {}): string {
  const file = path.join(folder, `${name}.plumb.json`);
  writeFileSync(file, JSON.stringify(task(name, more)));
  writeFileSync(path.join(folder, `${name}.jsonl`), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return file;
}

/** In the page: milliseconds from each press of a key until the next text was painted. */
const TIMER = `
  window.plumbTimes = [];
  let from = null;
  document.addEventListener("keydown", (event) => { from = event.timeStamp; }, true);
  new MutationObserver(() => {
    if (from === null) return;
    const pressed = from;
    from = null;
    // Behind the frame in which the change is drawn.
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => window.plumbTimes.push(performance.now() - pressed);
      channel.port2.postMessage(null);
    });
  }).observe(document.querySelector(".card .text"), { childList: true, characterData: true, subtree: true });`;

interface Opened {
  readonly page: FrameLocator;
  readonly milliseconds: number;
}

/**
 * Opens the page of a task by a command from the palette; timed from the choice of the command to what is shown.
 * @param picked A part of the row that is chosen where the command asks.
 */
async function openPage(
  editor: Editor,
  file: string,
  title: string,
  shown: string,
  picked?: string,
): Promise<Opened> {
  await editor.openFile(path.basename(file));
  await editor.page.keyboard.press("F1");
  const widget = editor.page.locator(".quick-input-widget");
  await widget.locator("input").first().fill(`>${title}`);
  await widget.locator(".monaco-list-row", { hasText: title }).first().waitFor();
  const begun = performance.now();
  await widget.locator(".monaco-list-row", { hasText: title }).first().click();
  if (picked !== undefined) await widget.locator(".monaco-list-row", { hasText: picked }).first().click();
  return { page: await editor.frame(shown, 20), milliseconds: performance.now() - begun };
}

async function pressKeys(editor: Editor, page: FrameLocator, presses: number): Promise<number[]> {
  await page.locator("body").evaluate(TIMER);
  await page.locator(".card").focus();
  for (let at = 0; at < presses + WARM_UP; at++) {
    await editor.page.keyboard.press(at % 2 === 0 ? "1" : "3");
    await page
      .locator("body")
      .evaluate(
        `new Promise((done) => { const look = () => window.plumbTimes.length > ${at} ? done() : setTimeout(look, 5); look(); })`,
      );
  }
  const times: number[] = await page.locator("body").evaluate("window.plumbTimes");
  return times.slice(WARM_UP);
}

interface Scrolled {
  /** Of the list. */
  readonly rowsPerSecond: number;
  /** Milliseconds from each frame to the next. */
  readonly frames: readonly number[];
  /** Rows in view behind all frames together, of which so many were not drawn, and so many stood there without their text. */
  readonly seen: number;
  readonly undrawn: number;
  readonly untold: number;
}

/**
 * In the page: scrolls the list evenly, and looks behind each frame at the rows that are in view. The list hears of a scroll in the
 * frame behind it, as it does where the wheel or the scroll bar moves it.
 */
const scroller = (rowsPerSecond: number, seconds: number, rows: number): string => `new Promise((done) => {
  const list = document.querySelector(".list");
  const height = list.querySelector(".space").offsetHeight / ${rows};
  const told = { rowsPerSecond: ${rowsPerSecond}, frames: [], seen: 0, undrawn: 0, untold: 0 };
  const look = () => {
    const end = Math.min(${rows}, Math.ceil((list.scrollTop + list.clientHeight) / height));
    for (let at = Math.floor(list.scrollTop / height); at < end; at++) {
      told.seen++;
      const row = document.getElementById("row-" + at);
      if (row === null) told.undrawn++;
      else if (row.querySelector(".beginning").textContent === "…") told.untold++;
    }
  };
  const channel = new MessageChannel();
  channel.port1.onmessage = look;
  const from = list.scrollTop;
  let begun = null;
  let before = null;
  const frame = (now) => {
    begun ??= now;
    if (before !== null) told.frames.push(now - before);
    before = now;
    if (now - begun > ${1000 * seconds}) return done(told);
    list.scrollTop = from + ((now - begun) / 1000) * ${rowsPerSecond} * height;
    channel.port2.postMessage(null);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})`;

async function scroll(page: FrameLocator, seconds: number, rows: number): Promise<Scrolled[]> {
  const told: Scrolled[] = [];
  await page.locator(".list").evaluate((list: { scrollTop: number }) => (list.scrollTop = 0));
  for (const speed of SPEEDS) {
    // What was asked for before is there.
    await page.locator("body").evaluate("new Promise((done) => setTimeout(done, 500))");
    const one: Scrolled = await page.locator("body").evaluate(scroller(speed, seconds, rows));
    told.push(one);
  }
  return told;
}

/** Bytes of JavaScript's objects in the window: the workbench and the pages in it share one heap. */
async function heap(session: CDPSession): Promise<number> {
  await session.send("HeapProfiler.collectGarbage");
  return (await session.send("Runtime.getHeapUsage")).usedSize;
}

/** Resident bytes of the extension host that this process has started; the newest one. */
function extensionHost(): number {
  const found = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => b - a);
  for (const pid of found) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      if (!command.includes("--type=extensionHost")) continue;
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      return 1024 * Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
    } catch {
      // gone meanwhile
    }
  }
  return NaN;
}

/** Milliseconds that the list of running extensions says of ours, in a new window each time. */
async function activations(editor: Editor, file: string, starts: number): Promise<number[]> {
  await editor.openFile(path.basename(file));
  // The list is sorted by these times and keeps only the rows on the screen.
  const size = editor.page.viewportSize()!;
  await editor.page.setViewportSize({ ...size, height: 5000 });
  const times: number[] = [];
  for (let at = 0; at < starts; at++) {
    if (at > 0) await editor.page.reload();
    await editor.page.locator(".codelens-decoration a").first().waitFor({ timeout: 60_000 });
    times.push(await activation(editor));
    await editor.run("View: Close Editor");
  }
  await editor.page.setViewportSize(size);
  return times;
}

async function activation(editor: Editor): Promise<number> {
  await editor.run("Developer: Show Running Extensions");
  const row = editor.page
    .locator(".runtime-extensions-editor .monaco-list-row", { hasText: "Plumb" })
    .first();
  const said = (await row.locator(".activation-time").textContent()) ?? "";
  const found = /(\d+)\s*ms/.exec(said)?.[1];
  if (found === undefined) throw new Error(`The list of running extensions says ${JSON.stringify(said)}.`);
  return Number(found);
}

/** Saves the file on show, where it is changed. */
async function save(editor: Editor): Promise<void> {
  if ((await editor.page.locator(".tab.dirty").count()) > 0) await editor.page.keyboard.press("Control+S");
  await editor.page.locator(".tab.dirty").first().waitFor({ state: "detached", timeout: 60_000 });
}

async function closeTabs(editor: Editor): Promise<void> {
  await save(editor);
  await editor.run("View: Close All Editors");
  await editor.page.locator(".tab").first().waitFor({ state: "detached" });
}

/** Step that a run's page, on show, says the run is at. */
async function stepOf(page: FrameLocator): Promise<number> {
  const said = (await page.locator(".stand").textContent()) ?? "";
  const found = /step ([\d,]+) of/.exec(said)?.[1];
  if (found === undefined) throw new Error(`The run's page says ${JSON.stringify(said)} and no step.`);
  return Number(found.replaceAll(",", ""));
}

async function cancelRun(editor: Editor, page: FrameLocator): Promise<void> {
  await page.locator("button[data-action=cancel]").click();
  await page.locator(".first", { hasText: "Cancelled" }).waitFor({ timeout: 120_000 });
  await closeTabs(editor);
}

interface Labelled {
  readonly size: number;
  readonly opening: number;
  readonly keys: readonly number[];
  readonly heap: number;
  readonly host: number;
}

async function measureLabels(
  editor: Editor,
  session: CDPSession,
  files: readonly string[],
  { sizes, presses, scrolling }: Amounts,
): Promise<{ labels: Labelled[]; scrolled: Scrolled[] }> {
  const labels: Labelled[] = [];
  let scrolled: Scrolled[] = [];
  for (const [at, size] of sizes.entries()) {
    const before = await heap(session);
    const { page, milliseconds } = await openPage(editor, files[at]!, "Plumb: Label Examples", ".facts .id");
    const keys = await pressKeys(editor, page, presses);
    console.error(
      `${size} examples: ${milliseconds.toFixed()} ms to open, ${median([...keys]).toFixed()} ms a key`,
    );
    const grown = (await heap(session)) - before;
    labels.push({ size, opening: milliseconds, keys, heap: grown, host: extensionHost() });
    if (at === sizes.length - 1) scrolled = await scroll(page, scrolling, size);
    await closeTabs(editor);
  }
  return { labels, scrolled };
}

/** A run's page after so many steps, bytes. */
interface Weighed {
  readonly steps: number;
  readonly heap: number;
  readonly host: number;
}

/** A run of a tiny model, whose steps are quick, with its page on show. */
async function weighRun(
  editor: Editor,
  session: CDPSession,
  file: string,
  steps: readonly number[],
): Promise<Weighed[]> {
  const before = await heap(session);
  const page = await startLongRun(editor, path.basename(file));
  const weighed: Weighed[] = [];
  for (const wanted of steps) {
    while ((await stepOf(page)) < wanted) await editor.page.waitForTimeout(100);
    weighed.push({ steps: wanted, heap: (await heap(session)) - before, host: extensionHost() });
    console.error(`run: step ${wanted}`);
  }
  await cancelRun(editor, page);
  return weighed;
}

/** Keys in the label editor while a run of the default model works. */
async function pressKeysBesideRun(
  editor: Editor,
  { run, labels }: { run: string; labels: string },
  presses: number,
): Promise<number[]> {
  const page = await startLongRun(editor, path.basename(run), RUN_BEGINS);
  const before = await stepOf(page);
  const opened = await openPage(editor, labels, "Plumb: Label Examples", ".facts .id");
  const keys = await pressKeys(editor, opened.page, presses);
  await save(editor);
  await editor.run("Plumb: Show Run");
  const shown = await editor.frame(".course .stand");
  const step = await stepOf(shown);
  if (step <= before) throw new Error(`The run stood still at step ${step} while keys were timed.`);
  console.error(`beside a run, step ${before} to ${step}: ${median([...keys]).toFixed()} ms a key`);
  await cancelRun(editor, shown);
  return keys;
}

interface Figures {
  readonly activation: readonly number[];
  readonly labels: readonly Labelled[];
  /** In the list of the larger task. */
  readonly scrolled: readonly Scrolled[];
  /** In the smaller task, while a run works. */
  readonly beside: readonly number[];
  readonly pages: readonly { readonly name: string; readonly heap: number }[];
  readonly run: readonly Weighed[];
  readonly host: number;
}

async function measure(folder: string, amounts: Amounts): Promise<Figures> {
  const workspace = path.join(folder, "workspace");
  const extension = path.join(folder, "extensions", "plumb.plumb-0.1.0");
  // As it is shipped; behind it the usual bundles again.
  await bundle({ shipped: true });
  await stageExtension(extension);
  await bundle();
  mkdirSync(workspace);
  const files = amounts.sizes.map((size) => writeTask(workspace, `texts-${size}`, examples(size)));
  const split = (part: "train" | "test") =>
    examples(part === "train" ? 400 : 100).map((row) => ({
      ...row,
      id: `${part}-${row.id}`,
      label: row.label ?? "guilt",
      split: part,
    }));
  const parts = { train: split("train"), test: split("test") };
  const judged = writeTask(workspace, "judged", [...parts.train, ...parts.test]);
  const scores = ({ label }: Example) =>
    ["pressure", "guilt", "fear", "none"].map((name) => (name === label ? 0.7 : 0.1));
  await writeFinishedRun(judged, task("judged"), parts, scores);
  await writeFinishedRun(judged, task("judged"), parts, scores, { id: "second" });
  copyFileSync(path.resolve(__dirname, "../test/fixtures/tiny.gguf"), path.join(workspace, "tiny.gguf"));
  // A text that stands in both parts stops a run.
  const tuned = examples(400).map((row, at) => ({
    ...row,
    label: row.label ?? (at % 4 === 0 ? "guilt" : "pressure"),
  }));
  const quick = writeTask(workspace, "quick", tuned, { baseModel: "tiny.gguf" });
  const slow = writeTask(workspace, "slow", tuned);
  const lines = parts.train.map(({ text, label }) => `${text},${label}\n`);
  writeFileSync(path.join(workspace, "table.csv"), `text,label\n${lines.join("")}`);
  const editor = await Editor.open({ programs: await vscodeHost(), workspace, extension });
  try {
    const session = await editor.page.context().newCDPSession(editor.page);
    const began = await activations(editor, judged, amounts.starts);
    console.error(`activation: ${began.join(", ")} ms`);
    await closeTabs(editor);
    const host = extensionHost();
    const { labels, scrolled } = await measureLabels(editor, session, files, amounts);
    const pages = [];
    for (const [name, file, title, shown, picked] of [
      ["new task", judged, "Plumb: New Task", ".summary", "table.csv"],
      ["plan of a run", quick, "Plumb: Tune Adapter", "button[data-action=tune]"],
      ["report", judged, "Plumb: Open Report", "#classes", "F1"],
      ["comparison of two runs", judged, "Plumb: Compare Runs", "h1"],
    ] as const) {
      const before = await heap(session);
      await openPage(editor, file, title, shown, picked);
      pages.push({ name, heap: (await heap(session)) - before });
      await closeTabs(editor);
    }
    const run = await weighRun(editor, session, quick, amounts.steps);
    const beside = await pressKeysBesideRun(editor, { run: slow, labels: files[0]! }, amounts.presses);
    return { activation: began, labels, scrolled, beside, pages, run, host };
  } catch (error) {
    const picture = path.resolve(__dirname, "../build/pictures/bench-failed.png");
    await editor.page.screenshot({ path: picture });
    console.error(`What the editor showed: ${picture}`);
    throw error;
  } finally {
    await editor.close();
  }
}

const milliseconds = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
const quantile = (values: readonly number[], share: number) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))] ?? NaN;

/** Median, 95 of 100, worst. */
const spread = (values: readonly number[]) =>
  `${milliseconds(median([...values]))} (${milliseconds(quantile(values, 0.95))}; ${milliseconds(Math.max(...values))})`;

function render({ activation: began, labels, scrolled, beside, pages, run, host }: Figures): string {
  const load = os.loadavg().map((value) => value.toFixed(1));
  const cpu = os.cpus()[0]?.model.trim() ?? "unknown processor";
  const rows = [
    [
      `activation of the extension, median (worst) of ${began.length} windows`,
      `${milliseconds(median([...began]))} (${milliseconds(Math.max(...began))})`,
    ],
    ...labels.flatMap(({ size, opening, keys }) => [
      [`${size.toLocaleString("en-US")} examples: label editor opened`, `${(opening / 1000).toFixed(1)} s`],
      [
        `${size.toLocaleString("en-US")} examples: key to next text painted, median (95 of 100; worst) of ${keys.length}`,
        spread(keys),
      ],
    ]),
    [
      `${labels[0]!.size.toLocaleString("en-US")} examples, while a run of the default model works: the same`,
      spread(beside),
    ],
    ...scrolled.flatMap(({ rowsPerSecond, frames, seen, undrawn, untold }) => {
      const where = `${labels.at(-1)!.size.toLocaleString("en-US")} examples, list scrolled by ${rowsPerSecond.toLocaleString("en-US")} rows a second`;
      const share = (count: number) => `${((100 * count) / seen).toFixed(1)} %`;
      return [
        [`${where}: frame to frame, median (95 of 100; worst) of ${frames.length}`, spread(frames)],
        [
          `${where}: rows in view not drawn yet; drawn, without their text`,
          `${share(undrawn)}; ${share(untold)}`,
        ],
      ];
    }),
    ...labels.map(({ size, heap: bytes }) => [
      `memory of the label editor's page, ${size.toLocaleString("en-US")} examples`,
      megabytes(bytes),
    ]),
    ...pages.map(({ name, heap: bytes }) => [`memory of the page: ${name}`, megabytes(bytes)]),
    ...run.map(({ steps, heap: bytes }) => [
      `memory of the page: run on show, after ${steps.toLocaleString("en-US")} steps`,
      megabytes(bytes),
    ]),
    ["extension host with nothing open", megabytes(host)],
    ...labels.map(({ size, host: bytes }) => [
      `extension host with ${size.toLocaleString("en-US")} examples open`,
      megabytes(bytes),
    ]),
    ...run.map(({ steps, host: bytes }) => [
      `extension host after ${steps.toLocaleString("en-US")} steps of a run`,
      megabytes(bytes),
    ]),
  ];
  const when = new Date().toISOString().slice(0, 10);
  const where = `Measured on ${when} on ${cpu}, ${os.availableParallelism()} threads, load at the end ${load.join(" ")}.`;
  return `${where}\n\n${table(["the extension in VS Code", "figure"], rows)}`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { print: { type: "boolean", default: false }, small: { type: "boolean", default: false } },
  });
  const folder = mkdtempSync(path.join(os.tmpdir(), "plumb-bench-extension-"));
  try {
    const text = render(await measure(folder, values.small ? SMALL : FULL));
    console.log(text);
    if (!values.print && !values.small) writeBetween(PAGE, "extension", text);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

void main();
