import { bareDocument, markup, path, plot, roundAxis, type Markup } from "../report/html/plain-page";
import { INTERVALS } from "./average";
import { QUALITY, stateText, textTables, type TextTable } from "./render";
import type { Tables } from "./tables";

/** The tables as a page that needs nothing else, with pictures of quality against cost and examples. */
export function renderBenchPage(tables: Tables): string {
  return bareDocument(tables.name, [
    markup`<p>${stateText(tables)}</p>
      <p class="soft small">${QUALITY} ${INTERVALS}</p>`,
    ...costPictures(tables),
    ...textTables(tables).map(tableMarkup),
  ]);
}

export function tableMarkup({ title, head, rows }: TextTable): Markup {
  return markup`<section>
    <h2>${title}</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            ${head.map((text) => markup`<th scope="col" class="left">${text}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) =>
              markup`<tr>
                ${row.map((text) => markup`<td class="left">${text}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

interface Point {
  readonly name: string;
  readonly at: number;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
}

function costPictures({ regimes, methods }: Tables): Markup[] {
  const own = methods.filter(({ rival }) => !rival);
  const pictures = regimes.map(({ name }, i) => {
    const points = own.flatMap(({ base, method, regimes: values }): Point[] => {
      const { quality, hours } = values[i]!;
      if (hours === null || quality.value === null) return [];
      return [
        {
          name: `${method}, ${base}`,
          at: hours * 60,
          value: quality.value,
          low: quality.low,
          high: quality.high,
        },
      ];
    });
    return picture(`Quality against cost, ${name}`, "minutes a run", points, false);
  });
  const byExamples = own.map(({ base, method, regimes: values }) => {
    const points = values.flatMap(({ quality }, i): Point[] => {
      const { name, examples } = regimes[i]!;
      if (examples === "all" || quality.value === null) return [];
      return [{ name, at: examples, value: quality.value, low: quality.low, high: quality.high }];
    });
    return points.length < 2
      ? null
      : picture(`Quality against number of examples: ${method}, ${base}`, "training examples", points, true);
  });
  return [...pictures, ...byExamples].filter((each) => each !== null);
}

/** Points with their intervals, named, from 0 at the left. */
function picture(title: string, label: string, points: readonly Point[], joined: boolean): Markup | null {
  if (points.length === 0) return null;
  const most = Math.max(...points.map(({ at }) => at)) * 1.1;
  return markup`<section>
    <h2>${title}</h2>
    <figure>
      ${plot(title, roundAxis(label, 0, most), roundAxis("quality", 0, 1), ({ x, y }) => [
        ...(joined
          ? [
              path(
                points.map(({ at, value }) => [x(at), y(value)] as const),
                "own",
              ),
            ]
          : []),
        ...points.flatMap(({ name, at, value, low, high }, i) => [
          ...(low === null || high === null
            ? []
            : [markup`<line class="whisker" x1="${x(at)}" x2="${x(at)}" y1="${y(low)}" y2="${y(high)}" />`]),
          markup`<circle class="own" cx="${x(at)}" cy="${y(value)}" r="4"><title>${name}: ${value.toFixed(3)}</title></circle>
            <text x="${x(at)}" y="${y(value)}" dx="-7" dy="${i % 2 === 0 ? "-6" : "14"}" text-anchor="end">${name}</text>`,
        ]),
      ])}
    </figure>
  </section>`;
}
