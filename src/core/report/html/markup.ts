/** Text that is markup already. Everything else is escaped where it enters a page. */
export class Markup {
  constructor(readonly source: string) {}
}

type Part = string | number | Markup | null | false | readonly Part[];

/** Template tag for HTML and SVG: what is filled in is escaped unless it is markup itself; `null` and `false` vanish. */
export function markup(strings: TemplateStringsArray, ...parts: Part[]): Markup {
  return new Markup(strings.reduce((page, string, index) => page + sourceOf(parts[index - 1]!) + string));
}

function sourceOf(part: Part): string {
  if (part === null || part === false) return "";
  if (part instanceof Markup) return part.source;
  if (typeof part === "object") return part.map(sourceOf).join("");
  return escape(String(part));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Escaped for element content and quoted attributes. Control characters that no page may hold become U+FFFD. */
function escape(text: string): string {
  return text
    .replace(/[&<>"']/gu, (character) => ENTITIES[character]!)
    .replace(/[^\P{Cc}\t\n\r]/gu, "\ufffd");
}
