import type { BootstrapEstimate } from "../../schema";
import { abstentionPlot, lossPlot, reliabilityPlot, rougePlot, scorePlot } from "./plots";
import { classes } from "./classes";
import { confusionSection } from "./confusion";
import type { Context } from "./context";
import { errors, outputs, suspects } from "./errors";
import { headline } from "./headline";
import { markup, type Markup } from "./markup";
import { saidSteps } from "./said";
import { thresholds } from "./thresholds";

export interface Section {
  id: string;
  /** For the contents. */
  short: string;
  title: string;
  body: Markup;
}

/** The report's parts in the order of the questions that a reader has. */
export function sections(context: Context): Section[] {
  const { report, language } = context;
  const { classification, generation, task } = report;
  const { t } = language;
  const list: (Section | false | null)[] = [
    {
      id: "good",
      short: t("Any good?"),
      title: t("Is it any good, and is that luck?"),
      body: headline(context),
    },
    classification && {
      id: "classes",
      short: t("Per class"),
      title: t("Where does it fail?"),
      body: classes(context),
    },
    generation && {
      id: "spread",
      short: t("Spread"),
      title: t("Where does it fail?"),
      body: rougePlot(context),
    },
    classification && {
      id: "confusion",
      short: t("Confusions"),
      title: t(
        task.kind === "multi" ? "What does it miss, and what does it give instead?" : "What does it confuse?",
      ),
      body: confusionSection(context),
    },
    {
      id: "errors",
      short: t("Errors"),
      title: t(generation ? "Which outputs are furthest off?" : "Which texts does it get wrong?"),
      body: generation ? outputs(context) : errors(context),
    },
    classification && {
      id: "trust",
      short: t("Probabilities"),
      title: t("Can its probabilities be trusted? What if it may abstain?"),
      body: trust(context),
    },
    (context.unseen?.curves ?? null) !== null && {
      id: "thresholds",
      short: t("Thresholds"),
      title: t("From which probability on should a label be given?"),
      body: thresholds(context),
    },
    report.run.history.length > 0 && {
      id: "learning",
      short: t("Learning"),
      title: t("How did it learn?"),
      body: markup`<div class="pair">${lossPlot(context)}${scorePlot(context)}</div>`,
    },
    { id: "next", short: t("What next"), title: t("What next?"), body: next(context) },
    {
      id: "cost",
      short: t("Cost"),
      title: t("What did it cost, and how to get the same again?"),
      body: cost(context),
    },
  ];
  return list.filter((section) => section !== null && section !== false);
}

function trust(context: Context): Markup {
  const { report, language } = context;
  const { calibration } = report.classification!;
  return markup`<p>
      ${language.t(
        "Expected calibration error {0}: so far is a stated probability from the share that was so, on average. Brier score {1} (0 is perfect).",
        language.percent(calibration.expectedCalibrationError),
        language.decimals(calibration.brier),
      )}
    </p>
    <div class="pair">${reliabilityPlot(context)}${abstentionPlot(context)}</div>`;
}

function next(context: Context): Markup {
  return markup`<ol class="next">
      ${saidSteps(context).map((step) => markup`<li>${step}</li>`)}
    </ol>
    ${context.unseen === null && suspects(context)}`;
}

function cost({ report, language }: Context): Markup {
  const { run, resampling, data } = report;
  const { t, number } = language;
  const units = language.counted(resampling.units, resampling.unit === "group" ? "group" : "text");
  const withoutSomeClass = ({ undefinedResamples }: BootstrapEstimate): [string, string] => [
    t("Resamples without some class"),
    t(
      undefinedResamples === 0 ? "{0} of {1}" : "{0} of {1}, its F1 left out there",
      number(undefinedResamples),
      number(resampling.resamples),
    ),
  ];
  const rows: [string, string][] = [
    [t("Time"), language.duration(run.seconds)],
    [t("Speed"), t("{0} tokens/s", number(Math.round(run.tokensPerSecond)))],
    [t("Most memory"), language.bytes(run.peakBytes)],
    [
      t("Trained parameters"),
      t(
        "{0} of {1} ({2})",
        number(run.trainedParameters),
        number(run.totalParameters),
        smallPercent(run.trainedParameters / run.totalParameters, language),
      ),
    ],
    [t("Device"), `${run.device}, ${run.precision}`],
    [t("Base model"), run.baseModel],
    [t("Method"), run.method],
    [t("Seed"), String(run.seed)],
    [t("Run"), run.id],
    [t("Looks at the test part"), number(data.testLooks)],
    [
      t("Intervals"),
      t(
        "Wilson for precision, recall and accuracy; for the others {0} bootstrap resamples over {1}, seed {2}",
        number(resampling.resamples),
        units,
        String(resampling.seed),
      ),
    ],
    ...(report.classification === null ? [] : [withoutSomeClass(report.classification.macroF1)]),
  ];
  return markup`<dl>
      ${rows.map(
        ([name, value]) =>
          markup`<dt>${name}</dt>
            <dd>${value}</dd>`,
      )}
    </dl>
    ${
      run.repeat === undefined
        ? ""
        : markup`<p>${t("The same again, from the same examples:")}</p>
            <pre><code>${run.repeat}</code></pre>`
    }
    <p class="soft small">
      ${t("manifest.json in the run folder has all settings, the split, and the fingerprints of data and base model.")}
    </p>`;
}

/** Percent with a decimal where whole percent would say 0 or nearly so. */
function smallPercent(share: number, { percent, decimal }: Context["language"]): string {
  if (share >= 0.1) return percent(share);
  return `${(100 * share).toFixed(share < 0.001 ? 2 : 1).replace(".", decimal)}\u00a0%`;
}
