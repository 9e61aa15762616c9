export interface PanelParts {
  readonly nonce: string;
  readonly script: string;
  readonly style: string;
  /** Where the style may come from. */
  readonly source: string;
}

/**
 * A report's page for a panel: the page as it is, whose policy lets nothing run but its own style and script, with the
 * panel's script let in by a nonce, its style by where it lies, and pictures that the page has drawn itself. Throws where
 * the page has no policy to add to.
 */
export function panelPage(html: string, { nonce, script, style, source }: PanelParts): string {
  const page = html
    .replace(/(<meta http-equiv="Content-Security-Policy" content="[^"]*?script-src )/, `$1'nonce-${nonce}' `)
    .replace(
      /(<meta http-equiv="Content-Security-Policy" content="[^"]*?)style-src /,
      `$1img-src data:; style-src ${source} `,
    )
    .replace("</head>", `<link rel="stylesheet" href="${style}" /></head>`)
    .replace(/<\/body>(?![^]*<\/body>)/, `<script nonce="${nonce}" src="${script}"></script></body>`);
  if (page.split(nonce).length !== 3) throw new Error("The report's page has no script policy or no body.");
  return page;
}
