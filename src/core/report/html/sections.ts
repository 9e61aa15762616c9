import type { Estimate, Outcome, Report, ReportRow, RivalReport } from "../../schema";
import {
  bytes,
  counted,
  decimals,
  duration,
  interval,
  percent,
  pValue,
  quoted,
  shareWithInterval,
  signed,
} from "../format";
import { JUDGE_NAMES, worstFirst } from "../text";
import { mainFigure, strongestFirst } from "../verdict";
import { markup, type Markup } from "./markup";
import { abstentionPlot, lossPlot, reliabilityPlot, rougePlot, scorePlot } from "./plots";
import { confusionSection } from "./confusion";
import { shareBar, strip, stripScale } from "./pictures";

export interface Section {
  id: string;
  /** For the contents. */
  short: string;
  title: string;
  body: Markup;
}

type Texts = ReadonlyMap<string, string>;

/** The report's parts in the order of the questions that a reader has. */
export function sections(report: Report, texts: Texts): Section[] {
  const { classification, generation } = report;
  const list: (Section | null)[] = [
    { id: "good", short: "Any good?", title: "Is it any good, and is that luck?", body: headline(report) },
    classification && {
      id: "classes",
      short: "Per class",
      title: "Where does it fail?",
      body: classes(report),
    },
    generation && {
      id: "spread",
      short: "Spread",
      title: "Where does it fail?",
      body: rougePlot(report.rows),
    },
    classification && {
      id: "confusion",
      short: "Confusions",
      title:
        report.task.kind === "multi"
          ? "What does it miss, and what does it give instead?"
          : "What does it confuse?",
      body: confusionSection(report),
    },
    {
      id: "errors",
      short: "Errors",
      title: generation ? "Which outputs are furthest off?" : "Which texts does it get wrong?",
      body: generation ? outputs(report.rows, texts) : errors(report, texts),
    },
    classification && {
      id: "trust",
      short: "Probabilities",
      title: "Can its probabilities be trusted? What if it may abstain?",
      body: trust(report),
    },
    report.run.history.length > 0
      ? {
          id: "learning",
          short: "Learning",
          title: "How did it learn?",
          body: markup`<div class="pair">${lossPlot(report)}${scorePlot(report)}</div>`,
        }
      : null,
    { id: "next", short: "What next", title: "What next?", body: next(report, texts) },
    {
      id: "cost",
      short: "Cost",
      title: "What did it cost, and how to get the same again?",
      body: cost(report),
    },
  ];
  return list.filter((section) => section !== null);
}

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

function headline(report: Report): Markup {
  const { classification, generation, data } = report;
  const main = classification?.macroF1 ?? generation!.rougeL;
  const title = classification ? "Macro F1" : "ROUGE-L";
  const others = classification
    ? markup`Accuracy ${shareWithInterval(classification.accuracy)}, micro F1
      ${decimals(classification.microF1.value)} ${interval(classification.microF1)}`
    : markup`chrF ${whole(generation!.chrf)}, exact match ${shareWithInterval(generation!.exactMatch)}`;
  return markup`<div class="hero">
      <div class="figure">${decimals(main.value)}</div>
      <div>
        <p class="range">
          ${title}, 95 % interval
          ${main.low === null ? "not defined" : markup`${decimals(main.low)} to ${decimals(main.high)}`}
        </p>
        <p class="soft">
          ${others}<br />on ${counted(data.test, "test text")},
          ${data.testLooks === 1 ? "looked at once" : `looked at ${data.testLooks} times`}
        </p>
      </div>
    </div>
    <div class="verdict ${report.verdict.outcome}">
      <strong>${SIGNS[report.verdict.outcome]}</strong>
      <p>${report.verdict.sentence}</p>
    </div>
    ${rivals(report, main)}
    ${
      report.notes.length > 0 &&
      markup`<ul class="notes">
        ${report.notes.map((note) => markup`<li>${note}</li>`)}
      </ul>`
    }`;
}

/** chrF runs from 0 to 100: whole numbers say enough. */
function whole({ value, low, high }: Estimate): string {
  if (value === null) return "–";
  const round = (figure: number) => String(Math.round(figure));
  return low === null || high === null ? round(value) : `${round(value)} [${round(low)}, ${round(high)}]`;
}

function rivals(report: Report, main: Estimate): Markup {
  const figure = mainFigure(report.task.kind);
  const right = report.generation ? "Exact match" : "Accuracy";
  const share = report.classification?.accuracy ?? report.generation!.exactMatch;
  const row = (rival: RivalReport) =>
    markup`<tr>
      <th scope="row">
        ${JUDGE_NAMES[rival.name]}<span class="sub"><bdi>${rival.description}</bdi></span>
      </th>
      <td class="picture">${strip(rival.main, "rival")}</td>
      <td>${decimals(rival.main.value)} <span class="range wide">${interval(rival.main)}</span></td>
      <td class="wide">${percent(rival.right.value)}</td>
      <td>
        ${signed(rival.difference.value)} <span class="range wide">${interval(rival.difference)}</span
        ><span class="sub">${SHORT_SIGNS[rival.outcome]}</span>
      </td>
    </tr>`;
  return markup`<p class="soft small">
      This run and its rivals on the same ${counted(report.data.test, "test text")}. Lines and brackets: 95 %
      intervals.
    </p>
    <div class="scroll" tabindex="0" role="region" aria-label="This run and its rivals">
      <table>
        <thead>
          <tr>
            <th scope="col" class="left">Who</th>
            <td class="picture">${stripScale()}</td>
            <th scope="col">${figure.charAt(0).toUpperCase() + figure.slice(1)}</th>
            <th scope="col" class="wide">${right}</th>
            <th scope="col">This run’s lead</th>
          </tr>
        </thead>
        <tbody>
          <tr class="own">
            <th scope="row">${JUDGE_NAMES.run}</th>
            <td class="picture">${strip(main, "own")}</td>
            <td>${decimals(main.value)} <span class="range wide">${interval(main)}</span></td>
            <td class="wide">${percent(share.value)}</td>
            <td></td>
          </tr>
          ${strongestFirst(report.rivals).map(row)}
        </tbody>
      </table>
    </div>
    <details>
      <summary>The paired tests</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="Paired tests">
        <table>
          <thead>
            <tr>
              <th scope="col" class="left">Rival</th>
              <th scope="col">Difference of ${figure}</th>
              <th scope="col">Paired bootstrap</th>
              <th scope="col">Right only here</th>
              <th scope="col">Right only there</th>
              <th scope="col">Exact McNemar test</th>
            </tr>
          </thead>
          <tbody>
            ${strongestFirst(report.rivals).map(
              (rival) =>
                markup`<tr>
                  <th scope="row">${JUDGE_NAMES[rival.name]}</th>
                  <td>${signed(rival.difference.value)} ${interval(rival.difference)}</td>
                  <td>${pValue(rival.difference.p)}</td>
                  <td>${rival.mcnemar.onlyRun}</td>
                  <td>${rival.mcnemar.onlyRival}</td>
                  <td>${pValue(rival.mcnemar.p)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </details>`;
}

/** More classes than a few beyond this: the better ones are folded. */
const CLASSES_SHOWN = 20;

function classes(report: Report): Markup {
  const { classes: all } = report.classification!;
  const multi = report.task.kind === "multi";
  const rows = worstFirst(all).map(
    (entry) =>
      markup`<tr class="${entry.few ? "few" : ""}">
        <th scope="row">
          <bdi>${entry.label}</bdi
          >${entry.few && markup`<span class="sub">${entry.support === 0 ? "no test text" : "too few test texts"}</span>`}
        </th>
        <td class="picture">${strip(entry.f1, entry.few ? "few" : "own")}</td>
        <td>${decimals(entry.f1.value)} <span class="range wide">${interval(entry.f1)}</span></td>
        <td>${percent(entry.precision.value)}<span class="sub wide">${rangeOf(entry.precision)}</span></td>
        <td>${percent(entry.recall.value)}<span class="sub wide">${rangeOf(entry.recall)}</span></td>
        ${multi && markup`<td class="wide">${decimals(entry.threshold?.value ?? null)}${entry.threshold?.source === "default" && markup`<span class="sub">not chosen</span>`}</td>`}
        <td>${entry.support}</td>
        <td class="wide">${entry.trainSupport}</td>
      </tr>`,
  );
  const head = markup`<thead>
    <tr>
      <th scope="col" class="left">Class</th>
      <td class="picture">${stripScale()}</td>
      <th scope="col">F1</th>
      <th scope="col">Precision</th>
      <th scope="col">Recall</th>
      ${multi && markup`<th scope="col" class="wide">Given from</th>`}
      <th scope="col">Test texts</th>
      <th scope="col" class="wide">Training texts</th>
    </tr>
  </thead>`;
  const table = (name: string, part: readonly Markup[]) =>
    markup`<div class="scroll" tabindex="0" role="region" aria-label="${name}">
      <table>
        ${head}
        <tbody>
          ${part}
        </tbody>
      </table>
    </div>`;
  const cut = rows.length > CLASSES_SHOWN + 5 ? CLASSES_SHOWN : rows.length;
  const rest = rows.slice(cut);
  return markup`<p class="soft small">
      Worst first. Precision: of the texts given the class, the share that is of it. Recall: of the texts of
      the class, the share that was found. A dash: nothing to divide by. Lines and brackets: 95 % intervals.
    </p>
    ${table("Figures per class", rows.slice(0, cut))}
    ${
      rest.length > 0 &&
      markup`<details>
        <summary>${counted(rest.length, "better class", "better classes")}</summary>
        ${table("Figures of the other classes", rest)}
      </details>`
    }`;
}

const rangeOf = ({ low, high }: Estimate): string =>
  low === null || high === null ? "" : `${percent(low)} to ${percent(high)}`;

const ERRORS_SHOWN = 40;
/** A longer text is folded at first. */
const LONG_TEXT = 1500;

function bodyOf(id: string, texts: Texts): Markup {
  const text = texts.get(id);
  if (text === undefined) return markup`<p class="soft">The text of ${id} is not at hand.</p>`;
  if (text.length <= LONG_TEXT) return markup`<div class="body" dir="auto">${text}</div>`;
  return markup`<details>
    <summary dir="auto">
      ${text.slice(0, 300)}… <span class="soft">(${counted(text.length, "character")}: open to read)</span>
    </summary>
    <div class="body" dir="auto">${text}</div>
  </details>`;
}

function folded(items: readonly Markup[]): Markup {
  const rest = items.slice(ERRORS_SHOWN);
  return markup`<ol class="errors">
      ${items.slice(0, ERRORS_SHOWN)}
    </ol>
    ${
      rest.length > 0 &&
      markup`<details class="rest">
        <summary>${counted(rest.length, "more text")}</summary>
        <ol class="errors">
          ${rest}
        </ol>
      </details>`
    }`;
}

function errors(report: Report, texts: Texts): Markup {
  const wrong = report.rows
    .filter(({ right }) => !right)
    .sort((a, b) => (b.confidence ?? 0) - (a.confidence ?? 0));
  if (wrong.length === 0) return markup`<p>None: every test text got exactly the right answer.</p>`;
  const place = new Map(report.task.labels.map((label, index) => [label, index]));
  const items = wrong.map((row) => {
    const missed = row.truth.filter((label) => !row.predicted.includes(label));
    const extra = row.predicted.filter((label) => !row.truth.includes(label));
    const pairs = missed.flatMap((truth) =>
      extra.map((given) => `${place.get(truth)!}-${place.get(given)!}`),
    );
    const probability = new Map(row.probabilities.map((entry) => [entry.label, entry.probability]));
    const shown = (label: string, kind: "own" | "rival") =>
      markup`<bdi>${label}</bdi> ${shareBar(probability.get(label) ?? 0, kind)}
        ${percent(probability.get(label) ?? null)}`;
    const labels =
      report.task.kind === "single"
        ? [
            ...row.predicted.map(
              (label) =>
                markup`<span
                  ><span class="mark bad" aria-hidden="true">✗</span>
                  <span class="what">given</span> ${shown(label, "own")}</span
                >`,
            ),
            ...row.truth.map(
              (label) =>
                markup`<span
                  ><span class="mark good" aria-hidden="true">✓</span>
                  <span class="what">true</span> ${shown(label, "rival")}</span
                >`,
            ),
          ]
        : [
            ...extra.map(
              (label) =>
                markup`<span
                  ><span class="mark bad" aria-hidden="true">✗</span>
                  <span class="what">wrongly given</span> ${shown(label, "own")}</span
                >`,
            ),
            ...missed.map(
              (label) =>
                markup`<span
                  ><span class="mark bad" aria-hidden="true">○</span>
                  <span class="what">missed</span> ${shown(label, "rival")}</span
                >`,
            ),
            ...row.truth
              .filter((label) => row.predicted.includes(label))
              .map(
                (label) =>
                  markup`<span
                    ><span class="mark good" aria-hidden="true">✓</span>
                    <span class="what">rightly given</span> ${shown(label, "rival")}</span
                  >`,
              ),
          ];
    return markup`<li data-pairs="${pairs.join(" ")}">
      ${bodyOf(row.id, texts)}
      <div class="labels">${labels}<span class="id">${row.id}</span></div>
    </li>`;
  });
  return markup`<p class="soft">
      ${counted(wrong.length, "text")} of ${report.rows.length.toLocaleString("en-GB")}, most confident first.
      Is the label wrong? Then correct it in the examples file, under the id shown.
    </p>
    <div class="tools" hidden><span role="status"></span><button type="button">Show all errors</button></div>
    ${folded(items)}`;
}

function outputs(rows: readonly ReportRow[], texts: Texts): Markup {
  const worst = rows.toSorted((a, b) => (a.rougeL ?? 0) - (b.rougeL ?? 0));
  const items = worst.map(
    (row) =>
      markup`<li>
        ${bodyOf(row.id, texts)}
        <dl class="small">
          <dt>output</dt>
          <dd dir="auto">
            ${row.predicted[0] === "" ? markup`<span class="soft">(nothing)</span>` : row.predicted[0]!}
          </dd>
          ${row.truth.map(
            (reference, index) =>
              markup`<dt>${index === 0 ? "wanted" : "or"}</dt>
                <dd dir="auto">${reference}</dd>`,
          )}
        </dl>
        <div class="labels">
          <span><span class="what">ROUGE-L</span> ${decimals(row.rougeL)}</span
          ><span><span class="what">chrF</span> ${row.chrf === null ? "–" : Math.round(row.chrf)}</span
          ><span class="id">${row.id}</span>
        </div>
      </li>`,
  );
  return markup`<p class="soft">All ${counted(rows.length, "test text")}, lowest ROUGE-L first.</p>
    ${folded(items)}`;
}

function trust(report: Report): Markup {
  const { calibration } = report.classification!;
  return markup`<p>
      Expected calibration error ${percent(calibration.expectedCalibrationError)}: so far is a stated
      probability from the share that was so, on average. Brier score ${decimals(calibration.brier)} (0 is
      perfect).
    </p>
    <div class="pair">${reliabilityPlot(report)}${abstentionPlot(report)}</div>`;
}

function next(report: Report, texts: Texts): Markup {
  const { suspects } = report;
  return markup`<ol class="next">
      ${report.next.map((step) => markup`<li>${step}</li>`)}
    </ol>
    ${
      suspects.length > 0 &&
      markup`<details>
        <summary>${counted(suspects.length, "training text")} with a doubtful label</summary>
        <ol class="errors">
          ${suspects.map(
            ({ id, truth, predicted, confidence }) =>
              markup`<li>
                ${bodyOf(id, texts)}
                <div class="labels">
                  <span><span class="what">labelled</span> <bdi>${listed(truth)}</bdi></span
                  ><span
                    ><span class="what">a model that never saw it says</span>
                    <bdi>${listed(predicted)}</bdi> ${percent(confidence)}</span
                  ><span class="id">${id}</span>
                </div>
              </li>`,
          )}
        </ol>
      </details>`
    }`;
}

const listed = (labels: readonly string[]): string =>
  labels.length === 0 ? "no label" : labels.map(quoted).join(", ");

function cost(report: Report): Markup {
  const { run, resampling } = report;
  const rows: [string, string][] = [
    ["Time", duration(run.seconds)],
    ["Speed", `${Math.round(run.tokensPerSecond).toLocaleString("en-GB")} tokens/s`],
    ["Most memory", bytes(run.peakBytes)],
    [
      "Trained parameters",
      `${run.trainedParameters.toLocaleString("en-GB")} of ${run.totalParameters.toLocaleString("en-GB")} (${smallPercent(run.trainedParameters / run.totalParameters)})`,
    ],
    ["Device", `${run.device}, ${run.precision}`],
    ["Base model", run.baseModel],
    ["Method", run.method],
    ["Seed", String(run.seed)],
    ["Run", run.id],
    [
      "Intervals",
      `Wilson for precision, recall and accuracy; for the others ${resampling.resamples.toLocaleString("en-GB")} bootstrap resamples over ${resampling.units.toLocaleString("en-GB")} ${resampling.unit === "group" ? "groups" : "texts"}, seed ${resampling.seed}`,
    ],
  ];
  return markup`<dl>
      ${rows.map(
        ([name, value]) =>
          markup`<dt>${name}</dt>
            <dd>${value}</dd>`,
      )}
    </dl>
    <p>The same again, from the same examples:</p>
    <pre><code>plumb tune TASK.plumb.json --method ${run.method} --seed ${run.seed}</code></pre>
    <p class="soft small">
      manifest.json in the run folder has all settings, the split, and the fingerprints of data and base
      model.
    </p>`;
}

/** Percent with a decimal where whole percent would say 0 or nearly so. */
function smallPercent(share: number): string {
  return share < 0.1 ? `${(100 * share).toFixed(share < 0.001 ? 2 : 1)} %` : percent(share);
}
