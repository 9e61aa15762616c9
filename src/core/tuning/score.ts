import type { Batch, Session } from "../engine";
import type { TextTokenizer } from "../model";
import { packByRows } from "./batch";
import {
  generationSegments,
  readProbabilities,
  scoringBatch,
  scoringRows,
  targetBatch,
  trainingRows,
  type EncodedText,
  type Item,
  type Layout,
  type ScoringBatch,
} from "./layout";

/**
 * A step of generation computes one row for each text, and reads all weights for it: more texts at once cost little more.
 * This many times the rows of a scoring batch are taken together.
 */
export const GENERATION = 2;

/** Texts of about the same length together, so that no batch waits for one long text; each text keeps its index. */
function bucket<T>(
  items: readonly T[],
  rowsOf: (item: T) => number,
  budget: number,
): { item: T; index: number }[][] {
  const ordered = items
    .map((item, index) => ({ item, index, rows: rowsOf(item) }))
    .sort((a, b) => a.rows - b.rows || a.index - b.index);
  return packByRows(ordered, ({ rows }) => rows, budget);
}

/** What is told after each batch: texts done so far, and tokens of the batch. */
export type ScoringProgress = (done: number, tokens: number) => void;

/** Batches that score these texts, with the texts that each holds. The same texts and budget give the same batches. */
export function planScoring(
  layout: Layout,
  texts: readonly EncodedText[],
  budget: number,
): { indices: number[]; scoring: ScoringBatch }[] {
  return bucket(texts, (text) => scoringRows(layout, text), budget).map((group) => ({
    indices: group.map(({ index }) => index),
    scoring: scoringBatch(
      layout,
      group.map(({ item }) => item),
    ),
  }));
}

/** P(label | text) of every label, in the order of the texts. */
export async function scoreTexts(
  session: Session,
  layout: Layout,
  texts: readonly EncodedText[],
  budget: number,
  progress?: ScoringProgress,
): Promise<number[][]> {
  const result: number[][] = new Array<number[]>(texts.length);
  let done = 0;
  for (const { indices, scoring } of planScoring(layout, texts, budget)) {
    const { choices } = await session.score(scoring.batch);
    readProbabilities(layout, scoring, choices).forEach((row, i) => {
      result[indices[i]!] = row;
    });
    done += indices.length;
    progress?.(done, scoring.batch.tokens.length);
  }
  return result;
}

/** Batches that score targets, with the examples that each holds and where their targets stand. */
export function planTargets(
  layout: Layout,
  items: readonly Item[],
  budget: number,
): { indices: number[]; batch: Batch; targets: readonly (readonly number[])[] }[] {
  return bucket(items, (item) => trainingRows(layout, item), budget).map((group) => ({
    indices: group.map(({ index }) => index),
    ...targetBatch(
      layout,
      group.map(({ item }) => item),
    ),
  }));
}

/** Mean -log P over the tokens of each example's target, end mark included. */
export async function targetLosses(
  session: Session,
  layout: Layout,
  items: readonly Item[],
  budget: number,
): Promise<number[]> {
  const losses = new Array<number>(items.length).fill(0);
  for (const { indices, batch, targets } of planTargets(layout, items, budget)) {
    const scores = await session.score(batch);
    targets.forEach((own, i) => {
      const sum = own.reduce((total, target) => total - (scores.targets[target] ?? Number.NaN), 0);
      losses[indices[i]!] = sum / own.length;
    });
  }
  return losses;
}

/** Texts that are generated for together. */
export function generationGroups(layout: Layout, texts: readonly EncodedText[], budget: number) {
  return bucket(texts, (text) => text.tokens.length + layout.answerRoom, GENERATION * budget);
}

/** Steps of generation that answers to these texts take at most. */
export function generationSteps(layout: Layout, texts: readonly EncodedText[], budget: number): number {
  return generationGroups(layout, texts, budget).length * layout.answerRoom;
}

/** Greedy answers, in the order of the texts, without the space that they begin with. */
export async function generateAnswers(
  session: Session,
  layout: Layout,
  tokenizer: TextTokenizer,
  texts: readonly EncodedText[],
  budget: number,
  progress?: ScoringProgress,
): Promise<string[]> {
  const result = new Array<string>(texts.length).fill("");
  let done = 0;
  for (const group of generationGroups(layout, texts, budget)) {
    const { segments, leaves } = generationSegments(
      layout,
      group.map(({ item }) => item),
    );
    const answers = await session.generate(segments, {
      leaves,
      maxTokens: layout.answerRoom,
      endTokens: Int32Array.of(layout.endOfText),
      temperature: 0,
      topP: 1,
      seed: 0,
    });
    answers.forEach((ids, i) => {
      result[(group[i] as { index: number }).index] = tokenizer.decode(Array.from(ids)).trim();
    });
    done += group.length;
    progress?.(done, segments.tokens.length);
  }
  return result;
}
