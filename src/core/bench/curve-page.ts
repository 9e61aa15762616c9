import { bareDocument, markup, path, plot, roundAxis } from "../report/html/plain-page";
import { valueAt, type Curve } from "./curve";
import { tableMarkup } from "./page";
import { alignedText, type TextTable } from "./render";

const three = (value: number | null) => (value === null ? "–" : value.toFixed(3));
const range = ({ low, high }: { low: number | null; high: number | null }) =>
  `${three(low)} to ${three(high)}`;

const NOTE =
  "The curve is top − drop × n^−power, fitted by least squares; it can only rise. Intervals are 95 % percentile intervals of 500 resamples of test texts (the same for all runs) and seeds, each fitted anew.";

function tablesOf(curve: Curve): TextTable[] {
  return [
    {
      title: "Measured",
      head: ["training examples", "runs", curve.measure, "interval", "fitted"],
      rows: curve.points.map((point) => [
        String(point.examples),
        String(point.runs),
        three(point.value),
        range(point),
        three(valueAt(curve.fit, point.examples)),
      ]),
    },
    {
      title: `${curve.moreLabels} more labels, all of one class`,
      head: ["class", "training examples", "gain", "interval"],
      rows: curve.classes.map(({ label, trained, gain }) => [
        label,
        String(trained),
        three(gain.value),
        range(gain),
      ]),
    },
  ].filter(({ rows }) => rows.length > 0);
}

/** The curve as lines for a terminal. */
export function renderCurveText(curve: Curve): string {
  return `${[curve.sentence, ...tablesOf(curve).map(alignedText), NOTE].join("\n\n")}\n`;
}

const TONE = { pays: "better", "does-not-pay": "as-well", "cannot-tell": "cannot-tell" } as const;

/** The curve as one page that needs nothing else. */
export function renderCurvePage(curve: Curve): string {
  const most = curve.line.at(-1)!.examples;
  const title = `Learning curve of ${curve.task}`;
  return bareDocument(title, [
    markup`<div class="verdict ${TONE[curve.outcome]}"><p>${curve.sentence}</p></div>`,
    markup`<figure class="alone">
      ${plot(
        title,
        roundAxis("training examples", 0, most, true),
        roundAxis(curve.measure, 0, 1),
        ({ x, y }) => [
          markup`<polygon
          class="count"
          points="${[
            ...curve.line.map(({ examples, high }) => `${x(examples)},${y(high ?? 0)}`),
            ...[...curve.line].reverse().map(({ examples, low }) => `${x(examples)},${y(low ?? 0)}`),
          ].join(" ")}"
        />`,
          path(
            curve.line.map(({ examples, value }) => [x(examples), y(value ?? 0)] as const),
            "dashed",
          ),
          ...curve.points.flatMap(({ examples, value, low, high }) => [
            markup`<line class="whisker" x1="${x(examples)}" x2="${x(examples)}" y1="${y(low ?? 0)}" y2="${y(high ?? 0)}" />`,
            markup`<circle class="own" cx="${x(examples)}" cy="${y(value ?? 0)}" r="4" />`,
          ]),
        ],
      )}
      <figcaption>Dots: measured. Dashed: fitted, with its interval in grey.</figcaption>
    </figure>`,
    ...tablesOf(curve).map(tableMarkup),
    markup`<section><p class="soft small">${NOTE}</p></section>`,
  ]);
}
