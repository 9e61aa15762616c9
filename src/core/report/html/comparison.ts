import { PlumbError } from "../../errors";
import type { JudgedTexts } from "../../runs/judged-texts";
import type { Estimate, Outcome, Report } from "../../schema";
import { changedTexts, classDifferences, type ChangedText } from "../changes";
import { compareReports, type RunComparison } from "../compare-runs";
import { languageFor, type Language } from "../language";
import { settingsTable, type RunFacts } from "./comparison-settings";
import { itemBody } from "./errors";
import { mainFigure } from "../verdict";
import { figureName } from "./headline";
import { markup, type Markup } from "./markup";
import { timeOf, wholePage } from "./page";
import { differenceScale, differenceStrip, strip, stripScale } from "./pictures";
import type { Section } from "./sections";
import { signMarks } from "./signs";

export interface ComparisonOptions {
  readonly texts?: JudgedTexts;
  /** In the runs' order; null where one cannot be read. */
  readonly manifests?: readonly (RunFacts | null)[];
  /** Place of the run that the others are measured against. */
  readonly reference: number;
  /** Of the reader, as editors name it; English by default. */
  readonly language?: string;
}

/** A run beside the reference; null where the two cannot be compared, with the reason. */
interface Beside {
  readonly place: number;
  readonly report: Report;
  readonly comparison: RunComparison | null;
  readonly reason: string | null;
}

interface Comparing {
  readonly reports: readonly Report[];
  readonly reference: number;
  readonly others: readonly Beside[];
  readonly texts: JudgedTexts;
  readonly language: Language;
}

/** How runs are told apart on the page: A, B, C … in their order. */
export const letterOf = (place: number): string => String.fromCharCode(65 + (place % 26));

/** Runs of one task side by side: differences with intervals, per class too, and the texts whose decision has changed. */
export function renderComparison(reports: readonly Report[], options: ComparisonOptions): string {
  const language = languageFor(options.language ?? "en");
  const { t } = language;
  const base = reports[options.reference]!;
  const others = reports.flatMap((report, place): Beside[] => {
    if (place === options.reference) return [];
    try {
      return [{ place, report, comparison: compareReports(report, base), reason: null }];
    } catch (error) {
      if (!(error instanceof PlumbError)) throw error;
      return [{ place, report, comparison: null, reason: error.message }];
    }
  });
  const context: Comparing = {
    ...{ reports, others, language },
    reference: options.reference,
    texts: options.texts ?? new Map(),
  };
  const single = base.task.kind !== "generation";
  const parts: (Section | false)[] = [
    {
      id: "better",
      short: t("Which is better?"),
      title: t("Which is better, and is that luck?"),
      body: runs(context),
    },
    single && {
      id: "per-class",
      short: t("Per class"),
      title: t("What differs per class?"),
      body: perClass(context),
    },
    {
      id: "changed",
      short: t("Changed texts"),
      title: t("Which texts are decided differently?"),
      body: changed(context),
    },
    {
      id: "settings",
      short: t("Settings"),
      title: t("What was done differently?"),
      body: settingsTable(
        reports,
        options.manifests ?? reports.map(() => null),
        reports.map((_, place) => letterOf(place)),
        language,
      ),
    },
  ];
  const name = t("{0}: comparison of {1}", base.task.name, language.counted(reports.length, "run"));
  return wholePage({
    ...{ language, name, title: name },
    header: markup`<p class="facts">
      ${t("Compared on the test texts that both runs have, by paired tests.")}
      ${t("This tells these adapters apart, not their settings: tuned anew with another seed, either would score a little differently.")}
    </p>`,
    parts: parts.filter((part) => part !== false),
  });
}

const SENTENCES: Readonly<Record<Outcome, string>> = {
  better: "{0} is better than {1}: {2}.",
  worse: "{0} is worse than {1}: {2}.",
  mixed:
    "It depends on what counts: {0} stands at {2} against {1}, but the number of texts got right says the opposite.",
  "as-well": "Cannot tell {0} from {1}: {2}.",
  "cannot-tell": "Cannot tell {0} from {1}: {2}.",
};

function runs({ reports, reference, others, language }: Comparing): Markup {
  const { t } = language;
  const base = reports[reference]!;
  const figure = figureName(base.task.kind, language);
  const beside = new Map(others.map((other) => [other.place, other]));
  const rows = reports.map((report, place) => {
    const main = report.classification?.macroF1 ?? report.generation!.rougeL;
    const right = report.classification?.accuracy ?? report.generation!.exactMatch;
    const { comparison = null } = beside.get(place) ?? {};
    const lead =
      comparison === null
        ? markup`<td class="soft">${place === reference ? t("measured against") : "–"}</td>
            <td></td>
            <td></td>`
        : markup`<td>
              ${language.signed(comparison.difference.value)}
              <span class="range">${language.interval(comparison.difference)}</span>
              <span class="sub">${language.pValue(comparison.difference.p)}</span>
            </td>
            <td>${comparison.mcnemar.onlyFirst}</td>
            <td>
              ${comparison.mcnemar.onlySecond}<span class="sub">${language.pValue(comparison.mcnemar.p)}</span>
            </td>`;
    const name = `${letterOf(place)}: ${report.run.method}`;
    return markup`<tr class="${place === reference ? "own" : ""}">
      <th scope="row">
        <label
          ><input
            type="radio"
            name="reference"
            value="${place}"
            aria-label="${t("Measure the others against {0}", name)}"
            hidden=""
            disabled=""
            ${place === reference && CHECKED}
          />
          ${name}</label
        ><span class="sub">${report.run.baseModel} · ${timeOf(report.run.startedAt)}</span>
      </th>
      <td class="picture">${strip(main, place === reference ? "own" : "rival")}</td>
      <td>${language.decimals(main.value)} <span class="range wide">${language.interval(main)}</span></td>
      <td class="wide">${language.percent(right.value)}</td>
      ${lead}
    </tr>`;
  });
  const title = t("The runs");
  return markup`${others.map(({ place, comparison, reason }) =>
    comparison === null
      ? markup`<p>${t("{0} cannot be compared with {1}:", letterOf(place), letterOf(reference))} ${reason ?? ""}</p>`
      : markup`<div class="verdict ${comparison.outcome}"><p>
          ${t(
            SENTENCES[comparison.outcome],
            letterOf(place),
            letterOf(reference),
            `${mainFigure(base.task.kind, language)} ${language.signed(comparison.difference.value)} ${language.interval(comparison.difference)}`.trim(),
          )}
          <span class="soft"
            >${t("On {0}.", language.counted(comparison.texts, "test text"))}${comparison.left > 0 && ` ${t("{0} others are in one run only, or have another answer there.", language.number(comparison.left))}`}</span
          >
        </p></div>`,
  )}
    <div class="scroll" tabindex="0" role="region" aria-label="${title}">
      <table data-name="${title}">
        <thead>
          <tr>
            <th scope="col" class="left">${t("Run")}</th>
            <td class="picture">${stripScale(language)}</td>
            <th scope="col">${figure}</th>
            <th scope="col" class="wide">${t(base.generation ? "Exact match" : "Accuracy")}</th>
            <th scope="col">${t("Lead over {0}", letterOf(reference))}</th>
            <th scope="col">${t("Right only here")}</th>
            <th scope="col">${t("Only in {0}", letterOf(reference))}</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
    <p class="soft small">
      ${t("Lines and brackets: 95 % intervals; that of a lead from a paired bootstrap, which is why it can be narrow where those of the runs overlap. Who compares many runs will find one that is better by luck.")}
    </p>`;
}

const CHECKED = markup`checked=""`;

function perClass({ reports, reference, others, language }: Comparing): Markup {
  const { t } = language;
  const base = reports[reference]!;
  const b = letterOf(reference);
  const signs = signMarks(base.task);
  return markup`${others.map(({ place, report, comparison }) => {
    if (comparison === null) return null;
    const differences = classDifferences(report, base);
    const reach = reachOf(differences.map(({ difference }) => difference));
    const a = letterOf(place);
    const title = t("{0} against {1}, per class", a, b);
    const rows = differences
      .toSorted((one, other) => (one.difference.value ?? 2) - (other.difference.value ?? 2))
      .map(
        ({ label, support, first, second, difference }) =>
          markup`<tr>
            <th scope="row" data-value="${label}">${signs.get(label)!}<bdi>${label}</bdi></th>
            <td class="picture">${differenceStrip(difference, reach)}</td>
            <td data-value="${difference.value ?? ""}">
              ${language.signed(difference.value)} <span class="range">${language.interval(difference)}</span>
            </td>
            <td data-value="${second.f1 ?? ""}">${language.decimals(second.f1)}</td>
            <td data-value="${first.f1 ?? ""}">${language.decimals(first.f1)}</td>
            <td class="wide" data-value="${first.precision ?? ""}">
              ${language.percent(second.precision)} → ${language.percent(first.precision)}
            </td>
            <td class="wide" data-value="${first.recall ?? ""}">
              ${language.percent(second.recall)} → ${language.percent(first.recall)}
            </td>
            <td data-value="${support}">${language.number(support)}</td>
          </tr>`,
      );
    return markup`<div class="scroll" tabindex="0" role="region" aria-label="${title}">
      <table data-name="${title}" class="sortable">
        <caption>
          ${title}
        </caption>
        <thead>
          <tr>
            <th scope="col" class="left">${t("Class")}</th>
            <td class="picture">${differenceScale(reach, language)}</td>
            <th scope="col" aria-sort="ascending">${t("Difference of {0}", "F1")}</th>
            <th scope="col">${t("F1 of {0}", b)}</th>
            <th scope="col">${t("F1 of {0}", a)}</th>
            <th scope="col" class="wide">${t("Precision")}</th>
            <th scope="col" class="wide">${t("Recall")}</th>
            <th scope="col">${t("Test texts")}</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>`;
  })}`;
}

/** How far a scale of differences goes to either side: the furthest end of an interval, rounded up to a tenth. */
function reachOf(differences: readonly Estimate[]): number {
  const ends = differences
    .flatMap(({ low, high, value }) => [low, high, value])
    .map((end) => Math.abs(end ?? 0));
  return Math.min(1, Math.max(0.1, Math.ceil(10 * Math.max(0, ...ends)) / 10));
}

const SHOWN = 25;

function changed(context: Comparing): Markup {
  const { reports, reference, others, language } = context;
  const { t } = language;
  const b = letterOf(reference);
  return markup`${others.map(({ place, report, comparison }) => {
    if (comparison === null) return null;
    const a = letterOf(place);
    const all = changedTexts(report, reports[reference]!);
    const groups = [
      [t("Right only in {0}", a), all.filter(({ right }) => right === "first")],
      [t("Right only in {0}", b), all.filter(({ right }) => right === "second")],
      [t("Wrong in both, in another way"), all.filter(({ right }) => right === "neither")],
    ] as const;
    return markup`<h3>${t("{0} against {1}: {2} of {3} are decided differently", a, b, language.number(all.length), language.counted(comparison.texts, "test text"))}</h3>
      ${groups.map(
        ([name, texts]) =>
          markup`<details ${texts.length > 0 && name === groups[1][0] && OPEN}>
            <summary>${name}: ${language.number(texts.length)}</summary>
            <ol class="errors">
              ${texts.slice(0, SHOWN).map((one) => changedItem(one, a, b, context))}
            </ol>
            ${
              texts.length > SHOWN &&
              markup`<details>
                <summary>${language.counted(texts.length - SHOWN, "more text")}</summary>
                <ol class="errors">
                  ${texts.slice(SHOWN).map((one) => changedItem(one, a, b, context))}
                </ol>
              </details>`
            }
          </details>`,
      )}`;
  })}`;
}

const OPEN = markup`open=""`;

function changedItem({ first, second }: ChangedText, a: string, b: string, context: Comparing): Markup {
  const { language, texts } = context;
  const { t } = language;
  const listed = (labels: readonly string[]) => (labels.length === 0 ? t("no label") : labels.join(", "));
  const said = (letter: string, { right, predicted, confidence }: ChangedText["first"]) =>
    markup`<span
      ><span class="mark ${right ? "good" : "bad"}" aria-hidden="true">${right ? "✓" : "✗"}</span>
      <span class="what">${letter} ${t(right ? "(right)" : "(wrong)")}</span>
      <bdi>${listed(predicted)}</bdi> ${confidence === null ? "" : language.percent(confidence)}</span
    >`;
  return markup`<li>
    ${itemBody(first.id, texts, language)}
    <div class="labels">
      ${said(a, first)}${said(b, second)}
      <span><span class="what">${t("true")}</span> <bdi>${listed(first.truth)}</bdi></span
      ><span class="id">${first.id}</span>
    </div>
  </li>`;
}
