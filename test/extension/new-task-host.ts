import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { PlumbError } from "../../src/core/errors";
import { inspect, prepareTask, surveyTask, writePrepared, type ReadChoices } from "../../src/core/import";
import { draftOf, newTaskOf, withReading, type TaskDraft } from "../../src/core/import/draft";
import { freeBase } from "../../src/core/import/write";
import { labelPage } from "../../src/host/label/page";
import { concernsRows, edited, readAgain } from "../../src/host/new-task/edits";
import { NewTaskMessage } from "../../src/host/new-task/messages";
import { readingOf, viewOf, type Beside } from "../../src/host/new-task/present";
import type { FromNewTask, NewTaskWords, ToNewTask } from "../../src/new-task-protocol";
import { wordsOf } from "../label-words";

const dist = path.resolve(__dirname, "../../dist/webview");
const origin = "http://new-task.test";

/** What VS Code gives to a page. */
const EDITOR_API = `window.acquireVsCodeApi = () => ({ postMessage: (message) => window.tellHost(message) });`;

export interface NewTaskHostOptions {
  readonly file: string;
  readonly language?: "en" | "ru";
  /** Variables of a theme as VS Code sets them on a page, and the classes of its body. */
  readonly theme?: { readonly css: string; readonly classes: string };
  readonly size?: { readonly width: number; readonly height: number };
  /** Nothing is read: the page is told what a test tells it. */
  readonly idle?: boolean;
}

/** The page on which a task is made, in a plain browser, with what the extension does behind it but for its thread. */
export class NewTaskHost {
  /** What the page has said, in order. */
  readonly said: FromNewTask[] = [];
  readonly errors: string[] = [];
  /** Task file that was written. */
  made: string | null = null;
  draft: TaskDraft | null = null;
  private read: ReadChoices = {};
  private beside: Beside = {
    survey: null,
    models: {
      defaultName: "SmolLM2-135M-Instruct.Q4_1",
      defaultHere: true,
      models: ["SmolLM2-135M-Instruct.Q4_1", "SmolLM2-360M-Instruct.Q8_0"].map((name, at) => ({
        ...{ name, aliases: [], path: `/models/${name}.gguf`, source: "Plumb", bytes: 1 },
        ...{ broken: null, unsupported: null, isDefault: at === 0 },
      })),
    },
  };

  private constructor(
    readonly page: Page,
    private readonly options: NewTaskHostOptions,
  ) {}

  static async open(browser: Browser, options: NewTaskHostOptions): Promise<NewTaskHost> {
    const { file, language = "en", theme, size = { width: 1180, height: 860 } } = options;
    const page = await browser.newPage({ viewport: size });
    page.setDefaultTimeout(20_000);
    const host = new NewTaskHost(page, options);
    page.on("pageerror", (error) => host.errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") host.errors.push(message.text());
    });
    await page.exposeFunction("tellHost", (message: unknown) => host.take(NewTaskMessage.parse(message)));
    await page.addInitScript({ content: EDITOR_API });
    await page.route(`${origin}/**`, async (route) => {
      const name = new URL(route.request().url()).pathname.slice(1);
      if (name.includes(".")) return route.fulfill({ path: path.join(dist, name) });
      const html = labelPage({
        ...{ script: `${origin}/new-task.js`, style: `${origin}/new-task.css`, source: origin },
        ...{ nonce: "0123456789abcdef", language, title: path.basename(file) },
      });
      return route.fulfill({ contentType: "text/html; charset=utf-8", body: html });
    });
    await page.goto(`${origin}/page`);
    if (theme !== undefined) {
      await page.evaluate(
        `document.documentElement.style.cssText = ${JSON.stringify(theme.css)};
         document.body.className = ${JSON.stringify(theme.classes)};`,
      );
    }
    await page.locator("h1").waitFor();
    return host;
  }

  async post(message: ToNewTask): Promise<void> {
    await this.page.evaluate(`window.postMessage(${JSON.stringify(message)})`);
  }

  private async take(message: NewTaskMessage): Promise<void> {
    this.said.push(message);
    const { file, language = "en", idle = false } = this.options;
    if (message.type === "ready") {
      const words = wordsOf("new-task/words.ts", language) as NewTaskWords;
      await this.post({ type: "opened", file: path.basename(file), words, locale: language });
    }
    if (idle) return;
    if (message.type === "ready") return this.inspect();
    if (message.type === "read") {
      this.read = readAgain(this.read, message.change);
      return this.inspect();
    }
    if (this.draft === null) return;
    if (message.type === "create") return this.create(message.anyway);
    const next = edited(this.draft, message);
    if (next === null) return;
    this.draft = next;
    if (concernsRows(message)) await this.survey();
    await this.show();
  }

  private async inspect(): Promise<void> {
    const { file } = this.options;
    await this.post({ type: "progress", progress: { phase: "reading", share: 0, rows: 0 } });
    try {
      const found = await inspect(file, this.read);
      const out = await freeBase(file);
      const given = { instruction: "", baseModel: null, testShare: 0.2, out, name: path.basename(out) };
      this.draft =
        this.draft === null ? draftOf(found, this.read, given) : withReading(this.draft, found, this.read);
      await this.survey();
      await this.show();
    } catch (error) {
      if (!(error instanceof PlumbError)) throw error;
      const reading = readingOf(this.draft?.found ?? null, this.read);
      await this.post({ type: "unreadable", message: error.message, reading });
    }
  }

  private async survey(): Promise<void> {
    const task = newTaskOf(this.draft!);
    const survey = task === null ? null : await surveyTask(this.options.file, task).catch(() => null);
    this.beside = { ...this.beside, survey };
  }

  private async create(anyway: boolean): Promise<void> {
    try {
      const prepared = await prepareTask(this.options.file, newTaskOf(this.draft!)!);
      const seen = this.beside.survey?.problemCount ?? 0;
      if (!anyway && prepared.problemCount > seen) {
        await this.post({ type: "unseen" });
        return;
      }
      await writePrepared(prepared);
      this.made = prepared.taskFile;
    } catch (error) {
      if (!(error instanceof PlumbError)) throw error;
      await this.show();
      await this.post({ type: "refused", message: error.message });
    }
  }

  private async show(): Promise<void> {
    await this.post({ type: "shown", view: viewOf(this.draft!, this.beside) });
  }
}
