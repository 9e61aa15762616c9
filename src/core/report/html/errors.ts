import type { JudgedTexts } from "../../runs/judged-texts";
import type { ReportRow } from "../../schema";
import { isWeak } from "../advice";
import type { Context } from "./context";
import type { Language } from "../language";
import { markup, type Markup } from "./markup";
import { shareBar } from "./pictures";

const ERRORS_SHOWN = 40;
/** Errors on training texts come before those of the test: fewer of them stand open. */
const UNSEEN_SHOWN = 15;
/** A longer text is folded at first. */
const LONG_TEXT = 1500;

const byConfidence = (a: ReportRow, b: ReportRow) => (b.confidence ?? 0) - (a.confidence ?? 0);

/**
 * Texts that the run got wrong, most confident first. Those that a model contradicts which never saw them come before the
 * test part: there labels are most often wrong, unless the model is a weak one.
 */
export function errors(context: Context): Markup {
  const { report, unseen, language } = context;
  const { t } = language;
  const wrong = report.rows.filter(({ right }) => !right).sort(byConfidence);
  const doubtful = unseen?.rows.filter(({ right }) => !right).sort(byConfidence) ?? [];
  const place = new Map(report.task.labels.map((label, index) => [label, index]));
  const pairsOf = ({ truth, predicted }: ReportRow) =>
    truth
      .filter((label) => !predicted.includes(label))
      .flatMap((missed) =>
        predicted
          .filter((label) => !truth.includes(label))
          .map((given) => `${place.get(missed)!}-${place.get(given)!}`),
      )
      .join(" ");
  const test =
    wrong.length === 0
      ? markup`<p>${t("None: every test text got exactly the right answer.")}</p>`
      : markup`<p class="soft">
            ${t("{0} of {1}, most confident first.", language.counted(wrong.length, "test text"), report.rows.length)}
            ${t("Is the label wrong? Then correct it: the id names the example in its file, and in the editor leads to it.")}
          </p>
          <div class="tools" hidden>
            <span role="status"></span><button type="button">${t("Show all errors")}</button>
          </div>
          ${folded(
            wrong.map((row) => item(row, context, pairsOf(row))),
            ERRORS_SHOWN,
            language,
          )}`;
  if (unseen === null) return test;
  const weak = isWeak(report);
  const explained =
    unseen.part === "out-of-fold"
      ? t("Every training text was judged by a model that had not seen it.")
      : t("Held-out training texts: the model was not fitted to them, but they chose its best step.");
  return markup`<div class="unseen">
      <h3>${t("Training texts that it sees differently")}</h3>
      <p class="soft">
        ${explained}
        ${t(
          weak
            ? "{0} of {1}, most confident first."
            : "{0} of {1}, most confident first: here wrong labels show first.",
          language.counted(doubtful.length, "text"),
          unseen.rows.length,
        )}
        ${weak && weakness(language)}
      </p>
      ${folded(
        doubtful.map((row) => item(row, context, null)),
        UNSEEN_SHOWN,
        language,
      )}
    </div>
    <h3>${t("Test texts")}</h3>
    ${test}`;
}

/** Why a list of labels that a weak run contradicts is none of doubtful labels. */
const weakness = ({ t }: Language): string => t("A run as weak as this one says little about the labels.");

/** Outputs of a generation task, furthest off first. */
export function outputs(context: Context): Markup {
  const { report, language } = context;
  const { t } = language;
  const worst = report.rows.toSorted((a, b) => (a.rougeL ?? 0) - (b.rougeL ?? 0));
  const items = worst.map(
    (row) =>
      markup`<li>
        ${bodyOf(row.id, context)}
        <dl class="small">
          <dt>${t("output")}</dt>
          <dd dir="auto">
            ${row.predicted[0] === "" ? markup`<span class="soft">(${t("nothing")})</span>` : row.predicted[0]!}
          </dd>
          ${row.truth.map(
            (reference, index) =>
              markup`<dt>${t(index === 0 ? "wanted" : "or")}</dt>
                <dd dir="auto">${reference}</dd>`,
          )}
        </dl>
        <div class="labels">
          <span><span class="what">ROUGE-L</span> ${language.decimals(row.rougeL)}</span
          ><span><span class="what">chrF</span> ${row.chrf === null ? "–" : Math.round(row.chrf)}</span
          ><span class="id">${row.id}</span>
        </div>
      </li>`,
  );
  return markup`<p class="soft">
      ${t("All {0}, lowest ROUGE-L first.", language.counted(worst.length, "test text"))}
    </p>
    ${folded(items, ERRORS_SHOWN, language)}`;
}

/** Training texts whose label is in doubt, as the report itself names them; or, by a weak run, only contradicted. */
export function suspects(context: Context): Markup | null {
  const { report, language } = context;
  const { t } = language;
  const listed = (labels: readonly string[]) =>
    labels.length === 0 ? t("no label") : labels.map((label) => language.quoted(label)).join(", ");
  const { length } = report.suspects;
  if (length === 0) return null;
  const weak = isWeak(report);
  return markup`<details>
    <summary>
      ${
        weak
          ? `${t("Training texts that it sees differently")}: ${language.number(length)}`
          : t("{0} with a doubtful label", language.counted(length, "training text"))
      }
    </summary>
    ${weak && markup`<p class="soft">${weakness(language)}</p>`}
    <ol class="errors">
      ${report.suspects.map(
        ({ id, truth, predicted, confidence }) =>
          markup`<li>
            ${bodyOf(id, context)}
            <div class="labels">
              <span><span class="what">${t("labelled")}</span> <bdi>${listed(truth)}</bdi></span
              ><span
                ><span class="what">${t("a model that never saw it says")}</span>
                <bdi>${listed(predicted)}</bdi> ${language.percent(confidence)}</span
              ><span class="id">${id}</span>
            </div>
          </li>`,
      )}
    </ol>
  </details>`;
}

const bodyOf = (id: string, { texts, language }: Context): Markup => itemBody(id, texts, language);

/** A text by its id, folded where it is long. */
export function itemBody(id: string, texts: JudgedTexts, language: Language): Markup {
  const text = texts.get(id);
  if (text === undefined)
    return markup`<p class="soft">${language.t("The text of {0} is not at hand.", id)}</p>`;
  if (text === null)
    return markup`<p class="soft">${language.t("The text of {0} was changed after this run had judged it.", id)}</p>`;
  if (text.length <= LONG_TEXT) return markup`<div class="body" dir="auto">${text}</div>`;
  return markup`<details>
    <summary dir="auto">
      ${text.slice(0, 300)}…
      <span class="soft">(${language.t("{0}: open to read", language.counted(text.length, "character"))})</span>
    </summary>
    <div class="body" dir="auto">${text}</div>
  </details>`;
}

function folded(items: readonly Markup[], shown: number, language: Language): Markup {
  const rest = items.slice(shown);
  return markup`<ol class="errors">
      ${items.slice(0, shown)}
    </ol>
    ${
      rest.length > 0 &&
      markup`<details class="rest">
        <summary>${language.counted(rest.length, "more text")}</summary>
        <ol class="errors">
          ${rest}
        </ol>
      </details>`
    }`;
}

/** @param pairs places of confused labels, for cells of the matrix; null where no cell leads here */
function item(row: ReportRow, context: Context, pairs: string | null): Markup {
  const { language, report } = context;
  const { t } = language;
  const probability = new Map(row.probabilities.map((entry) => [entry.label, entry.probability]));
  const shown = (label: string, kind: "own" | "rival", mark: "bad" | "good", sign: string, what: string) =>
    markup`<span
      ><span class="mark ${mark}" aria-hidden="true">${sign}</span> <span class="what">${what}</span>
      <bdi>${label}</bdi> ${shareBar(probability.get(label) ?? 0, kind)}
      ${language.percent(probability.get(label) ?? null)}</span
    >`;
  const missed = row.truth.filter((label) => !row.predicted.includes(label));
  const extra = row.predicted.filter((label) => !row.truth.includes(label));
  const both = row.truth.filter((label) => row.predicted.includes(label));
  const labels =
    report.task.kind === "single"
      ? [
          ...row.predicted.map((label) => shown(label, "own", "bad", "✗", t("given"))),
          ...row.truth.map((label) => shown(label, "rival", "good", "✓", t("true"))),
        ]
      : [
          ...extra.map((label) => shown(label, "own", "bad", "✗", t("wrongly given"))),
          ...missed.map((label) => shown(label, "rival", "bad", "○", t("missed"))),
          ...both.map((label) => shown(label, "rival", "good", "✓", t("rightly given"))),
        ];
  const content = markup`${bodyOf(row.id, context)}
    <div class="labels">${labels}<span class="id">${row.id}</span></div>`;
  return pairs === null ? markup`<li>${content}</li>` : markup`<li data-pairs="${pairs}">${content}</li>`;
}
