/**
 * A report's page for a panel: nothing loads but the panel's own script, and only marked styles and scripts run. The
 * page's own colours give way to those of the editor.
 */
export function panelPage(html: string, { nonce, script }: { nonce: string; script: string }): string {
  const policy = [
    "default-src 'none'",
    "img-src data:",
    `style-src 'nonce-${nonce}'`,
    "style-src-attr 'unsafe-inline'", // widths and places in pictures
    `script-src 'nonce-${nonce}'`,
  ].join("; ");
  const head =
    `<meta http-equiv="Content-Security-Policy" content="${policy}">` +
    `<style nonce="${nonce}">${EDITOR_COLOURS}</style>`;
  return html
    .replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/i, "")
    .replace(/<(style|script)(?=[\s>])/gi, `<$1 nonce="${nonce}"`)
    .replace("</head>", () => `${head}</head>`)
    .replace("</body>", () => `<script nonce="${nonce}" src="${script}"></script></body>`);
}

const EDITOR_COLOURS = "";
