import { element } from "../label/dom";
import { sortedPlaces } from "./sort";
import type { Words } from "./words";

/**
 * Makes the heads of a table's columns sort its rows. Tables that hold parts of one list (the rest is folded) are sorted
 * as one, and keep their lengths.
 */
export function makeSortable(tables: readonly HTMLTableElement[], words: Words, locale: string): void {
  const heads = tables.map((table) => [...table.tHead!.rows[0]!.cells]);
  const sort = (column: number, descending: boolean) => {
    const rows = tables.flatMap((table) => [...table.tBodies[0]!.rows]);
    const places = sortedPlaces(
      rows.map((row) => row.cells[column]?.dataset.value ?? ""),
      descending,
      locale,
    );
    let next = 0;
    for (const table of tables) {
      const body = table.tBodies[0]!;
      const count = body.rows.length;
      body.replaceChildren(...places.slice(next, next + count).map((place) => rows[place]!));
      next += count;
    }
    for (const head of heads) {
      head.forEach((cell, at) => {
        if (at === column) cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
        else cell.removeAttribute("aria-sort");
      });
    }
  };
  for (const head of heads) {
    head.forEach((cell, column) => {
      if (cell.tagName !== "TH") return;
      const name = cell.textContent.trim();
      const button = element("button", { type: "button", title: words.say("sortBy", name) }, name);
      button.addEventListener("click", () => {
        const now = cell.getAttribute("aria-sort");
        // Names begin with A, figures with the highest; a second press turns round.
        sort(column, now === null ? column > 0 : now === "ascending");
      });
      cell.classList.add("sort");
      cell.replaceChildren(button);
    });
  }
}
