import type { ClassReport, Report } from "../schema";
import { FEW_TEST_TEXTS } from "./few";
import { FEW_UNITS } from "./rivals";
import { english, type Language } from "./language";

/** A macro F1 from which a run, or a word count, can be said to do the job. */
const GOOD = 0.7;

type Facts = Omit<Report, "next" | "notes">;

/** What to do next, from the facts of the report: two or three sentences, most useful first. */
export function nextSteps(report: Facts, language: Language = english): string[] {
  const { t, counted, decimals, interval, percent, quoted, number } = language;
  const steps: string[] = [];
  const { classification, rivals, suspects, data } = report;
  const against = (name: string) => rivals.find((rival) => rival.name === name);
  const majority = against("majority");
  const swallowed = swallower(report);
  if (swallowed !== null) {
    steps.push(
      t(
        "It answers {0} for {1} of the texts, and only {2} are of it: the other classes are hardly learned yet. Give it more steps, or label more of the rare classes; on the command line --balance helps them too.",
        quoted(swallowed.label),
        percent(swallowed.predicted / data.test),
        percent(swallowed.support / data.test),
      ),
    );
  } else if (majority?.outcome === "as-well" || majority?.outcome === "worse") {
    steps.push(
      t(
        "The run has hardly learned the task: look at the labels first, then at the wording of the instruction.",
      ),
    );
  }
  if (suspects.length > 0 && !isWeak(report)) {
    steps.push(
      t(
        suspects.length === 1
          ? "Check {0} first: a model that was not fitted to this text is at least {1} sure of another answer."
          : "Check {0} first: a model that was not fitted to these texts is at least {1} sure of another answer.",
        counted(suspects.length, "training label"),
        percent(suspects.at(-1)!.confidence),
      ),
    );
  }
  if (classification !== null && swallowed === null) {
    const { classes, confused } = classification;
    const support = new Map(classes.map((entry) => [entry.label, entry.support]));
    const pair = mutual(confused).find(
      ({ count, least, labels }) =>
        count >= 5 &&
        least >= 0.25 * count &&
        count >= 0.25 * labels.reduce((sum, label) => sum + support.get(label)!, 0),
    );
    if (pair !== undefined) {
      const [one, other] = pair.labels;
      steps.push(
        t(
          "{0} and {1} are taken for each other in {2}: write down what tells them apart, or merge them.",
          quoted(one),
          quoted(other),
          counted(pair.count, "test text"),
        ),
      );
    }
    const measured = classes.filter((entry) => !entry.few && entry.f1.value !== null);
    const weakest = measured.sort((a, b) => a.f1.value! - b.f1.value!).at(0);
    const median = classes.map((entry) => entry.trainSupport).sort((a, b) => a - b)[
      Math.floor(classes.length / 2)
    ]!;
    if (
      weakest !== undefined &&
      weakest.f1.value! < 0.8 &&
      weakest.trainSupport <= median &&
      weakest.trainSupport < 200
    ) {
      steps.push(
        t(
          "Label more of {0}: it has the lowest F1 ({1}) and {2}.",
          quoted(weakest.label),
          decimals(weakest.f1.value),
          counted(weakest.trainSupport, "training text"),
        ),
      );
    }
    const few = classes.filter((entry) => entry.few);
    if (few.length > 0) {
      steps.push(
        few.length === 1
          ? t(
              "{0} has only {1}: label more of it before its score means anything.",
              quoted(few[0]!.label),
              counted(few[0]!.support, "test text"),
            )
          : t(
              "{0} classes have fewer than {1} test texts: label more of them before their scores mean anything.",
              few.length,
              FEW_TEST_TEXTS,
            ),
      );
    }
  }
  const unclear = rivals.find((rival) => rival.outcome === "cannot-tell");
  const width = unclear === undefined ? null : widthOf(unclear.difference);
  if (width !== null) {
    const half = width / 2;
    const needed = Math.ceil((data.test * (half / 0.05) ** 2) / 50) * 50;
    if (needed > data.test * 1.2) {
      steps.push(
        t(
          "To see a difference of {0}, about {1} test texts would be needed; there are {2}.",
          decimals(0.05),
          number(needed),
          number(data.test),
        ),
      );
    }
  }
  if (against("word-counts")?.outcome === "as-well" || against("word-counts")?.outcome === "worse") {
    steps.push(
      (against("word-counts")!.main.value ?? 0) >= GOOD
        ? t(
            "Words alone give the answer away here: a word count is as good and costs nothing, unless more labels change it.",
          )
        : t("So far the run has not learned more than words alone tell: give it more steps, or label more."),
    );
  }
  const scores = report.run.history.flatMap(({ heldOutScore }) =>
    heldOutScore === undefined ? [] : [heldOutScore],
  );
  if (scores.length >= 4 && scores.at(-1)! > Math.max(...scores.slice(0, -1))) {
    steps.push(t("The held-out score was still rising when the run ended: more steps may help."));
  }
  if (steps.length === 0) {
    const main = classification?.macroF1 ?? report.generation?.rougeL;
    const width = main === undefined ? null : widthOf(main);
    steps.push(
      main !== undefined && width !== null && width < 0.08
        ? t("Good enough to use: more labels will hardly change these figures ({0}).", interval(main))
        : t("More labels would narrow the intervals; nothing else stands out."),
    );
  }
  return steps.slice(0, 3);
}

function widthOf({ low, high }: { low: number | null; high: number | null }): number | null {
  return low === null || high === null ? null : high - low;
}

/** The class that swallows the others: given to more than half of the texts, and far oftener than it occurs. */
function swallower({ classification, task, data }: Facts): ClassReport | null {
  if (classification === null || task.kind !== "single") return null;
  const swallows = ({ predicted, support }: ClassReport) =>
    predicted > data.test / 2 && predicted > 1.5 * support;
  return classification.classes.find(swallows) ?? null;
}

/**
 * Whether a run is too weak for its word to count against a label: a class swallows the others, a rival does better, or it is
 * shown to be better than all of them neither by paired tests nor by figures that speak for themselves.
 */
export function isWeak(report: Facts): boolean {
  const { verdict, classification } = report;
  if (swallower(report) !== null || verdict.outcome === "worse") return true;
  return verdict.outcome !== "better" && (classification?.macroF1.value ?? 0) < GOOD;
}

interface MutualPair {
  labels: [string, string];
  /** Texts confused in either direction, and in the rarer of the two. */
  count: number;
  least: number;
}

/** Pairs of labels, those most often confused first. */
function mutual(confused: readonly { truth: string; predicted: string; count: number }[]): MutualPair[] {
  const pairs = new Map<string, MutualPair>();
  for (const { truth, predicted, count } of confused) {
    const labels: [string, string] = truth < predicted ? [truth, predicted] : [predicted, truth];
    const key = JSON.stringify(labels);
    const known = pairs.get(key);
    if (known === undefined) pairs.set(key, { labels, count, least: 0 });
    else {
      known.least = Math.min(known.count, count);
      known.count += count;
    }
  }
  return [...pairs.values()].sort((a, b) => b.count - a.count);
}

/** What a reader should keep in mind about the figures. */
export function cautions(report: Facts, language: Language = english): string[] {
  const { t, counted, quoted } = language;
  const notes: string[] = [];
  const { classification, resampling, data } = report;
  if (data.testLooks > 1) {
    notes.push(
      t(
        "The test part has been looked at {0} times. What was chosen after a look fits it a little: the figures may be too good.",
        String(data.testLooks),
      ),
    );
  }
  if (resampling.unit === "group") {
    notes.push(
      t(
        "Texts of one group are drawn together in the bootstrap; the intervals of precision, recall and accuracy take all texts as independent and may be too narrow.",
      ),
    );
  }
  if (resampling.units < FEW_UNITS) {
    notes.push(
      t(
        "Only {0}: the intervals are themselves unsure, and a lead counts only where the exact test agrees.",
        counted(resampling.units, resampling.unit === "group" ? "group" : "test text"),
      ),
    );
  }
  if (classification !== null) {
    const flat = classification.classes.filter(({ f1 }) => f1.value !== null && f1.low === f1.high);
    if (flat.length > 0) {
      notes.push(
        t(
          "No resample changes the F1 of {0}: an interval without width says that the test has too few cases, not that the figure is exact. Read the intervals of precision and recall there.",
          flat.length <= 3
            ? flat.map(({ label }) => quoted(label)).join(", ")
            : counted(flat.length, "class"),
        ),
      );
    }
    const kept = classification.classes.filter(({ threshold }) => threshold?.source === "default");
    if (kept.length > 0) {
      notes.push(
        t(
          "{0} of {1} had too few positives to choose a threshold on and kept {2}.",
          counted(kept.length, "label"),
          String(classification.classes.length),
          language.tag === "en" ? "0.5" : "0,5",
        ),
      );
    }
  }
  return notes;
}
