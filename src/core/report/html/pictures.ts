import { percent } from "../../../percent";
import type { Estimate } from "../../schema";
import type { Language } from "../language";
import { markup, type Markup } from "./markup";

const clamp = (value: number): number => Math.min(1, Math.max(0, value));
/** Place on a strip as a percentage: 0 and 1 keep clear of the edges so that a dot is never cut. */
const across = (value: number): string => `${(2 + 96 * clamp(value)).toFixed(2)}%`;

/** A dot with its interval on a scale from 0 to 1, as wide as its cell. A picture of figures that stand beside it. */
export function strip({ value, low, high }: Estimate, kind: "own" | "rival" | "few"): Markup {
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (at) => markup`<line class="grid" x1="${across(at)}" x2="${across(at)}" y1="0" y2="22" />`,
  );
  const bar =
    low !== null &&
    high !== null &&
    markup`<line class="bar" x1="${across(low)}" x2="${across(high)}" y1="11" y2="11" />
      <line class="bar end" x1="${across(low)}" x2="${across(low)}" y1="7" y2="15" />
      <line class="bar end" x1="${across(high)}" x2="${across(high)}" y1="7" y2="15" />`;
  const dot =
    value !== null && markup`<circle cx="${across(value)}" cy="11" r="${kind === "own" ? 5.5 : 4.5}" />`;
  return markup`<svg class="strip ${kind}" width="100%" height="22" aria-hidden="true" focusable="false">
    ${grid}${bar}${dot}
  </svg>`;
}

/** The scale above strips. */
export function stripScale({ number }: Pick<Language, "number">): Markup {
  const marks = ([0, 0.25, 0.5, 0.75, 1] as const).map(
    (at) =>
      markup`<text class="${at === 0 || at === 1 ? "" : "mid"}" x="${across(at)}" y="11" text-anchor="${at === 0 ? "start" : at === 1 ? "end" : "middle"}"
        >${number(at)}</text
      >`,
  );
  return markup`<svg class="scale" width="100%" height="14" aria-hidden="true" focusable="false">
    ${marks}
  </svg>`;
}

/** A difference with its interval on a scale to `reach` on either side of zero. */
export function differenceStrip({ value, low, high }: Estimate, reach: number): Markup {
  const place = (difference: number) => across((difference / reach + 1) / 2);
  const bar =
    low !== null &&
    high !== null &&
    markup`<line class="bar" x1="${place(low)}" x2="${place(high)}" y1="11" y2="11" />
      <line class="bar end" x1="${place(low)}" x2="${place(low)}" y1="7" y2="15" />
      <line class="bar end" x1="${place(high)}" x2="${place(high)}" y1="7" y2="15" />`;
  const sure = low !== null && high !== null && (low > 0 || high < 0);
  return markup`<svg
    class="strip ${sure ? "own" : "rival"}"
    width="100%"
    height="22"
    aria-hidden="true"
    focusable="false"
  >
    <line class="zero" x1="50%" x2="50%" y1="0" y2="22" />
    ${bar}${value !== null && markup`<circle cx="${place(value)}" cy="11" r="4.5" />`}
  </svg>`;
}

/** The scale above strips of differences. */
export function differenceScale(reach: number, { signed }: Pick<Language, "signed">): Markup {
  const marks = [-reach, 0, reach].map(
    (at, index) =>
      markup`<text class="${at === 0 ? "mid" : ""}" x="${across(index / 2)}" y="11" text-anchor="${["start", "middle", "end"][index]!}"
        >${at === 0 ? "0" : signed(at)}</text
      >`,
  );
  return markup`<svg class="scale difference" width="100%" height="14" aria-hidden="true" focusable="false">
    ${marks}
  </svg>`;
}

/** A share as a bar, for lists where the figure stands beside it. */
export function shareBar(share: number, kind: "own" | "rival"): Markup {
  return markup`<svg class="share ${kind}" width="72" height="8" aria-hidden="true" focusable="false">
    <rect class="back" width="72" height="8" rx="2" />
    <rect width="${(72 * clamp(share)).toFixed(1)}" height="8" rx="2" />
  </svg>`;
}

export interface Axis {
  label: string;
  from: number;
  to: number;
  ticks: { at: number; text: string }[];
}

/** Percent ticks from 0 to 1. */
export const shareAxis = (label: string): Axis => ({
  label,
  from: 0,
  to: 1,
  ticks: [0, 0.25, 0.5, 0.75, 1].map((at) => ({ at, text: percent(at) })),
});

const ENGLISH = { number: (value: number) => value.toLocaleString("en-GB"), decimal: "." };

/** Axis over given values: round ticks, at most six. */
export function roundAxis(
  label: string,
  from: number,
  to: number,
  whole = false,
  { number, decimal }: Pick<Language, "number" | "decimal"> = ENGLISH,
): Axis {
  const span = to - from || 1;
  const rough = span / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const unit = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? rough;
  const step = whole ? Math.max(1, Math.round(unit)) : unit;
  const digits = Math.min(2, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const ticks: Axis["ticks"] = [];
  for (let tick = Math.ceil(from / step - 1e-9); tick * step <= to + step * 1e-6; tick++) {
    const at = tick * step + 0;
    ticks.push({ at, text: whole ? number(Math.round(at)) : at.toFixed(digits).replace(".", decimal) });
  }
  return { label, from, to, ticks };
}

const WIDTH = 460;
const HEIGHT = 300;
const LEFT = 66;
const RIGHT = 14;
const TOP = 12;
const BOTTOM = 44;

/** Where 0 stands on the axis across, and how far 1 is from it. */
export const PLOT_AREA = { left: LEFT, width: WIDTH - LEFT - RIGHT };

/** Draws into a frame with two axes. `draw` gets functions from values to places; `beside` is room for names at the right. */
export function plot(
  title: string,
  x: Axis,
  y: Axis,
  draw: (place: { x: (value: number) => string; y: (value: number) => string }) => readonly Markup[],
  beside = 0,
): Markup {
  const place = {
    x: (value: number) =>
      (LEFT + ((value - x.from) / (x.to - x.from || 1)) * (WIDTH - LEFT - RIGHT)).toFixed(1),
    y: (value: number) =>
      (HEIGHT - BOTTOM - ((value - y.from) / (y.to - y.from || 1)) * (HEIGHT - TOP - BOTTOM)).toFixed(1),
  };
  const columns = x.ticks.map(
    ({ at, text }) =>
      markup`<line class="grid" x1="${place.x(at)}" x2="${place.x(at)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" />
        <text x="${place.x(at)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${text}</text>`,
  );
  const rows = y.ticks.map(
    ({ at, text }) =>
      markup`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${place.y(at)}" y2="${place.y(at)}" />
        <text x="${LEFT - 7}" y="${place.y(at)}" dy="0.35em" text-anchor="end">${text}</text>`,
  );
  const middle = (HEIGHT - BOTTOM + TOP) / 2;
  return markup`<svg class="${beside > 0 ? "plot large" : "plot"}" viewBox="0 0 ${WIDTH + beside} ${HEIGHT}" role="img" aria-label="${title}">
    ${columns}${rows}
    <text class="axis" x="${(WIDTH + LEFT - RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">
      ${x.label}
    </text>
    <text class="axis" transform="translate(12 ${middle}) rotate(-90)" text-anchor="middle">${y.label}</text>
    ${draw(place)}
  </svg>`;
}

/** A line through points; a single point becomes a dot. */
export function path(points: readonly (readonly [string, string])[], kind: string): Markup {
  if (points.length === 1)
    return markup`<circle class="${kind}" cx="${points[0]![0]}" cy="${points[0]![1]}" r="3.5" />`;
  return markup`<polyline class="line ${kind}" points="${points.map(([x, y]) => `${x},${y}`).join(" ")}" />`;
}

/** The figures of a picture, folded away: a region of its own, so that a narrow page is not as wide as its widest table. */
export function tableBehind(picture: string, table: Markup, { t }: Pick<Language, "t">): Markup {
  return markup`<details>
    <summary>${t("As a table")}</summary>
    <div class="scroll" tabindex="0" role="region" aria-label="${picture}">${table}</div>
  </details>`;
}
