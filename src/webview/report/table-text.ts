/** A table as rows of texts, its head first. */
export type Grid = readonly (readonly string[])[];

/** As a table of GitHub's Markdown: what would end a cell is escaped. */
export function markdownOf([head = [], ...rows]: Grid): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |\n`;
  const cell = (text: string) => text.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replace(/\s+/g, " ");
  const rule = head.map((_, at) => (at === 0 ? ":--" : "--:"));
  return [line(head), `| ${rule.join(" | ")} |\n`, ...rows.map(line)].join("");
}

/** As comma-separated values (RFC 4180): quoted where it is needed. */
export function csvOf(rows: Grid): string {
  const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** What a table on a page says, without its pictures and buttons; a column of pictures alone is left out. */
export function gridOf(table: HTMLTableElement): Grid {
  const rows = [...table.rows].filter((row) => row.cells.length > 0);
  return rows.map((row) =>
    [...row.cells].filter((cell) => !cell.classList.contains("picture")).map((cell) => textOf(cell)),
  );
}

function textOf(cell: HTMLElement): string {
  const parts: string[] = [];
  for (const node of cell.childNodes) {
    const text = (node.textContent ?? "").replace(/\s+/g, " ").trim();
    if (text === "" || (node instanceof Element && node.getAttribute("aria-hidden") === "true")) continue;
    // What stands below a figure, in small type, is its interval or a remark.
    parts.push(node instanceof Element && node.classList.contains("sub") ? `(${text})` : text);
  }
  return parts.join(" ");
}
