import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { Desk, type DeskOptions } from "../../src/host/label/desk";
import { labelPage } from "../../src/host/label/page";
import { LabelMessage } from "../../src/host/label/messages";
import { presentTask } from "../../src/host/label/present";
import type { Task } from "../../src/core/schema";
import type { FromLabel, ToLabel } from "../../src/protocol";
import { labelWords } from "../label-words";

const dist = path.resolve(__dirname, "../../dist/webview");
const origin = "http://label.test";

/** What VS Code gives to a page. Its state outlives the page. */
const EDITOR_API = `
  window.acquireVsCodeApi = () => ({
    postMessage: (message) => window.tellHost(message),
    getState: () => JSON.parse(sessionStorage.getItem("state")) ?? undefined,
    setState: (next) => sessionStorage.setItem("state", JSON.stringify(next)),
  });`;

export interface LabelHostOptions extends Partial<DeskOptions> {
  readonly task: Task;
  readonly lines: readonly string[];
  readonly language?: "en" | "ru";
  readonly locked?: string;
  /** Variables of a theme as VS Code sets them on a page, and the classes of its body. */
  readonly theme?: { readonly css: string; readonly classes: string };
  readonly size?: { readonly width: number; readonly height: number };
}

/** The label editor's page in a plain browser, with a document of lines in place of VS Code's. */
export class LabelHost {
  /** What the page has said, in order. */
  readonly said: FromLabel[] = [];
  readonly errors: string[] = [];
  /** Whether edits are heard and not taken, as by an extension that has ended. */
  deaf = false;

  private constructor(
    readonly page: Page,
    readonly lines: string[],
    private readonly desk: Desk,
    private readonly options: LabelHostOptions,
  ) {}

  static async open(browser: Browser, options: LabelHostOptions): Promise<LabelHost> {
    const { task, language = "en", theme } = options;
    const page = await browser.newPage({ viewport: options.size ?? { width: 1180, height: 780 } });
    page.setDefaultTimeout(10_000);
    const lines = [...options.lines];
    const document = {
      get lineCount() {
        return lines.length;
      },
      lineAt: (line: number) => lines[line] ?? "",
    };
    const desk = new Desk(document, {
      task,
      part: options.part ?? null,
      latest: options.latest ?? null,
      folded: options.folded ?? null,
      ...(options.held === undefined ? {} : { held: options.held }),
      seed: options.seed ?? 1,
    });
    const host = new LabelHost(page, lines, desk, options);
    page.on("pageerror", (error) => host.errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") host.errors.push(message.text());
    });
    await page.exposeFunction("tellHost", (message: unknown) => host.take(LabelMessage.parse(message)));
    await page.addInitScript({ content: EDITOR_API });
    await page.route(`${origin}/**`, async (route) => {
      const name = new URL(route.request().url()).pathname.slice(1);
      if (name.includes(".")) return route.fulfill({ path: path.join(dist, name) });
      const html = labelPage({
        ...{ script: `${origin}/label.js`, style: `${origin}/label.css`, source: origin },
        ...{ nonce: "0123456789abcdef", language, title: "messages.jsonl" },
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
    await page.locator(".facts span").first().waitFor();
    return host;
  }

  async post(message: ToLabel): Promise<void> {
    await this.page.evaluate(`window.postMessage(${JSON.stringify(message)})`);
  }

  /** Tells the page what it is to show, as at its start and whenever the task has changed. */
  open(): Promise<void> {
    const { task, language, locked, latest, folded, held } = this.options;
    return this.post({
      type: "opened",
      task: presentTask(task),
      words: labelWords(language ?? "en"),
      locale: language ?? "en",
      suggest: false,
      run: (latest ?? null) !== null,
      held: (held?.size ?? 0) > 0,
      folds: (folded ?? null) !== null,
      fixed: this.desk.fixed,
      notice: null,
      locked: locked ?? null,
    });
  }

  private async take(message: FromLabel) {
    this.said.push(message);
    const { task } = this.options;
    switch (message.type) {
      case "ready":
        return this.open();
      case "arrange":
        return this.post(this.desk.choose(message.view, message.keep));
      case "at":
        this.desk.moveTo(message.line);
        return this.post(this.desk.tell([message.line, ...message.ahead], true));
      case "rows":
        return this.post(this.desk.tell(message.lines, false));
      case "jump":
        return this.post(this.desk.jump(message.to));
      case "remove":
      case "remove-broken": {
        const wanted = this.desk.edit(message);
        if (wanted === null || wanted === "gone") return;
        const { line, to, edit } = wanted;
        this.lines.splice(line, to - line + 1, (this.lines[to] ?? "").slice(edit.end));
        await this.post(this.desk.changed([{ first: line, last: to, count: 1 }], false));
        return this.post({ type: "removed", broken: message.type === "remove-broken" });
      }
      case "answer":
      case "skip":
      case "note": {
        if (this.deaf) return;
        // As slow as a real one may be.
        await new Promise((resolve) => setTimeout(resolve, 30));
        const wanted = this.desk.edit(message);
        if (wanted !== null && wanted !== "gone") {
          const { line, edit } = wanted;
          const before = this.lines[line]!;
          this.lines[line] = before.slice(0, edit.start) + edit.text + before.slice(edit.end);
          await this.post(this.desk.changed([{ first: line, last: line, count: 1 }], false));
        }
        return this.post({ type: "done", edit: message.edit });
      }
      case "suggest": {
        const held = this.desk.held(message.line, message.id);
        if (held !== null) return this.post({ type: "suggestion", line: message.line, suggestion: held });
        const asked = this.desk.askable(message.line, message.id);
        if (asked === null) return;
        const labels = (task.labels ?? []).map(({ name }, at) => ({
          label: name,
          probability: at === 1 ? 0.7 : 0.05,
        }));
        labels.sort((a, b) => b.probability - a.probability);
        const suggestion =
          "refusal" in asked ? asked.refusal : this.desk.suggestion({ labels, output: null });
        return this.post({ type: "suggestion", line: message.line, suggestion });
      }
      default:
        return;
    }
  }
}
