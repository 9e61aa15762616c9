import type { ThresholdCurve } from "../unseen";
import { CURVE_STEPS } from "../unseen";
import type { Context } from "./context";
import { markup, type Markup } from "./markup";
import { path, plot, PLOT_AREA, shareAxis, tableBehind } from "./pictures";
import { signMarks } from "./signs";

/** More labels than these are folded. */
const LABELS_SHOWN = 6;

/**
 * What each threshold would do, on texts that the model was not fitted to. In a panel a slider moves the line; the counts
 * that it needs stand in the figure's attributes.
 */
export function thresholds(context: Context): Markup {
  const { unseen, language } = context;
  const { t } = language;
  const signs = signMarks(context.report.task);
  const curves = unseen!.curves!;
  const texts = language.counted(unseen!.rows.length, "text");
  const figures = curves.map((curve, at) => curveFigure(curve, at, signs.get(curve.label)!, context));
  const rest = figures.slice(LABELS_SHOWN);
  const title = t("Thresholds and what they do");
  return markup`<p class="soft">
      ${
        unseen!.part === "out-of-fold"
          ? t(
              "On {0} of the training part, each judged by a model that had not seen it: a threshold must not be chosen on the test part.",
              texts,
            )
          : t(
              "On {0} of the training part that the model was not fitted to: a threshold must not be chosen on the test part.",
              texts,
            )
      }
    </p>
    <div class="scroll" tabindex="0" role="region" aria-label="${title}">
      <table data-name="${title}" class="chosen">
        <thead>
          <tr>
            <th scope="col" class="left">${t("Label")}</th>
            <th scope="col">${t("Given from")}</th>
            <th scope="col">${t("Precision")}</th>
            <th scope="col">${t("Recall")}</th>
            <th scope="col">F1</th>
            <th scope="col">${t("Texts with it")}</th>
          </tr>
        </thead>
        <tbody>
          ${curves.map((curve) => {
            const { precision, recall, f1 } = figuresAt(curve, Math.round(curve.chosen * CURVE_STEPS));
            return markup`<tr>
              <th scope="row">${signs.get(curve.label)!}<bdi>${curve.label}</bdi></th>
              <td>${language.decimals(curve.chosen)}</td>
              <td>${language.percent(precision)}</td>
              <td>${language.percent(recall)}</td>
              <td>${language.decimals(f1)}</td>
              <td>${language.number(curve.positives)}</td>
            </tr>`;
          })}
        </tbody>
      </table>
    </div>
    <div class="pair">${figures.slice(0, LABELS_SHOWN)}</div>
    ${
      rest.length > 0 &&
      markup`<details>
        <summary>${language.counted(rest.length, "more label")}</summary>
        <div class="pair">${rest}</div>
      </details>`
    }`;
}

function figuresAt({ given, hits, positives }: ThresholdCurve, step: number) {
  const ratio = (part: number, whole: number) => (whole === 0 ? null : part / whole);
  return {
    precision: ratio(hits[step]!, given[step]!),
    recall: ratio(hits[step]!, positives),
    f1: ratio(2 * hits[step]!, given[step]! + positives),
  };
}

function curveFigure(curve: ThresholdCurve, at: number, sign: Markup, { language }: Context): Markup {
  const { t } = language;
  const steps = Array.from({ length: CURVE_STEPS + 1 }, (_, step) => ({
    at: step / CURVE_STEPS,
    ...figuresAt(curve, step),
  }));
  const name = t("Precision and recall of {0} by threshold", curve.label);
  const picture = plot(
    name,
    shareAxis(t("label given from this probability on")),
    shareAxis(t("precision (solid), recall (dashed)")),
    ({ x, y }) => [
      path(
        steps.flatMap(({ at: place, precision }) =>
          precision === null ? [] : [[x(place), y(precision)] as const],
        ),
        "own",
      ),
      path(
        steps.flatMap(({ at: place, recall }) => (recall === null ? [] : [[x(place), y(recall)] as const])),
        "recall",
      ),
      markup`<line class="cut" x1="${x(curve.chosen)}" x2="${x(curve.chosen)}" y1="${y(0)}" y2="${y(1)}" />`,
    ],
  );
  return markup`<figure
    class="threshold"
    data-label="${at}"
    data-chosen="${curve.chosen}"
    data-positives="${curve.positives}"
    data-given="${curve.given.join(" ")}"
    data-hits="${curve.hits.join(" ")}"
    data-left="${PLOT_AREA.left}"
    data-width="${PLOT_AREA.width}"
  >
    <h3>${sign}<bdi>${curve.label}</bdi></h3>
    ${picture}
    ${tableBehind(
      name,
      markup`<table data-name="${name}">
        <thead>
          <tr>
            <th scope="col" class="left">${t("Given from")}</th>
            <th scope="col">${t("Given")}</th>
            <th scope="col">${t("Precision")}</th>
            <th scope="col">${t("Recall")}</th>
            <th scope="col">F1</th>
          </tr>
        </thead>
        <tbody>
          ${steps
            .filter((_, step) => step % 10 === 0)
            .map(
              ({ at: place, precision, recall, f1 }, ten) =>
                markup`<tr>
                  <th scope="row">${language.decimals(place)}</th>
                  <td>${language.number(curve.given[10 * ten]!)}</td>
                  <td>${language.percent(precision)}</td>
                  <td>${language.percent(recall)}</td>
                  <td>${language.decimals(f1)}</td>
                </tr>`,
            )}
        </tbody>
      </table>`,
      language,
    )}
  </figure>`;
}
