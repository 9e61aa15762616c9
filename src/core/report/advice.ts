import type { ClassReport, Report } from "../schema";
import { FEW_UNITS } from "./rivals";
import { counted, decimals, interval, percent, quoted } from "./format";

/** With fewer test texts than this a class's figures say little. */
export const FEW_TEST_TEXTS = 10;

/** A macro F1 from which a word count can be said to do the job. */
const GOOD = 0.7;

type Facts = Omit<Report, "next" | "notes">;

/** What to do next, from the facts of the report: two or three sentences, most useful first. */
export function nextSteps(report: Facts): string[] {
  const steps: string[] = [];
  const { classification, rivals, suspects, data } = report;
  const against = (name: string) => rivals.find((rival) => rival.name === name);
  const majority = against("majority");
  const swallowed =
    classification === null || report.task.kind !== "single"
      ? null
      : swallower(classification.classes, data.test);
  if (swallowed !== null) {
    steps.push(
      `It answers ${quoted(swallowed.label)} for ${percent(swallowed.predicted / data.test)} of the texts, and only ${percent(swallowed.support / data.test)} are of it: the other classes are hardly learned yet. Give it more steps, help the rare classes (\`--balance\`), or label more of them.`,
    );
  } else if (majority?.outcome === "as-well" || majority?.outcome === "worse") {
    steps.push(
      "The run has hardly learned the task: look at the labels first, then at the wording of the instruction.",
    );
  }
  if (suspects.length > 0) {
    steps.push(
      `Check ${counted(suspects.length, "training label")} first: a model that was not fitted to ${suspects.length === 1 ? "this text" : "these texts"} is at least ${percent(suspects.at(-1)!.confidence)} sure of another answer.`,
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
      const [one, other] = pair.labels.map(quoted);
      steps.push(
        `${one} and ${other} are taken for each other in ${counted(pair.count, "test text")}: write down what tells them apart, or merge them.`,
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
        `Label more of ${quoted(weakest.label)}: it has the lowest F1 (${decimals(weakest.f1.value)}) and ${counted(weakest.trainSupport, "training text")}.`,
      );
    }
    const few = classes.filter((entry) => entry.few);
    if (few.length > 0) {
      steps.push(
        few.length === 1
          ? `${quoted(few[0]!.label)} has only ${counted(few[0]!.support, "test text")}: label more of it before its score means anything.`
          : `${few.length} classes have fewer than ${FEW_TEST_TEXTS} test texts: label more of them before their scores mean anything.`,
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
        `To see a difference of 0.05, about ${needed.toLocaleString("en-GB")} test texts would be needed; there are ${data.test.toLocaleString("en-GB")}.`,
      );
    }
  }
  if (against("word-counts")?.outcome === "as-well" || against("word-counts")?.outcome === "worse") {
    steps.push(
      (against("word-counts")!.main.value ?? 0) >= GOOD
        ? "Words alone give the answer away here: a word count is as good and costs nothing, unless more labels change it."
        : "So far the run has not learned more than words alone tell: give it more steps, or label more.",
    );
  }
  const scores = report.run.history.flatMap(({ heldOutScore }) =>
    heldOutScore === undefined ? [] : [heldOutScore],
  );
  if (scores.length >= 4 && scores.at(-1)! > Math.max(...scores.slice(0, -1))) {
    steps.push("The held-out score was still rising when the run ended: more steps may help.");
  }
  if (steps.length === 0) {
    const main = classification?.macroF1 ?? report.generation?.rougeL;
    const width = main === undefined ? null : widthOf(main);
    steps.push(
      main !== undefined && width !== null && width < 0.08
        ? `Good enough to use: more labels will hardly change these figures (${interval(main)}).`
        : "More labels would narrow the intervals; nothing else stands out.",
    );
  }
  return steps.slice(0, 3);
}

function widthOf({ low, high }: { low: number | null; high: number | null }): number | null {
  return low === null || high === null ? null : high - low;
}

/** The class that swallows the others: given to more than half of the texts, and far oftener than it occurs. */
function swallower(classes: readonly ClassReport[], texts: number): ClassReport | null {
  return classes.find(({ predicted, support }) => predicted > texts / 2 && predicted > 1.5 * support) ?? null;
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
export function cautions(report: Facts): string[] {
  const notes: string[] = [];
  const { classification, resampling, data } = report;
  if (data.testLooks > 1) {
    notes.push(
      `The test part has been looked at ${data.testLooks} times. What was chosen after a look fits it a little: the figures may be too good.`,
    );
  }
  if (resampling.unit === "group") {
    notes.push(
      "Texts of one group are drawn together in the bootstrap; the intervals of precision, recall and accuracy take all texts as independent and may be too narrow.",
    );
  }
  if (resampling.units < FEW_UNITS) {
    notes.push(
      `Only ${counted(resampling.units, resampling.unit === "group" ? "group" : "test text")}: the intervals are themselves unsure.`,
    );
  }
  if (classification !== null) {
    const flat = classification.classes.filter(({ f1 }) => f1.value !== null && f1.low === f1.high);
    if (flat.length > 0) {
      notes.push(
        `No resample changes the F1 of ${flat.length <= 3 ? flat.map(({ label }) => quoted(label)).join(", ") : counted(flat.length, "class", "classes")}: an interval without width says that the test has too few cases, not that the figure is exact. Read the intervals of precision and recall there.`,
      );
    }
    const kept = classification.classes.filter(({ threshold }) => threshold?.source === "default");
    if (kept.length > 0) {
      notes.push(
        `${counted(kept.length, "label")} of ${classification.classes.length} had too few positives to choose a threshold on and kept 0.5.`,
      );
    }
  }
  return notes;
}
