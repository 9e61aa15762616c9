import {
  textHash,
  type ExampleRow,
  type ModelAnswer,
  type ReadRow,
  type Rows,
  type RunGuesses,
  type Suggested,
} from "../../core/labelling";
import { seededRandom, shuffled } from "../../core/random";
import { decide } from "../../core/report/thresholds";
import type { Guess, LabelFilter, LabelView, RowState, Why } from "../../protocol";

/** What the order and the filters of a label editor rest on. */
export interface Arrangement {
  readonly view: LabelView;
  readonly rows: Rows;
  /** The task's latest run with out-of-fold predictions: what the orders rest on, for texts that are as it had them. */
  readonly folded: RunGuesses | null;
  /** The task's latest run. */
  readonly latest: RunGuesses | null;
  /** Suggestions that were asked for beforehand, by id. */
  readonly held: ReadonlyMap<string, Suggested>;
  /** Runs whose adapters made them, by the run's id, as far as they are there: what each was fitted to is known. */
  readonly judges: ReadonlyMap<string, RunGuesses>;
  /** Seed of the random order. */
  readonly seed: number;
  /** Whether the whole file is the task's test part. */
  readonly testFile: boolean;
  /** Whether the files say which texts are the test part. Else each run draws it: any text may come to be of it. */
  readonly testFixed: boolean;
}

const LETTERS: Readonly<Record<ExampleRow["state"], string>> = {
  blank: " ",
  broken: "x",
  open: "o",
  answered: "a",
  skipped: "s",
} satisfies Record<RowState | "blank", string>;

/** A letter for each line: what it holds. */
export function stateLetters(rows: Rows): string {
  let letters = "";
  for (let line = 0; line < rows.length; line++) letters += LETTERS[rows.at(line).state];
  return letters;
}

/**
 * Lines that a view lists, in its order. The orders that rest on a model list only texts that it was not fitted to, and
 * never one of the test part.
 */
export function arrange(arrangement: Arrangement): number[] {
  const { view, rows, seed } = arrangement;
  const search = view.search.trim().toLowerCase();
  const lines: number[] = [];
  for (let line = 0; line < rows.length; line++) {
    const row = rows.at(line);
    if (passes(row, view.filter, arrangement) && (search === "" || holds(row, search))) lines.push(line);
  }
  switch (view.order) {
    case "file":
      return lines;
    case "random":
      return shuffled(lines, seededRandom(seed));
    default: {
      const rank = view.order === "uncertain" ? uncertainty : contradiction;
      const ranked = lines.flatMap((line) => {
        const row = rows.at(line);
        const value = isRead(row) ? rank(row, arrangement) : null;
        return value === null ? [] : [{ line, value }];
      });
      return ranked.sort((a, b) => b.value - a.value || a.line - b.line).map(({ line }) => line);
    }
  }
}

/** Why a line is shown in a view, also where it would not be listed any more. */
export function whyShown(line: number, arrangement: Arrangement): Why {
  const { view, rows } = arrangement;
  const row = rows.at(line);
  if (view.order === "uncertain" || view.order === "disagree") {
    const judgement = isRead(row) ? unseen(row, arrangement) : null;
    if (!isRead(row) || judgement === null) return { kind: "changed" };
    if (view.order === "uncertain") return { kind: "hesitates", between: likeliest(judgement, 2) };
    return row.state === "open" ? { kind: "changed" } : disagreement(row, judgement);
  }
  if (isRead(row) && view.filter.show === "wrong") {
    const predicted = given(row, arrangement);
    if (predicted === null) return { kind: "changed" };
    return { kind: "wrong", predicted, test: isTest(row, arrangement) };
  }
  return view.order === "random" ? { kind: "random" } : { kind: "file", line };
}

type Parts = Pick<Arrangement, "latest" | "folded" | "judges" | "testFile">;

/** Whether an example is of the test part, by its file, its own word, or the split of a run. */
export function isTest(row: ReadRow, { latest, folded, judges, testFile }: Parts): boolean {
  return testFile || row.test || [latest, folded, ...judges.values()].some((run) => run?.test.has(row.id));
}

/** What was suggested beforehand for a text as it stands now; never for one that is of the test part, or may come to be. */
export function heldFor(
  row: ReadRow,
  arrangement: Parts & Pick<Arrangement, "held" | "testFixed">,
): Suggested | null {
  const held = arrangement.held.get(row.id);
  if (held === undefined || !arrangement.testFixed || isTest(row, arrangement)) return null;
  return held.text === textHash(row.text) ? held : null;
}

function passes(row: ExampleRow, filter: LabelFilter, arrangement: Arrangement): boolean {
  switch (filter.show) {
    case "all":
      return row.state !== "blank";
    case "open":
    case "answered":
    case "skipped":
    case "broken":
      return row.state === filter.show;
    case "noted":
      return isRead(row) && row.note !== "";
    case "label":
      return (
        row.state === "answered" &&
        (filter.label === "" ? row.answer.length === 0 : row.answer.includes(filter.label))
      );
    case "suggested":
      return row.state === "open" && heldFor(row, arrangement) !== null;
    case "wrong": {
      if (row.state !== "answered") return false;
      const predicted = given(row, arrangement);
      return predicted !== null && !sameAnswer(predicted, row.answer);
    }
  }
}

function holds(row: ExampleRow, search: string): boolean {
  if (row.state === "blank") return false;
  if (row.state === "broken") return row.raw.toLowerCase().includes(search);
  return (
    row.text.toLowerCase().includes(search) ||
    row.id.toLowerCase().includes(search) ||
    row.note.toLowerCase().includes(search)
  );
}

function isRead(row: ExampleRow): row is ReadRow {
  return row.state !== "blank" && row.state !== "broken";
}

/** What the latest run's model answered, to a text that it was not fitted to; null where it was not asked. */
function given(row: ReadRow, { latest }: Arrangement): readonly string[] | null {
  const said = saidOf(row, latest);
  if (latest === null || said === null) return null;
  if (said.scores === null) return said.output === null ? null : [said.output];
  return decide(said.scores, asThresholds(latest)).map((at) => latest.labels[at]!);
}

/** What a run's model said of a text as it stands now. */
function saidOf(row: ReadRow, run: RunGuesses | null): ModelAnswer | null {
  const said = run?.answers.get(row.id);
  return said?.text === textHash(row.text) ? said : null;
}

function sameAnswer(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((label) => b.includes(label));
}

/** What a model that was not fitted to a text says of it. */
interface Judgement {
  /** In the order of the labels of `by`. */
  readonly scores: readonly number[];
  readonly by: RunGuesses;
}

/**
 * The judgement that an order may rest on: an out-of-fold prediction, else a suggestion by the adapter of a run that did not
 * have the text. Never for one that is of the test part, or may come to be.
 */
function unseen(row: ReadRow, arrangement: Arrangement): Judgement | null {
  const { folded, judges } = arrangement;
  if (!arrangement.testFixed || isTest(row, arrangement)) return null;
  const said = saidOf(row, folded);
  if (folded !== null && said?.part === "out-of-fold" && said.scores !== null)
    return { scores: said.scores, by: folded };
  const held = heldFor(row, arrangement);
  const by = held === null ? undefined : judges.get(held.run);
  if (held === null || held.labels.length === 0 || by === undefined || by.fitted.has(row.id)) return null;
  const of = new Map(held.labels.map(({ label, probability }) => [label, probability]));
  return { scores: by.labels.map((label) => of.get(label) ?? 0), by };
}

/** From 0, sure, to 1, torn: one minus the distance of the two likeliest labels, or of the label nearest its threshold. */
function uncertainty(row: ReadRow, arrangement: Arrangement): number | null {
  const judgement = row.state === "skipped" ? null : unseen(row, arrangement);
  if (judgement === null || judgement.scores.length === 0) return null;
  const { scores, by } = judgement;
  const { thresholds } = by;
  if (thresholds !== null)
    return 1 - Math.min(...scores.map((score, at) => Math.abs(score - thresholds[at]!)));
  const [first = 0, second = 0] = [...scores].sort((a, b) => b - a);
  return 1 - (first - second);
}

/** How sure the model is of another answer, from 0 to 1; null where it agrees. */
function contradiction(row: ReadRow, arrangement: Arrangement): number | null {
  const judgement = row.state === "answered" ? unseen(row, arrangement) : null;
  if (judgement === null) return null;
  const wrong = wrongDecisions(row, judgement);
  return wrong.length === 0 ? null : Math.max(...wrong.map((at) => sureness(row, judgement, at)));
}

/** Labels that the model gives and the person does not, or the other way round. */
function wrongDecisions(row: ReadRow, { scores, by }: Judgement): number[] {
  const chosen = new Set(decide(scores, asThresholds(by)));
  return by.labels.flatMap((label, at) => (chosen.has(at) === row.answer.includes(label) ? [] : [at]));
}

/** Probability of the model's own word on one label. */
function sureness(row: ReadRow, { scores, by }: Judgement, at: number): number {
  const score = scores[at] ?? 0;
  if (by.thresholds === null) return row.answer.includes(by.labels[at]!) ? 0 : score;
  return row.answer.includes(by.labels[at]!) ? 1 - score : score;
}

function disagreement(row: ReadRow, judgement: Judgement): Why {
  const { labels } = judgement.by;
  const guess = (at: number): Guess => ({ label: labels[at]!, probability: judgement.scores[at]! });
  const wrong = wrongDecisions(row, judgement).sort(
    (a, b) => sureness(row, judgement, b) - sureness(row, judgement, a),
  );
  const theirs = wrong.find((at) => !row.answer.includes(labels[at]!));
  const yours = wrong.find((at) => row.answer.includes(labels[at]!));
  if (theirs === undefined) {
    return yours === undefined ? { kind: "agrees" } : { kind: "misses", yours: guess(yours) };
  }
  const model = guess(theirs);
  return yours === undefined ? { kind: "adds", model } : { kind: "disagrees", model, yours: guess(yours) };
}

/** For multi-label tasks the labels nearest their thresholds. */
function likeliest({ scores, by: { labels, thresholds } }: Judgement, count: number): Guess[] {
  const rank = (at: number) => (thresholds === null ? scores[at]! : -Math.abs(scores[at]! - thresholds[at]!));
  return scores
    .map((probability, at) => ({ label: labels[at]!, probability, at }))
    .sort((a, b) => rank(b.at) - rank(a.at))
    .slice(0, thresholds === null ? count : 1)
    .map(({ label, probability }) => ({ label, probability }));
}

function asThresholds({ thresholds }: RunGuesses): { value: number }[] | null {
  return thresholds === null ? null : thresholds.map((value) => ({ value }));
}
