/** The label editor's page: its own style and script, and nothing else. What it shows comes as messages, and as text. */
export function labelPage(options: {
  readonly script: string;
  readonly style: string;
  /** Where the style may come from. */
  readonly source: string;
  readonly nonce: string;
  /** Language of its words. */
  readonly language: string;
  readonly title: string;
}): string {
  const { script, style, source, nonce, language, title } = options;
  const policy = `default-src 'none'; style-src ${source}; script-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="${escaped(language)}">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width" />
<meta http-equiv="Content-Security-Policy" content="${escaped(policy)}" />
<title>${escaped(title)}</title>
<link rel="stylesheet" href="${escaped(style)}" />
</head>
<body>
<div id="page"></div>
<script nonce="${nonce}" src="${escaped(script)}"></script>
</body>
</html>`;
}

function escaped(text: string): string {
  return text.replace(
    /[&<>"]/g,
    (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[character] ?? "&quot;",
  );
}
