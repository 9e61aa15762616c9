/**
 * A report's page for a panel: the page as it is, whose policy lets nothing run but its own style and script, with the
 * panel's script let in by a nonce. Throws where the page has no policy to add to.
 */
export function panelPage(html: string, { nonce, script }: { nonce: string; script: string }): string {
  const page = html
    .replace(/(<meta http-equiv="Content-Security-Policy" content="[^"]*?script-src )/, `$1'nonce-${nonce}' `)
    .replace(/<\/body>(?![^]*<\/body>)/, `<script nonce="${nonce}" src="${script}"></script></body>`);
  if (page.split(nonce).length !== 3) throw new Error("The report's page has no script policy or no body.");
  return page;
}
