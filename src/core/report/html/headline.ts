import type { Estimate, Outcome, RivalReport, TaskKind } from "../../schema";
import { mainFigure, strongestFirst } from "../verdict";
import type { Context } from "./context";
import type { Language } from "../language";
import { markup, type Markup } from "./markup";
import { strip, stripScale } from "./pictures";
import { describeRival, saidNotes, saidVerdict } from "./said";

const SIGNS: Readonly<Record<Outcome, string>> = {
  better: "▲ Better",
  worse: "▼ A rival is better",
  "as-well": "≈ A rival does as well",
  mixed: "◆ It depends",
  "cannot-tell": "? Cannot tell",
};

const SHORT_SIGNS: Readonly<Record<Outcome, string>> = {
  better: "▲ this run is better",
  worse: "▼ this run is worse",
  "as-well": "≈ does as well",
  mixed: "◆ depends",
  "cannot-tell": "? cannot tell",
};

const JUDGES: Readonly<Record<RivalReport["name"] | "run", string>> = {
  run: "this run",
  majority: "most frequent",
  "every-label": "every label",
  "word-counts": "word counts",
  untuned: "untuned",
  "copy-input": "copied input",
};

const FIGURES: Readonly<Record<TaskKind, string>> = {
  single: "Macro F1",
  multi: "Macro F1",
  generation: "ROUGE-L",
};

/** The headline's figure, as it stands at the head of a column. */
export const figureName = (kind: TaskKind, { t }: Language): string => t(FIGURES[kind]);

/** Figure, verdict, rivals on one scale, and what to keep in mind. */
export function headline(context: Context): Markup {
  const { report, language } = context;
  const { classification, generation, data } = report;
  const { t } = language;
  const main = classification?.macroF1 ?? generation!.rougeL;
  // Of one label a text micro F1 is the accuracy again, under an interval that is computed otherwise.
  const micro =
    classification === null || report.task.kind === "single"
      ? ""
      : `, ${t("micro F1")} ${language.decimals(classification.microF1.value)} ${language.interval(classification.microF1)}`;
  const others = classification
    ? `${t("Accuracy")} ${language.shareWithInterval(classification.accuracy)}${micro}`
    : `chrF ${whole(generation!.chrf)}, ${t("exact match")} ${language.shareWithInterval(generation!.exactMatch)}`;
  const range =
    main.low === null
      ? t("not defined")
      : t("{0} to {1}", language.decimals(main.low), language.decimals(main.high));
  const looks =
    data.testLooks === 1 ? t("looked at once") : t("looked at {0} times", language.number(data.testLooks));
  const verdict = saidVerdict(context);
  const notes = saidNotes(context);
  return markup`<div class="hero">
      <div class="figure">${language.decimals(main.value)}</div>
      <div>
        <p class="range">${figureName(report.task.kind, language)}, ${t("95 % interval")} ${range}</p>
        <p class="soft">
          ${others}<br />${t("on {0}", language.counted(data.test, "test text"))}, ${looks}
        </p>
      </div>
    </div>
    <div class="verdict ${report.verdict.outcome}">
      <strong>${t(SIGNS[report.verdict.outcome])}</strong>
      <p>${verdict}</p>
    </div>
    ${rivals(context, main)}
    ${
      notes.length > 0 &&
      markup`<ul class="notes">
        ${notes.map((note) => markup`<li>${note}</li>`)}
      </ul>`
    }`;
}

/** chrF runs from 0 to 100: whole numbers say enough. */
function whole({ value, low, high }: Estimate): string {
  if (value === null) return "–";
  const round = (figure: number) => String(Math.round(figure));
  return low === null || high === null ? round(value) : `${round(value)} [${round(low)}, ${round(high)}]`;
}

function rivals(context: Context, main: Estimate): Markup {
  const { report, language } = context;
  const { t } = language;
  const share = report.classification?.accuracy ?? report.generation!.exactMatch;
  const row = (rival: RivalReport) =>
    markup`<tr>
      <th scope="row">
        ${t(JUDGES[rival.name])}<span class="sub"><bdi>${describeRival(rival, language)}</bdi></span>
      </th>
      <td class="picture">${strip(rival.main, "rival")}</td>
      <td>
        ${language.decimals(rival.main.value)} <span class="range wide">${language.interval(rival.main)}</span>
      </td>
      <td class="wide">${language.percent(rival.right.value)}</td>
      <td>
        ${language.signed(rival.difference.value)}
        <span class="range wide">${language.interval(rival.difference)}</span
        ><span class="sub">${t(SHORT_SIGNS[rival.outcome])}</span>
      </td>
    </tr>`;
  const title = t("This run and its rivals");
  return markup`<p class="soft small">
      ${t("This run and its rivals on the same {0}. Lines and brackets: 95 % intervals.", language.counted(report.data.test, "test text"))}
    </p>
    <div class="scroll" tabindex="0" role="region" aria-label="${title}">
      <table data-name="${title}">
        <thead>
          <tr>
            <th scope="col" class="left">${t("Who")}</th>
            <td class="picture">${stripScale(language)}</td>
            <th scope="col">${figureName(report.task.kind, language)}</th>
            <th scope="col" class="wide">${t(report.generation ? "Exact match" : "Accuracy")}</th>
            <th scope="col">${t("This run’s lead")}</th>
          </tr>
        </thead>
        <tbody>
          <tr class="own">
            <th scope="row">${t(JUDGES.run)}</th>
            <td class="picture">${strip(main, "own")}</td>
            <td>
              ${language.decimals(main.value)} <span class="range wide">${language.interval(main)}</span>
            </td>
            <td class="wide">${language.percent(share.value)}</td>
            <td></td>
          </tr>
          ${strongestFirst(report.rivals).map(row)}
        </tbody>
      </table>
    </div>
    ${pairedTests(report.task.kind, report.rivals, language)}`;
}

function pairedTests(kind: TaskKind, all: readonly RivalReport[], language: Language): Markup {
  const { t } = language;
  const title = t("The paired tests");
  return markup`<details>
    <summary>${title}</summary>
    <div class="scroll" tabindex="0" role="region" aria-label="${title}">
      <table data-name="${title}">
        <thead>
          <tr>
            <th scope="col" class="left">${t("Rival")}</th>
            <th scope="col">${t("Difference of {0}", mainFigure(kind, language))}</th>
            <th scope="col">${t("Paired bootstrap")}</th>
            <th scope="col">${t("Right only here")}</th>
            <th scope="col">${t("Right only there")}</th>
            <th scope="col">${t("Exact McNemar test")}</th>
          </tr>
        </thead>
        <tbody>
          ${strongestFirst(all).map(
            (rival) =>
              markup`<tr>
                <th scope="row">${t(JUDGES[rival.name])}</th>
                <td>
                  ${language.signed(rival.difference.value)} ${language.interval(rival.difference)}
                </td>
                <td>${language.pValue(rival.difference.p)}</td>
                <td>${rival.mcnemar.onlyRun}</td>
                <td>${rival.mcnemar.onlyRival}</td>
                <td>${language.pValue(rival.mcnemar.p)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </details>`;
}
