import type { Report } from "../../schema";
import type { Context } from "./context";
import { markup, type Markup } from "./markup";
import { shadeStep } from "./style";

/** Up to this many classes the matrix is a table with counts; beyond, a picture with its non-empty cells listed. */
const MOST_CLASSES_IN_TABLE = 20;
const PAIRS_SHOWN = 12;
/** Beside a matrix that shows every count. */
const PAIRS_BESIDE_MATRIX = 5;

export function confusionSection(context: Context): Markup {
  const { confusion } = context.report.classification!;
  if (confusion === null) return markup`${labelCounts(context)}${pairs(context)}`;
  if (confusion.length <= MOST_CLASSES_IN_TABLE)
    return markup`${matrix(context, confusion)}${confusion.length > 2 && pairs(context, PAIRS_BESIDE_MATRIX)}`;
  return markup`${field(context, confusion)}${pairs(context)}`;
}

/** A link to the errors of one pair of labels. */
function pairLink(report: Report, truth: number, given: number, content: Markup | string): Markup {
  const name = `${report.task.labels[truth]!} → ${report.task.labels[given]!}`;
  return markup`<a href="#errors" data-pair="${truth}-${given}" data-name="${name}">${content}</a>`;
}

/** What a press on a cell does: the page by itself leads to errors alone, a panel, which says so here, to all texts. */
const hint = (sentence: string): Markup => markup`<span data-hint="cells">${sentence}</span>`;

function matrix({ report, language }: Context, counts: readonly (readonly number[])[]): Markup {
  const { labels } = report.task;
  const { t, percent, number } = language;
  const rows = counts.map((row, truth) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    const cells = row.map((count, given) => {
      const step = total === 0 ? 0 : shadeStep(count / total);
      const kind = [
        ...(step > 0 ? [`s${step}`] : []),
        ...(given === truth ? ["right"] : []),
        ...(count === 0 ? ["none"] : []),
      ].join(" ");
      const share = total === 0 ? "" : t(" ({0} of its texts)", percent(count / total));
      const title = t("true {0}, given {1}: {2}", labels[truth]!, labels[given]!, count) + share;
      const shown =
        count > 0 && given !== truth
          ? pairLink(report, truth, given, number(count))
          : markup`<span data-cell="${count > 0 && `pair ${truth} ${given}`}">${number(count)}</span>`;
      return markup`<td class="${kind}" title="${title}">${shown}</td>`;
    });
    return markup`<tr>
      <th scope="row"><bdi>${labels[truth]!}</bdi></th>
      ${cells}
      <td class="total">${number(total)}</td>
    </tr>`;
  });
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="${t("Confusion matrix")}">
    <table data-name="${t("Confusion matrix")}" class="matrix ${labels.length > 7 ? "many" : ""}">
      <caption>
        ${t("Rows: true class. Columns: class given. Shade: share of the row. Framed: right.")} ${hint(t("Click a cell outside the frames to read its texts."))}
      </caption>
      <thead>
        <tr>
          <td class="total"></td>
          ${labels.map((label) => markup`<th scope="col" class="name"><bdi>${label}</bdi></th>`)}
          <th scope="col">${t("texts")}</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

/** The matrix of many classes as a picture: one small square a cell, empty ones left out. */
function field({ report, language }: Context, counts: readonly (readonly number[])[]): Markup {
  const { labels } = report.task;
  const { t } = language;
  const size = 9;
  const left = 150;
  const cells = counts.flatMap((row, truth) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.flatMap((count, given) => {
      if (count === 0) return [];
      const square = markup`<rect
        class="c s${shadeStep(count / total)} ${given === truth ? "right" : ""}"
        x="${left + given * size + 0.5}"
        y="${truth * size + 0.5}"
        width="${size - 1}"
        height="${size - 1}"
        ><title>${t("true {0}, given {1}: {2} of {3}", labels[truth]!, labels[given]!, count, total)}</title></rect
      >`;
      return [
        given === truth
          ? markup`<g data-cell="pair ${truth} ${given}">${square}</g>`
          : pairLink(report, truth, given, square),
      ];
    });
  });
  const names = labels.map(
    (label, index) =>
      markup`<text x="${left - 5}" y="${index * size + size / 2}" dy="0.35em" text-anchor="end"
        >${label.length > 38 ? `${label.slice(0, 37)}…` : label}</text
      >`,
  );
  const all = labels.length * size;
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="${t("Confusion matrix as a picture")}"><figure>
    <svg
      class="field"
      viewBox="0 0 ${left + all + 1} ${all + 1}"
      role="group"
      aria-label="${t("Confusion matrix of {0}; its cells are listed below", language.counted(labels.length, "class"))}"
    >
      <rect class="edge" x="${left}" y="0" width="${all}" height="${all}" />
      ${names}${cells}
    </svg>
    <figcaption>
      ${t("Rows: true class. Columns: class given, in the same order. Shade: share of the row. Framed: right.")} ${hint(t("Click a cell outside the frames to read its texts."))}
    </figcaption>
  </figure></div>`;
}

function pairs({ report, language }: Context, shown = PAIRS_SHOWN): Markup {
  const { t, percent, number } = language;
  const { confused, classes } = report.classification!;
  const multi = report.task.kind === "multi";
  if (confused.length === 0)
    return markup`<p class="soft">
      ${t(multi ? "No label was given in place of another." : "No two classes were confused.")}
    </p>`;
  const place = new Map(report.task.labels.map((label, index) => [label, index]));
  const support = new Map(classes.map((entry) => [entry.label, entry.support]));
  const row = ({ truth, predicted, count }: (typeof confused)[number]) =>
    markup`<tr>
      <th scope="row"><bdi>${truth}</bdi></th>
      <td class="text"><bdi>${predicted}</bdi></td>
      <td>${pairLink(report, place.get(truth)!, place.get(predicted)!, number(count))}</td>
      <td>${percent(count / support.get(truth)!)}</td>
    </tr>`;
  const table = (rows: readonly Markup[], title: string) =>
    markup`<div class="scroll" tabindex="0" role="region" aria-label="${title}">
      <table data-name="${title}">
        <caption>
          ${title}
        </caption>
        <thead>
          <tr>
            <th scope="col" class="left">${t(multi ? "Missed" : "True")}</th>
            <th scope="col" class="left">${t(multi ? "Wrongly given in the same text" : "Given")}</th>
            <th scope="col">${t("Texts")}</th>
            <th scope="col">${t("Of its texts")}</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>`;
  const rest = confused.slice(shown);
  return markup`${table(confused.slice(0, shown).map(row), t("Most frequent confusions"))}
  ${
    rest.length > 0 &&
    markup`<details>
      <summary>${language.counted(rest.length, "more pair")}</summary>
      ${table(rest.map(row), t("Further confusions"))}
    </details>`
  }`;
}

/** A multi-label task has no single matrix; each label has its own two by two. */
function labelCounts({ report, language }: Context): Markup {
  const { classes } = report.classification!;
  const { t, number } = language;
  const texts = report.data.test;
  const cell = (count: number, kind: string, label: number) =>
    markup`<td><span data-cell="${count > 0 && `${kind} ${label}`}">${number(count)}</span></td>`;
  const rows = classes.map(
    ({ label, tp, fp, fn }, at) =>
      markup`<tr>
        <th scope="row"><bdi>${label}</bdi></th>
        ${cell(tp, "hit", at)}${cell(fn, "missed", at)}${cell(fp, "false", at)}
        <td>${number(texts - tp - fp - fn)}</td>
      </tr>`,
  );
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="${t("Decisions per label")}">
    <table data-name="${t("Decisions per label")}">
      <caption>
        ${t("Each label by itself: of {0}, how many were …", language.counted(texts, "test text"))} ${hint("")}
      </caption>
      <thead>
        <tr>
          <th scope="col" class="left">${t("Label")}</th>
          <th scope="col">${t("rightly given")}</th>
          <th scope="col">${t("missed")}</th>
          <th scope="col">${t("wrongly given")}</th>
          <th scope="col">${t("rightly not given")}</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}
