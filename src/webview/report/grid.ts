import type { Grid } from "./table-text";

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
