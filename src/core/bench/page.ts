import { bareDocument, markup, type Markup } from "../report/html/plain-page";
import { INTERVALS } from "./average";
import { benchPictures } from "./pictures";
import { qualityText, stateText, textTables, type TextTable } from "./render";
import type { Tables } from "./tables";

/** The tables as a page that needs nothing else, with pictures of quality against cost and examples. */
export function renderBenchPage(tables: Tables): string {
  const [first, others] = [textTables(tables).slice(0, 1), textTables(tables).slice(1)];
  return bareDocument(tables.name, [
    markup`<p>${stateText(tables)}</p>
      <p class="soft small">${qualityText(tables)} ${INTERVALS}</p>`,
    ...first.map(tableMarkup),
    ...benchPictures(tables),
    ...others.map(tableMarkup),
  ]);
}

/** Figures stand at the right, texts at the left, long texts in lines. */
export function tableMarkup({ title, head, rows }: TextTable): Markup {
  const kinds = head.map((_, column) => {
    const texts = rows.map((row) => row[column]!);
    if (texts.every((text) => /^$|^[\d+<>–\u2212]/.test(text))) return "";
    return texts.some((text) => text.length > 60) ? "text" : "left";
  });
  return markup`<section>
    <h2>${title}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="${title}">
      <table class="fit">
        <thead>
          <tr>
            ${head.map((text, i) => markup`<th scope="col" class="${kinds[i] === "" ? "" : "left"}">${text}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) =>
              markup`<tr>
                ${row.map((text, i) => markup`<td class="${kinds[i]!}">${text}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}
