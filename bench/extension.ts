/**
 * Measures the extension in a real VS Code (code-server, its extension host and a Chromium) and writes the table of
 * docs/performance.md: `npx tsx bench/extension.ts`, behind `npm run build`. Takes some minutes; `--print` writes nothing.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
import { writeFinishedRun } from "../test/finished-run";
import { median } from "./lib/batches";
import { table, writeBetween } from "./lib/page";

const PAGE = path.resolve(__dirname, "../docs/performance.md");
const SIZES = [10_000, 100_000] as const;
/** Key presses that are timed, after some that are not. */
const PRESSES = 60;
const WARM_UP = 5;
/** Windows in which the start is timed. */
const STARTS = 5;

const WORDS =
  "last only buy now library opens nine your friends already door quiet river never miss again tomorrow";

function task(name: string): Task {
  const labels = ["pressure", "guilt", "fear", "none"].map((label) => ({ name: label }));
  return { version: 1, name, kind: "single", labels, examples: `${name}.jsonl` };
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

function writeTask(folder: string, name: string, rows: readonly Example[]): string {
  const file = path.join(folder, `${name}.plumb.json`);
  writeFileSync(file, JSON.stringify(task(name)));
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

async function pressKeys(editor: Editor, page: FrameLocator): Promise<number[]> {
  await page.locator("body").evaluate(TIMER);
  await page.locator(".card").focus();
  for (let at = 0; at < PRESSES + WARM_UP; at++) {
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
async function activations(editor: Editor, file: string): Promise<number[]> {
  await editor.openFile(path.basename(file));
  // The list is sorted by these times and keeps only the rows on the screen.
  const size = editor.page.viewportSize()!;
  await editor.page.setViewportSize({ ...size, height: 5000 });
  const times: number[] = [];
  for (let at = 0; at < STARTS; at++) {
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

async function closeTabs(editor: Editor): Promise<void> {
  if ((await editor.page.locator(".tab.dirty").count()) > 0) await editor.page.keyboard.press("Control+S");
  await editor.page.locator(".tab.dirty").first().waitFor({ state: "detached", timeout: 60_000 });
  await editor.run("View: Close All Editors");
  await editor.page.locator(".tab").first().waitFor({ state: "detached" });
}

interface Figures {
  readonly activation: readonly number[];
  readonly labels: readonly {
    readonly size: number;
    readonly opening: number;
    readonly keys: readonly number[];
    readonly heap: number;
    readonly host: number;
  }[];
  readonly pages: readonly { readonly name: string; readonly heap: number }[];
  readonly host: number;
}

async function measure(folder: string): Promise<Figures> {
  const workspace = path.join(folder, "workspace");
  const extension = path.join(folder, "extensions", "plumb.plumb-0.1.0");
  // As it is shipped; behind it the usual bundles again.
  await bundle({ shipped: true });
  await stageExtension(extension);
  await bundle();
  mkdirSync(workspace);
  const files = SIZES.map((size) => writeTask(workspace, `texts-${size}`, examples(size)));
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
  const lines = parts.train.map(({ text, label }) => `${text},${label}\n`);
  writeFileSync(path.join(workspace, "table.csv"), `text,label\n${lines.join("")}`);
  const editor = await Editor.open({ programs: await vscodeHost(), workspace, extension });
  try {
    const session = await editor.page.context().newCDPSession(editor.page);
    const began = await activations(editor, judged);
    console.error(`activation: ${began.join(", ")} ms`);
    await closeTabs(editor);
    const host = extensionHost();
    const labels = [];
    for (const [at, size] of SIZES.entries()) {
      const before = await heap(session);
      const { page, milliseconds } = await openPage(
        editor,
        files[at]!,
        "Plumb: Label Examples",
        ".facts .id",
      );
      const keys = await pressKeys(editor, page);
      console.error(
        `${size} examples: ${milliseconds.toFixed()} ms to open, ${median([...keys]).toFixed()} ms a key`,
      );
      labels.push({
        size,
        opening: milliseconds,
        keys,
        heap: (await heap(session)) - before,
        host: extensionHost(),
      });
      await closeTabs(editor);
    }
    const pages = [];
    for (const [name, title, shown, picked] of [
      ["new task", "Plumb: New Task", ".summary", "table.csv"],
      ["plan of a run", "Plumb: Tune Adapter", "h1"],
      ["report", "Plumb: Open Report", "#classes", "F1"],
      ["comparison of two runs", "Plumb: Compare Runs", "h1"],
    ] as const) {
      const before = await heap(session);
      await openPage(editor, judged, title, shown, picked);
      pages.push({ name, heap: (await heap(session)) - before });
      await closeTabs(editor);
    }
    return { activation: began, labels, pages, host };
  } finally {
    await editor.close();
  }
}

const milliseconds = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
const quantile = (values: readonly number[], share: number) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))] ?? NaN;

function render({ activation: began, labels, pages, host }: Figures): string {
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
        `${milliseconds(median([...keys]))} (${milliseconds(quantile(keys, 0.95))}; ${milliseconds(Math.max(...keys))})`,
      ],
    ]),
    ...labels.map(({ size, heap: bytes }) => [
      `memory of the label editor's page, ${size.toLocaleString("en-US")} examples`,
      megabytes(bytes),
    ]),
    ...pages.map(({ name, heap: bytes }) => [`memory of the page: ${name}`, megabytes(bytes)]),
    ["extension host with nothing open", megabytes(host)],
    ...labels.map(({ size, host: bytes }) => [
      `extension host with ${size.toLocaleString("en-US")} examples open`,
      megabytes(bytes),
    ]),
  ];
  const when = new Date().toISOString().slice(0, 10);
  const where = `Measured on ${when} on ${cpu}, ${os.availableParallelism()} threads, load at the end ${load.join(" ")}.`;
  return `${where}\n\n${table(["the extension in VS Code", "figure"], rows)}`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { print: { type: "boolean", default: false } } });
  const folder = mkdtempSync(path.join(os.tmpdir(), "plumb-bench-extension-"));
  try {
    const text = render(await measure(folder));
    console.log(text);
    if (!values.print) writeBetween(PAGE, "extension", text);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

void main();
