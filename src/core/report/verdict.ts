import type { Estimate, Outcome, RivalReport, TaskKind } from "../schema";
import { english, type Language } from "./language";

const FIGURES: Readonly<Record<TaskKind, string>> = {
  single: "macro F1",
  multi: "macro F1",
  generation: "ROUGE-L",
};

/** What the main figure of a kind of task is called, in a sentence. */
export const mainFigure = (kind: TaskKind, { t }: Pick<Language, "t"> = english): string => t(FIGURES[kind]);

const CALLED: Readonly<Record<RivalReport["name"], string>> = {
  majority: "always giving the most frequent answer",
  "every-label": "giving every label to every text",
  "word-counts": "a word count",
  untuned: "the base model untuned",
  "copy-input": "copying the input",
};

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Whether the interval of the difference alone would have decided. */
const excludesZero = ({ difference: { low, high } }: RivalReport): boolean =>
  low !== null && high !== null && (low > 0 || high < 0);

/** A difference the other way round. */
export function turned({ value, low, high }: Estimate): Estimate {
  const minus = (figure: number | null) => (figure === null ? null : -figure);
  return { value: minus(value), low: minus(high), high: minus(low) };
}

/** Rivals, the strongest first. */
export function strongestFirst(rivals: readonly RivalReport[]): RivalReport[] {
  return rivals.toSorted((a, b) => (b.main.value ?? -1) - (a.main.value ?? -1));
}

/**
 * The verdict in one plain sentence. The rival that matters most is named first: one that is better; else the strongest that is
 * as good or with which it depends on what counts; else one from which the run cannot be told; else all that it beats, the strongest first.
 */
export function verdict(
  kind: TaskKind,
  rivals: readonly RivalReport[],
  testCount: number,
  language: Language = english,
): { outcome: Outcome; sentence: string } {
  const { t, signed, decimals, interval } = language;
  const called = (rival: RivalReport) => t(CALLED[rival.name]);
  const gain = (rival: RivalReport) =>
    `${signed(rival.difference.value)} ${interval(rival.difference)}`.trim();
  const by = (rival: RivalReport) => `${mainFigure(kind, language)} ${gain(rival)}`;
  /** By how much the other has the higher figure. */
  const behind = ({ difference }: RivalReport) => {
    const { value, low, high } = turned(difference);
    return `${decimals(value)} ${interval({ low, high })}`.trim();
  };
  const listed = (items: readonly string[]) =>
    items.length < 2 ? items.join("") : t("{0} and {1}", items.slice(0, -1).join(", "), items.at(-1)!);
  const strongest = strongestFirst(rivals);
  const first = (...outcomes: Outcome[]) => strongest.find((rival) => outcomes.includes(rival.outcome));
  const beaten = strongest.filter((rival) => rival.outcome === "better");
  const beatenToo = beaten.length === 0 ? "" : t("; this run is better than {0}", listed(beaten.map(called)));
  const worse = first("worse");
  if (worse !== undefined) {
    const sentence = t(
      "{0} does better: its {1} is {2} higher than this run's{3}.",
      capital(called(worse)),
      t(FIGURES[kind]),
      behind(worse),
      beatenToo,
    );
    return { outcome: "worse", sentence };
  }
  const equal = first("as-well", "mixed");
  if (equal?.outcome === "as-well") {
    const { value, low, high } = equal.difference;
    const lower = (value ?? 0) < 0;
    const sentence = t(
      lower
        ? "{0} does as well: this run's {1} is {2} lower{3}."
        : "{0} does as well: this run's {1} is {2} higher{3}.",
      capital(called(equal)),
      t(FIGURES[kind]),
      lower ? behind(equal) : `${decimals(value)} ${interval({ low, high })}`.trim(),
      beatenToo,
    );
    return { outcome: "as-well", sentence };
  }
  if (equal !== undefined) {
    const { onlyRun, onlyRival } = equal.mcnemar;
    const sentence = t(
      (equal.difference.value ?? 0) > 0
        ? "Against {0} it depends on what counts: better over all classes alike ({1}), but fewer texts right ({2} only here, {3} only there){4}."
        : "Against {0} it depends on what counts: worse over all classes alike ({1}), but more texts right ({2} only here, {3} only there){4}.",
      called(equal),
      by(equal),
      String(onlyRun),
      String(onlyRival),
      beatenToo,
    );
    return { outcome: "mixed", sentence };
  }
  const unclear = first("cannot-tell");
  if (unclear !== undefined) {
    const on = language.counted(testCount, "test text");
    if (excludesZero(unclear)) {
      const { onlyRun, onlyRival } = unclear.mcnemar;
      const sentence = t(
        "Cannot tell whether it beats {0}: {1}, but {2} are too few to trust that interval by itself, and the count of texts does not bear it out ({3} right only here, {4} only there){5}.",
        called(unclear),
        by(unclear),
        on,
        String(onlyRun),
        String(onlyRival),
        beatenToo,
      );
      return { outcome: "cannot-tell", sentence };
    }
    const sentence = t(
      "Cannot tell whether it beats {0}: {1} on {2}{3}.",
      called(unclear),
      by(unclear),
      on,
      beatenToo,
    );
    return { outcome: "cannot-tell", sentence };
  }
  if (beaten.length === 0)
    return { outcome: "cannot-tell", sentence: t("There is no rival to compare with.") };
  const named = beaten.map((rival, place) => {
    if (place > 1) return called(rival);
    return `${called(rival)} (${place === 0 ? by(rival) : gain(rival)})`;
  });
  return { outcome: "better", sentence: t("Better than {0}.", listed(named)) };
}
