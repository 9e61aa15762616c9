import type { Outcome, RivalReport, TaskKind } from "../schema";
import { counted, interval, signed } from "./format";

/** What the main figure of a kind of task is called. */
export const mainFigure = (kind: TaskKind): string => (kind === "generation" ? "ROUGE-L" : "macro F1");

const called = (rival: RivalReport): string =>
  ({
    majority: "always giving the most frequent answer",
    "every-label": "giving every label to every text",
    "word-counts": "a word count",
    untuned: "the base model untuned",
    "copy-input": "copying the input",
  })[rival.name];

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Rivals, the strongest first. */
export function strongestFirst(rivals: readonly RivalReport[]): RivalReport[] {
  return rivals.toSorted((a, b) => (b.main.value ?? -1) - (a.main.value ?? -1));
}

/**
 * The verdict in one plain sentence. The rival that matters most is named first: one that is as good or better; else one
 * from which the run cannot be told; else all that it beats, the strongest first.
 */
export function verdict(
  kind: TaskKind,
  rivals: readonly RivalReport[],
  testCount: number,
): { outcome: Outcome; sentence: string } {
  const gain = (rival: RivalReport) =>
    `${signed(rival.difference.value)} ${interval(rival.difference)}`.trim();
  const by = (rival: RivalReport) => `${mainFigure(kind)} ${gain(rival)}`;
  const strongest = strongestFirst(rivals);
  const first = (outcome: Outcome) => strongest.find((rival) => rival.outcome === outcome);
  const beaten = strongest.filter((rival) => rival.outcome === "better");
  const beatenToo = beaten.length === 0 ? "" : `; it is better than ${listed(beaten.map(called))}`;
  const worse = first("worse");
  if (worse !== undefined) {
    return {
      outcome: "worse",
      sentence: `${capital(called(worse))} does better: this run stands at ${by(worse)}${beatenToo}.`,
    };
  }
  const asWell = first("as-well");
  if (asWell !== undefined) {
    return {
      outcome: "as-well",
      sentence: `${capital(called(asWell))} does as well: this run stands at ${by(asWell)}${beatenToo}.`,
    };
  }
  const mixed = first("mixed");
  if (mixed !== undefined) {
    const better = (mixed.difference.value ?? 0) > 0;
    const [more, less] = better ? ["better", "fewer"] : ["worse", "more"];
    return {
      outcome: "mixed",
      sentence: `Against ${called(mixed)} it depends on what counts: ${more} over all classes alike (${by(mixed)}), but ${less} texts right (${mixed.mcnemar.onlyRun} only here, ${mixed.mcnemar.onlyRival} only there)${beatenToo}.`,
    };
  }
  const unclear = first("cannot-tell");
  if (unclear !== undefined) {
    return {
      outcome: "cannot-tell",
      sentence: `Cannot tell whether it beats ${called(unclear)}: ${by(unclear)} on ${counted(testCount, "test text")}${beatenToo}.`,
    };
  }
  if (beaten.length === 0) return { outcome: "cannot-tell", sentence: "There is no rival to compare with." };
  const named = beaten.map((rival, place) => {
    if (place > 1) return called(rival);
    return `${called(rival)} (${place === 0 ? by(rival) : gain(rival)})`;
  });
  return { outcome: "better", sentence: `Better than ${listed(named)}.` };
}

function listed(items: readonly string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)!}`;
}
