import { createHash } from "node:crypto";
import type { Report } from "../../schema";
import { counted, decimals } from "../format";
import { mainFigure } from "../verdict";
import { markup, Markup } from "./markup";
import { SCRIPT } from "./script";
import { sections } from "./sections";
import { STYLE } from "./style";

const hash = (source: string): string => `'sha256-${createHash("sha256").update(source).digest("base64")}'`;

/** To the byte what the policy's hash was taken of. */
const element = (name: "style" | "script", source: string): Markup =>
  new Markup(`<${name}>${source}</${name}>`);

/** Nothing is loaded from anywhere; only this page's own style and script run. */
const POLICY = `default-src 'none'; style-src ${hash(STYLE)}; script-src ${hash(SCRIPT)}; base-uri 'none'; form-action 'none'`;

/**
 * The report as one page that needs nothing else: readable offline, on paper, by keyboard and by a screen reader, light or
 * dark as the reader's system is.
 * @param options.texts the texts behind the ids; where one is missing the page shows its id
 */
export function renderReport(report: Report, options: { texts?: ReadonlyMap<string, string> } = {}): string {
  const { task, run, data } = report;
  const figure = report.classification?.macroF1.value ?? report.generation?.rougeL.value ?? null;
  const parts = sections(report, options.texts ?? new Map());
  const page = markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <title>${task.name}: ${mainFigure(task.kind)} ${decimals(figure)}</title>
        ${element("style", STYLE)}
      </head>
      <body>
        <main>
          <header>
            <h1 dir="auto">${task.name}</h1>
            <p class="facts">
              ${run.method} on ${run.baseModel} · ${counted(data.train, "training text")},
              ${counted(data.test, "test text")} ·
              <time datetime="${run.startedAt}">${run.startedAt.slice(0, 16).replace("T", " ")} UTC</time>
            </p>
          </header>
          <nav aria-label="Contents">
            <ul>
              ${parts.map(({ id, short }) => markup`<li><a href="#${id}">${short}</a></li>`)}
            </ul>
          </nav>
          ${parts.map(
            ({ id, title, body }) =>
              markup`<section id="${id}" aria-labelledby="${id}-title">
                <h2 id="${id}-title">${title}</h2>
                ${body}
              </section> `,
          )}
        </main>
        ${element("script", SCRIPT)}
      </body>
    </html> `;
  return page.source;
}
