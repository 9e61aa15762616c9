import { shareOf } from "../rivals";
import type { Context } from "./context";
import { markup, type Markup } from "./markup";
import { path, plot, roundAxis, shareAxis, tableBehind } from "./pictures";

/** Stated against observed, with the number of texts in each bin below. */
export function reliabilityPlot({ report, language }: Context): Markup {
  const { t, percent, shareWithInterval } = language;
  const { bins, of } = report.classification!.calibration;
  const most = Math.max(1, ...bins.map(({ count }) => count));
  const filled = bins.filter(({ count }) => count > 0);
  const grey =
    of === "texts" ? t("Grey: number of texts.") : t("Grey: number of decisions (a label on a text).");
  const title = t("Reliability: stated probability against the share that was so");
  const picture = plot(
    title,
    shareAxis(t("stated probability")),
    shareAxis(t(of === "texts" ? "share that was right" : "share that was so")),
    ({ x, y }) => [
      ...bins.map(({ from, to, count }) => {
        const height = (0.18 * count) / most;
        return markup`<rect
          class="count"
          x="${x(from + 0.008)}"
          y="${y(height)}"
          width="${Number(x(to)) - Number(x(from + 0.016))}"
          height="${Number(y(0)) - Number(y(height))}"
        />`;
      }),
      markup`<line class="line dashed" x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}" />`,
      ...filled.map(
        ({ stated, interval }) =>
          markup`<line
            class="whisker"
            x1="${x(stated!)}"
            x2="${x(stated!)}"
            y1="${y(interval!.low)}"
            y2="${y(interval!.high)}"
          />`,
      ),
      path(
        filled.map(({ stated, observed }) => [x(stated!), y(observed!)] as const),
        "own",
      ),
      ...filled.map(
        ({ stated, observed }) =>
          markup`<circle class="own" cx="${x(stated!)}" cy="${y(observed!)}" r="4" />`,
      ),
    ],
  );
  return markup`<figure>
    ${picture}
    <figcaption>
      ${t("On the dashed line a probability means what it says; below it the model is too sure of itself.")}
      ${grey}
    </figcaption>
    ${tableBehind(
      title,
      markup`<table>
        <thead>
          <tr>
            <th scope="col" class="left">${t("Stated")}</th>
            <th scope="col">${t("Number")}</th>
            <th scope="col">${t("Mean stated")}</th>
            <th scope="col">${t("Was so")}</th>
          </tr>
        </thead>
        <tbody>
          ${bins.map(
            ({ from, to, count, stated, observed, interval }) =>
              markup`<tr>
                <th scope="row">${t("{0} to {1}", percent(from), percent(to))}</th>
                <td>${count}</td>
                <td>${percent(stated)}</td>
                <td>
                  ${shareWithInterval({ value: observed, low: interval?.low ?? null, high: interval?.high ?? null })}
                </td>
              </tr>`,
          )}
        </tbody>
      </table>`,
      language,
    )}
  </figure>`;
}

/** Accuracy among the texts that are answered, against how many are. */
export function abstentionPlot({ report, language }: Context): Markup {
  const { t, percent, shareWithInterval } = language;
  const { coverage } = report.classification!;
  const total = report.data.test;
  const points = coverage.map((point) => ({ ...point, share: shareOf(point.right, point.answered) }));
  const lowest = Math.min(1, ...points.map(({ share }) => share.low ?? 1));
  const from = Math.max(0, Math.floor(lowest * 5) / 5);
  const step = from < 0.6 ? 5 : 10;
  const ticks = Array.from({ length: step + 1 }, (_, tick) => tick / step).filter((at) => at >= from);
  const axis = {
    label: t("right among those"),
    from,
    to: 1,
    ticks: ticks.map((at) => ({ at, text: percent(at) })),
  };
  const title = t("Abstention: accuracy against the share of texts answered");
  const picture = plot(title, shareAxis(t("share of texts answered")), axis, ({ x, y }) => {
    const upper = points.map(({ answered, share }) => `${x(answered / total)},${y(share.high ?? 0)}`);
    const lower = points.map(({ answered, share }) => `${x(answered / total)},${y(share.low ?? 0)}`);
    return [
      markup`<polygon class="count" points="${[...upper, ...lower.reverse()].join(" ")}" />`,
      path(
        points.map(({ answered, share }) => [x(answered / total), y(share.value ?? 0)] as const),
        "own",
      ),
    ];
  });
  return markup`<figure>
    ${picture}
    <figcaption>
      ${t("If it answers only the texts it is surest of. Grey: 95 % interval.")}
    </figcaption>
    ${tableBehind(
      title,
      markup`<table>
        <thead>
          <tr>
            <th scope="col" class="left">${t("Abstain below")}</th>
            <th scope="col">${t("Answered")}</th>
            <th scope="col">${t("Right among those")}</th>
          </tr>
        </thead>
        <tbody>
          ${points.map(
            ({ abstainBelow, answered, share }) =>
              markup`<tr>
                <th scope="row">${percent(abstainBelow)}</th>
                <td>${percent(answered / total)}</td>
                <td>${shareWithInterval(share)}</td>
              </tr>`,
          )}
        </tbody>
      </table>`,
      language,
    )}
  </figure>`;
}

const MOST_POINTS = 200;

/** Means of neighbouring values, so that a line has no more points than can be seen. */
function thinned(points: readonly (readonly [number, number])[]): [number, number][] {
  const size = Math.ceil(points.length / MOST_POINTS);
  return Array.from({ length: Math.ceil(points.length / size) }, (_, index) => {
    const group = points.slice(index * size, (index + 1) * size);
    const mean = (part: 0 | 1) => group.reduce((sum, point) => sum + point[part], 0) / group.length;
    return [mean(0), mean(1)];
  });
}

export function lossPlot(context: Context): Markup {
  const { report, language } = context;
  const { t } = language;
  const { history } = report.run;
  const loss = thinned(
    history.filter(({ loss: value }) => Number.isFinite(value)).map((row) => [row.step, row.loss]),
  );
  const heldOut = history.flatMap((row) =>
    row.heldOutLoss === undefined ? [] : [[row.step, row.heldOutLoss] as const],
  );
  const values = [...loss, ...heldOut].map(([, value]) => value);
  const steps = Math.max(1, ...history.map(({ step }) => step));
  const picture = plot(
    t("Loss over the steps of the run"),
    roundAxis(t("step"), 0, steps, true, language),
    roundAxis(t("loss"), 0, Math.max(0.1, ...values) * 1.02, false, language),
    ({ x, y }) => [
      path(
        loss.map(([step, value]) => [x(step), y(value)] as const),
        "pale",
      ),
      ...(heldOut.length === 0
        ? []
        : [
            path(
              heldOut.map(([step, value]) => [x(step), y(value)] as const),
              "own",
            ),
            ...heldOut.map(
              ([step, value]) => markup`<circle class="own" cx="${x(step)}" cy="${y(value)}" r="3" />`,
            ),
          ]),
    ],
  );
  return markup`<figure>
    ${picture}
    <figcaption>
      ${heldOut.length > 0 && `${t("Thick line with dots: loss on held-out texts.")} `}${t("Thin line: loss on the texts of each step.")}
    </figcaption>
    ${historyTable(context)}
  </figure>`;
}

export function scorePlot({ report, language }: Context): Markup | null {
  const { t } = language;
  const { history } = report.run;
  const points = history.flatMap((row) =>
    row.heldOutScore === undefined ? [] : [[row.step, row.heldOutScore] as const],
  );
  if (points.length === 0) return null;
  const steps = Math.max(1, ...history.map(({ step }) => step));
  const picture = plot(
    t("Held-out score over the steps of the run"),
    roundAxis(t("step"), 0, steps, true, language),
    roundAxis(t("held-out score"), 0, 1, false, language),
    ({ x, y }) => [
      path(
        points.map(([step, value]) => [x(step), y(value)] as const),
        "own",
      ),
      ...points.map(([step, value]) => markup`<circle class="own" cx="${x(step)}" cy="${y(value)}" r="3" />`),
    ],
  );
  return markup`<figure>
    ${picture}
    <figcaption>
      ${t("Score on the held-out part of the training texts. It chose the step that was kept; it is not the test.")}
    </figcaption>
  </figure>`;
}

function historyTable({ report, language }: Context): Markup {
  const { t, decimals } = language;
  const looks = report.run.history.filter(
    (row) => row.heldOutLoss !== undefined || row.heldOutScore !== undefined,
  );
  const rows =
    looks.length > 0
      ? looks
      : report.run.history.filter((_, index, all) => index % Math.ceil(all.length / 20) === 0);
  const table = markup`<table>
      <thead>
        <tr>
          <th scope="col" class="left">${t("Step")}</th>
          <th scope="col">${t("Loss")}</th>
          <th scope="col">${t("Held-out loss")}</th>
          <th scope="col">${t("Held-out score")}</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ({ step, loss, heldOutLoss, heldOutScore }) =>
            markup`<tr>
              <th scope="row">${step}</th>
              <td>${decimals(loss)}</td>
              <td>${decimals(heldOutLoss ?? null)}</td>
              <td>${decimals(heldOutScore ?? null)}</td>
            </tr>`,
        )}
      </tbody>
    </table>`;
  return tableBehind(t("Loss over the steps of the run"), table, language);
}

/** How ROUGE-L spreads over the test texts. */
export function rougePlot({ report, language }: Context): Markup {
  const { t } = language;
  const { rows } = report;
  const counts = new Array<number>(10).fill(0);
  for (const { rougeL } of rows) counts[Math.min(9, Math.floor((rougeL ?? 0) * 10))]!++;
  const most = Math.max(1, ...counts);
  const title = t("How ROUGE-L spreads over the test texts");
  const picture = plot(
    title,
    roundAxis(t("ROUGE-L of a text"), 0, 1, false, language),
    roundAxis(t("texts"), 0, most, true, language),
    ({ x, y }) =>
      counts.map(
        (count, bin) =>
          markup`<rect
            class="histogram"
            x="${x(bin / 10 + 0.006)}"
            y="${y(count)}"
            width="${Number(x(0.1)) - Number(x(0.012))}"
            height="${Number(y(0)) - Number(y(count))}"
          />`,
      ),
  );
  return markup`<figure>
    ${picture}
    <figcaption>
      ${t("Number of test texts by ROUGE-L: 0 is no word in common, 1 the words of a reference in its order.")}
    </figcaption>
    ${tableBehind(
      title,
      markup`<table>
        <thead>
          <tr>
            <th scope="col" class="left">ROUGE-L</th>
            <th scope="col">${t("Texts")}</th>
          </tr>
        </thead>
        <tbody>
          ${counts.map(
            (count, bin) =>
              markup`<tr>
                <th scope="row">${t("{0} to {1}", bin / 10, (bin + 1) / 10)}</th>
                <td>${count}</td>
              </tr>`,
          )}
        </tbody>
      </table>`,
      language,
    )}
  </figure>`;
}
