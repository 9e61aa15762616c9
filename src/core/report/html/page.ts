import { createHash } from "node:crypto";
import type { JudgedTexts } from "../../runs/judged-texts";
import type { Report } from "../../schema";
import { languageFor, type Language } from "../language";
import type { Unseen } from "../unseen";
import { figureName } from "./headline";
import { markup, Markup } from "./markup";
import { SCRIPT } from "./script";
import { sections, type Section } from "./sections";
import { STYLE } from "./style";

const hash = (source: string): string => `'sha256-${createHash("sha256").update(source).digest("base64")}'`;

/** To the byte what the policy's hash was taken of. */
const element = (name: "style" | "script", source: string): Markup =>
  new Markup(`<${name}>${source}</${name}>`);

/** Nothing is loaded from anywhere; only this page's own style and script run. */
const POLICY = `default-src 'none'; style-src ${hash(STYLE)}; script-src ${hash(SCRIPT)}; base-uri 'none'; form-action 'none'`;

export interface PageOptions {
  /** The texts behind the ids; where one is missing, or was changed, the page shows its id. */
  readonly texts?: JudgedTexts;
  /** What the run says of texts outside the test part. */
  readonly unseen?: Unseen | null;
  /** Of the reader, as editors name it; English by default. */
  readonly language?: string;
}

/**
 * The report as one page that needs nothing else: readable offline, on paper, by keyboard and by a screen reader, light or
 * dark as the reader's system is.
 */
export function renderReport(report: Report, options: PageOptions = {}): string {
  const { task, run, data } = report;
  const language = languageFor(options.language ?? "en");
  const figure = report.classification?.macroF1.value ?? report.generation?.rougeL.value ?? null;
  const parts = sections({
    report,
    texts: options.texts ?? new Map(),
    unseen: options.unseen ?? null,
    language,
  });
  const header = markup`<p class="facts">
    ${language.t("{0} on {1}", run.method, run.baseModel)} ·
    ${language.counted(data.train, "training text")}, ${language.counted(data.test, "test text")} ·
    ${timeOf(run.startedAt)}
  </p>`;
  return wholePage({
    language,
    title: `${task.name}: ${figureName(task.kind, language)} ${language.decimals(figure)}`,
    name: task.name,
    header,
    parts,
  });
}

/** A time that the page's script tells in the reader's time zone. */
export const timeOf = (at: string): Markup =>
  markup`<time datetime="${at}">${at.slice(0, 16).replace("T", " ")} UTC</time>`;

/** Parts under a heading, with contents, as a whole page. */
export function wholePage(page: {
  readonly language: Language;
  /** Of the document. */
  readonly title: string;
  /** Of the page itself. */
  readonly name: string;
  readonly header: Markup;
  readonly parts: readonly Section[];
}): string {
  const { language, title, name, header, parts } = page;
  return markup`<!doctype html>
    <html lang="${language.tag}">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <title>${title}</title>
        ${element("style", STYLE)}
      </head>
      <body>
        <main>
          <header>
            <h1 dir="auto">${name}</h1>
            ${header}
          </header>
          <nav aria-label="${language.t("Contents")}">
            <ul>
              ${parts.map(({ id, short }) => markup`<li><a href="#${id}">${short}</a></li>`)}
            </ul>
          </nav>
          ${parts.map(
            ({ id, title: heading, body }) =>
              markup`<section id="${id}" aria-labelledby="${id}-title">
                <h2 id="${id}-title">${heading}</h2>
                ${body}
              </section> `,
          )}
        </main>
        ${element("script", SCRIPT)}
      </body>
    </html> `.source;
}
