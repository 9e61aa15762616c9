import { markup, path, plot, roundAxis, type Axis, type Markup } from "../report/html/plain-page";
import type { Tables } from "./tables";

interface Point {
  readonly at: number;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
}

/** Points of one name and colour, joined where there are several. */
interface Series {
  readonly name: string;
  readonly colour: number;
  readonly points: readonly Point[];
}

/** Room at the right for names, and the least distance between two. */
const NAMES = 190;
const LINE = 14;
/** As many as the stylesheet has. */
const COLOURS = 6;

/** Quality against cost, and against the number of examples, with a name beside each method. */
export function benchPictures({ regimes, methods }: Tables): Markup[] {
  const own = methods.filter(({ rival }) => !rival);
  const names = [...new Set(own.map(({ method }) => method))];
  const bases = [...new Set(own.map(({ base }) => base))];
  const colourOf = (method: string) => names.indexOf(method) % COLOURS;
  const devices = new Set(own.flatMap(({ costs }) => costs.map(({ device }) => device)));
  const pictures = regimes.map(({ name }, i) => {
    const series = own.flatMap(({ base, method, regimes: values, costs }) =>
      costs.flatMap(({ device, hours }): Series[] => {
        const { value, low, high } = values[i]!.quality;
        const at = hours[i] ?? null;
        if (at === null || value === null) return [];
        const shown = [method, ...(bases.length > 1 ? [base] : []), ...(devices.size > 1 ? [device] : [])];
        return [{ name: shown.join(", "), colour: colourOf(method), points: [{ at, value, low, high }] }];
      }),
    );
    const most = Math.max(0, ...series.map(({ points }) => points[0]!.at));
    const [unit, perHour] = unitOf(most);
    const scaled = series.map((each) => ({
      ...each,
      points: each.points.map((point) => ({ ...point, at: point.at * perHour })),
    }));
    return picture(
      `Quality against cost, ${name}`,
      roundAxis(`${unit} a run`, 0, most * perHour * 1.08),
      scaled,
    );
  });
  const byExamples = bases.map((base) => {
    const series = own
      .filter((row) => row.base === base)
      .map(({ method, regimes: values }): Series => {
        const points = values.flatMap(({ quality: { value, low, high } }, i): Point[] => {
          const { examples } = regimes[i]!;
          return examples === "all" || value === null ? [] : [{ at: examples, value, low, high }];
        });
        return { name: method, colour: colourOf(method), points };
      })
      .filter(({ points }) => points.length > 1);
    const most = Math.max(0, ...series.flatMap(({ points }) => points.map(({ at }) => at)));
    return picture(
      bases.length > 1 ? `Quality against number of examples, ${base}` : "Quality against number of examples",
      roundAxis("training examples", 0, most * 1.02, true),
      series,
    );
  });
  return [...pictures, ...byExamples].filter((each) => each !== null);
}

const unitOf = (hours: number): [string, number] =>
  hours > 1.5 ? ["hours", 1] : hours > 1.5 / 60 ? ["minutes", 60] : ["seconds", 3600];

function picture(title: string, across: Axis, series: readonly Series[]): Markup | null {
  if (series.length === 0) return null;
  const top = Math.max(...series.flatMap(({ points }) => points.map(({ value, high }) => high ?? value)));
  // Lines stand over the same numbers of examples: their intervals would hide one another.
  const joined = series.some(({ points }) => points.length > 1);
  const aside = (i: number) => (joined ? 5 * (i - (series.length - 1) / 2) : 0);
  const drawn = plot(
    title,
    across,
    roundAxis("quality", 0, Math.min(1, 1.05 * top)),
    ({ x, y }) => [
      ...series.map(
        ({ colour, points }, i) => markup`<g class="series c${colour}" transform="translate(${aside(i)} 0)">
        ${points.map(({ at, low, high }) => low !== null && high !== null && markup`<line class="spread" x1="${x(at)}" x2="${x(at)}" y1="${y(low)}" y2="${y(high)}" />`)}
        ${
          points.length > 1 &&
          path(
            points.map(({ at, value }) => [x(at), y(value)] as const),
            "",
          )
        }
        ${points.map(({ at, value }) => markup`<circle cx="${x(at)}" cy="${y(value)}" r="4" />`)}
      </g>`,
      ),
      ...namesBeside(
        series.map(({ name, colour, points }, i) => {
          const { at, value } = points.at(-1)!;
          return { name, colour, x: Number(x(at)) + aside(i), y: Number(y(value)) };
        }),
        Number(x(across.to)) + 12,
      ),
    ],
    NAMES,
  );
  return markup`<section>
    <h2>${title}</h2>
    <figure>${drawn}</figure>
  </section>`;
}

/** Names in a column at the right, each as near to the height of its point as the others leave room. */
function namesBeside(
  points: readonly {
    readonly name: string;
    readonly colour: number;
    readonly x: number;
    readonly y: number;
  }[],
  left: number,
): Markup[] {
  const sorted = [...points].sort((a, b) => a.y - b.y);
  const heights = spread(sorted.map(({ y }) => y));
  return sorted.map(
    ({ name, colour, x, y }, i) => markup`<g class="series c${colour}">
      <line class="leader" x1="${x + 6}" y1="${y}" x2="${left - 4}" y2="${heights[i]!.toFixed(1)}" />
      <text x="${left}" y="${heights[i]!.toFixed(1)}" dy="0.35em">${name}</text>
    </g>`,
  );
}

/** @param wanted Ascending. @returns Places with a line's height between neighbours, around the middle of those wanted. */
export function spread(wanted: readonly number[]): number[] {
  const runs: { sum: number; count: number }[] = [];
  const startOf = ({ sum, count }: { sum: number; count: number }) => sum / count - ((count - 1) * LINE) / 2;
  for (const place of wanted) {
    let run = { sum: place, count: 1 };
    for (let before = runs.at(-1); before !== undefined; before = runs.at(-1)) {
      if (startOf(before) + before.count * LINE <= startOf(run)) break;
      runs.pop();
      run = { sum: before.sum + run.sum, count: before.count + run.count };
    }
    runs.push(run);
  }
  return runs.flatMap((run) => Array.from({ length: run.count }, (_, i) => startOf(run) + i * LINE));
}
