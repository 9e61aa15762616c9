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
