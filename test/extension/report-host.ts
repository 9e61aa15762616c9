import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { reportSigns, rowsBehind, thresholdsOf, type Report } from "../../src/core/report";
import type { JudgedTexts } from "../../src/core/runs/judged-texts";
import { panelPage } from "../../src/host/panel-page";
import { ReportMessage } from "../../src/host/report/messages";
import type { FromReport, ToReport } from "../../src/protocol";
import { reportWords } from "../label-words";
import { THEMES } from "./themes";

const dist = path.resolve(__dirname, "../../dist/webview");
const origin = "http://report.test";

const EDITOR_API =
  "window.acquireVsCodeApi = () => ({ postMessage: (message) => window.tellHost(message) });";

export interface ReportHostOptions {
  /** The page as it is rendered for a file. */
  readonly html: string;
  readonly report: Report;
  readonly texts?: JudgedTexts;
  readonly page?: "report" | "comparison";
  readonly notice?: string;
  readonly language?: "en" | "ru";
  readonly theme?: keyof typeof THEMES;
  readonly size?: { readonly width: number; readonly height: number };
  /** Answers a text that is tried. */
  readonly tried?: (text: string) => ToReport;
}

/** A report's panel in a plain browser. */
export class ReportHost {
  /** What the page has said, in order. */
  readonly said: FromReport[] = [];
  readonly errors: string[] = [];

  private constructor(readonly page: Page) {}

  static async open(browser: Browser, options: ReportHostOptions): Promise<ReportHost> {
    const page = await browser.newPage({ viewport: options.size ?? { width: 1100, height: 900 } });
    page.setDefaultTimeout(10_000);
    const host = new ReportHost(page);
    page.on("pageerror", (error) => host.errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") host.errors.push(message.text());
    });
    await page.exposeFunction("tellHost", (message: unknown) =>
      host.take(ReportMessage.parse(message), options),
    );
    await page.addInitScript({ content: EDITOR_API });
    await page.route(`${origin}/**`, async (route) => {
      const name = new URL(route.request().url()).pathname.slice(1);
      if (name.includes(".")) return route.fulfill({ path: path.join(dist, name) });
      const body = panelPage(options.html, {
        ...{ nonce: "0123456789abcdef", source: origin },
        ...{ script: `${origin}/report.js`, style: `${origin}/report.css` },
      });
      return route.fulfill({ contentType: "text/html; charset=utf-8", body });
    });
    await page.goto(`${origin}/page`);
    await host.wear(options.theme ?? "dark");
    await page.locator(".panel-tools").waitFor();
    return host;
  }

  /** Sets a theme, as the editor does when its user chooses another. */
  async wear(name: keyof typeof THEMES): Promise<void> {
    const theme = THEMES[name];
    await this.page.evaluate(
      `document.documentElement.style.cssText = ${JSON.stringify(theme.css)};
       document.body.className = ${JSON.stringify(theme.classes)};`,
    );
  }

  async post(message: ToReport): Promise<void> {
    await this.page.evaluate(`window.postMessage(${JSON.stringify(message)})`);
  }

  private async take(message: FromReport, options: ReportHostOptions): Promise<void> {
    this.said.push(message);
    const { report, language = "en" } = options;
    if (message.type === "ready") {
      await this.post({
        type: "opened",
        page: options.page ?? "report",
        words: reportWords(language),
        locale: language,
        kind: report.task.kind,
        labels: report.task.labels,
        signs: reportSigns(report.task),
        thresholds: thresholdsOf(report)?.map(({ value }) => value) ?? null,
        notice: options.notice ?? null,
      });
    } else if (message.type === "texts") {
      const rows = rowsBehind(report.rows, report.task.labels, message.cell);
      await this.post({
        type: "texts",
        ask: message.ask,
        rows: rows.map(({ id, truth, predicted, probabilities }) => ({
          ...{ id, truth, predicted, probabilities },
          text: options.texts?.get(id) ?? null,
          changed: options.texts?.get(id) === null,
        })),
        more: 0,
      });
    } else if (message.type === "try" && options.tried !== undefined) {
      await this.post(options.tried(message.text));
    }
  }
}
