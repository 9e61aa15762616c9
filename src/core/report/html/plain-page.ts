import { createHash } from "node:crypto";
import { markup, Markup } from "./markup";
import { STYLE } from "./style";

export { markup, type Markup } from "./markup";
export { differenceScale, differenceStrip, path, plot, roundAxis, type Axis } from "./pictures";

const POLICY = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; base-uri 'none'; form-action 'none'`;

/** A page without a script that loads nothing from anywhere, in the style of the report. */
export function bareDocument(title: string, parts: readonly Markup[]): string {
  return markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <title>${title}</title>
        ${new Markup(`<style>${STYLE}</style>`)}
      </head>
      <body>
        <main>
          <header class="plain"><h1 dir="auto">${title}</h1></header>
          ${parts}
        </main>
      </body>
    </html> `.source;
}
