import { element } from "../label/dom";
import type { Words } from "./words";

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** One line of a picture: `name` for the key and the table. */
export interface Line {
  readonly name: string;
  readonly points: readonly Point[];
  readonly look: "thin" | "bold" | "dots";
}

const WIDTH = 480;
const HEIGHT = 210;
const [LEFT, RIGHT, TOP, BOTTOM] = [44, 12, 10, 30];
const SVG = "http://www.w3.org/2000/svg";

/** A picture of lines over steps, with the table of its numbers behind it. */
export class Curve {
  readonly root: HTMLElement;
  private readonly picture = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  private readonly key = element("p", { class: "key" });
  private readonly details: HTMLDetailsElement;
  private readonly table = element("div", { class: "scroll", tabindex: 0, role: "region" });
  private drawn = "";
  private lines: readonly Line[] = [];

  constructor(
    private readonly words: Words,
    private readonly title: string,
  ) {
    this.table.setAttribute("aria-label", title);
    this.details = element("details", {}, element("summary", {}, words.say("table")), this.table);
    this.details.addEventListener("toggle", () => this.tabulate());
    this.root = element("figure", {}, element("figcaption", {}, title), this.picture, this.key, this.details);
  }

  /**
   * @param steps Right end of the picture.
   * @param range Of the values; from the points where it is null.
   */
  show(lines: readonly Line[], steps: number, range: readonly [number, number] | null): void {
    const drawn = JSON.stringify([lines, steps]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.lines = lines;
    const values = lines.flatMap(({ points }) => points.map(({ y }) => y));
    const ticks = range === null ? roundTicks(values) : [0, 0.25, 0.5, 0.75, 1];
    const [low, high] = [ticks[0]!, ticks.at(-1)!];
    const x = (step: number) => LEFT + ((WIDTH - LEFT - RIGHT) * step) / Math.max(1, steps);
    const y = (value: number) =>
      HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * (value - low)) / Math.max(1e-9, high - low);
    const last = lines.map(({ name, points }) => `${name} ${this.words.figure(points.at(-1)?.y ?? null)}`);
    this.picture.setAttribute("aria-label", `${this.title}. ${last.join(", ")}`);
    this.picture.replaceChildren(
      ...ticks.flatMap((tick) => [
        shape("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick) }),
        label(this.words.figure(tick), { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }),
      ]),
      ...[0, 0.5, 1].map((share) =>
        label(this.words.number(Math.round(share * steps)), {
          x: x(share * steps),
          y: HEIGHT - BOTTOM + 16,
          "text-anchor": share === 0 ? "start" : share === 1 ? "end" : "middle",
        }),
      ),
      ...lines.flatMap(({ points, look }) => {
        const path = points.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join(" ");
        return [
          ...(points.length > 1 ? [shape("polyline", { class: look, points: path })] : []),
          ...(look === "dots" || points.length === 1
            ? points.map((point) => shape("circle", { class: look, cx: x(point.x), cy: y(point.y), r: 3.5 }))
            : []),
        ];
      }),
    );
    this.key.replaceChildren(
      ...lines.map(({ name, look }) => element("span", { class: `mark ${look}` }, name)),
      element("span", { class: "axis" }, this.words.say("step")),
    );
    this.tabulate();
  }

  /** The table is long: it is made where it is seen. */
  private tabulate(): void {
    if (!this.details.open) return;
    const steps = [...new Set(this.lines.flatMap(({ points }) => points.map(({ x }) => x)))];
    const columns = this.lines.map(({ points }) => new Map(points.map((point) => [point.x, point.y])));
    const head = [this.words.say("step"), ...this.lines.map(({ name }) => name)];
    const row = (step: number) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, this.words.number(step)),
        ...columns.map((values) => element("td", {}, this.words.figure(values.get(step) ?? null))),
      );
    this.table.replaceChildren(
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name)))),
        element("tbody", {}, ...steps.sort((a, b) => a - b).map(row)),
      ),
    );
  }
}

/** A few round values from below the least to above the greatest. */
export function roundTicks(values: readonly number[]): number[] {
  const most = Math.max(0, ...values);
  if (most === 0) return [0, 1];
  const size = 10 ** Math.floor(Math.log10(most / 3));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * size).find((one) => most / one <= 4)!;
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, at) => at * step);
}

/** Each point as the mean of itself and those before it, as far as `reach`. */
export function smoothed(points: readonly Point[], reach: number): Point[] {
  return points.map(({ x }, at) => {
    const near = points.slice(Math.max(0, at - reach + 1), at + 1);
    return { x, y: near.reduce((sum, { y }) => sum + y, 0) / near.length };
  });
}

function shape(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, String(value));
  return made;
}

function label(text: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const made = shape("text", attributes);
  made.textContent = text;
  return made;
}
