import type { Estimate } from "../../schema";
import { worstFirst } from "../text";
import type { Context } from "./context";
import type { Language } from "../language";
import { markup, type Markup } from "./markup";
import { strip, stripScale } from "./pictures";
import { signMarks } from "./signs";

/** More classes than a few beyond this: the better ones are folded. */
const CLASSES_SHOWN = 20;

/** Figures of each class, worst first. `data-value` is what a column is sorted by. */
export function classes({ report, language }: Context): Markup {
  const { t } = language;
  const { classes: all } = report.classification!;
  const multi = report.task.kind === "multi";
  const signs = signMarks(report.task);
  const rows = worstFirst(all).map(
    (entry) =>
      markup`<tr class="${entry.few ? "few" : ""}">
        <th scope="row" data-value="${entry.label}">
          ${signs.get(entry.label)!}<bdi>${entry.label}</bdi
          >${entry.few && markup`<span class="sub">${t(entry.support === 0 ? "no test text" : "too few test texts")}</span>`}
        </th>
        <td class="picture">${strip(entry.f1, entry.few ? "few" : "own")}</td>
        <td data-value="${entry.f1.value ?? ""}">
          ${language.decimals(entry.f1.value)} <span class="range wide">${language.interval(entry.f1)}</span>
        </td>
        <td data-value="${entry.precision.value ?? ""}">
          ${language.percent(entry.precision.value)}<span class="sub wide">${rangeOf(entry.precision, language)}</span>
        </td>
        <td data-value="${entry.recall.value ?? ""}">
          ${language.percent(entry.recall.value)}<span class="sub wide">${rangeOf(entry.recall, language)}</span>
        </td>
        ${
          multi &&
          markup`<td class="wide" data-value="${entry.threshold?.value ?? ""}">
            ${language.decimals(entry.threshold?.value ?? null)}${entry.threshold?.source === "default" && markup`<span class="sub">${t("not chosen")}</span>`}
          </td>`
        }
        <td data-value="${entry.support}">${language.number(entry.support)}</td>
        <td class="wide" data-value="${entry.trainSupport}">${language.number(entry.trainSupport)}</td>
      </tr>`,
  );
  const head = markup`<thead>
    <tr>
      <th scope="col" class="left">${t("Class")}</th>
      <td class="picture">${stripScale(language)}</td>
      <th scope="col" aria-sort="ascending">F1</th>
      <th scope="col">${t("Precision")}</th>
      <th scope="col">${t("Recall")}</th>
      ${multi && markup`<th scope="col" class="wide">${t("Given from")}</th>`}
      <th scope="col">${t("Test texts")}</th>
      <th scope="col" class="wide">${t("Training texts")}</th>
    </tr>
  </thead>`;
  const table = (name: string, part: readonly Markup[]) =>
    markup`<div class="scroll" tabindex="0" role="region" aria-label="${name}">
      <table data-name="${name}" class="sortable">
        ${head}
        <tbody>
          ${part}
        </tbody>
      </table>
    </div>`;
  const cut = rows.length > CLASSES_SHOWN + 5 ? CLASSES_SHOWN : rows.length;
  const rest = rows.slice(cut);
  return markup`<p class="soft small">
      ${t("Worst first. Precision: of the texts given the class, the share that is of it. Recall: of the texts of the class, the share that was found. A dash: nothing to divide by. Lines and brackets: 95 % intervals.")}
    </p>
    ${table(t("Figures per class"), rows.slice(0, cut))}
    ${
      rest.length > 0 &&
      markup`<details>
        <summary>${language.counted(rest.length, "better class")}</summary>
        ${table(t("Figures of the other classes"), rest)}
      </details>`
    }`;
}

const rangeOf = ({ low, high }: Estimate, language: Language): string =>
  low === null || high === null
    ? ""
    : language.t("{0} to {1}", language.percent(low), language.percent(high));
