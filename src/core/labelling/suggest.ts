import { answerField } from "../data";
import type { AnswersWith, PredictedRow } from "../predict";
import { decide } from "../report/thresholds";
import type { Example, TaskKind } from "../schema";
import { textHash } from "../tuning/run-folder";
import type { Suggested } from "./suggestions";

/** Examples without an answer that nobody has set aside, outside the test part. */
export function unanswered<T extends Example>(
  examples: readonly T[],
  kind: TaskKind,
  test: ReadonlySet<string>,
): T[] {
  const answered = (example: T) => example[answerField[kind]] !== undefined;
  return examples.filter(
    (example) =>
      !answered(example) && example.status !== "skipped" && example.split !== "test" && !test.has(example.id),
  );
}

/** What an adapter suggests for an example. */
export function suggestionOf(
  { id, text }: Pick<Example, "id" | "text">,
  { scores, output }: PredictedRow,
  { labels, thresholds, kind }: AnswersWith,
  run: string,
): Suggested {
  const base = { id, run, text: textHash(text) };
  if (kind === "generation") return { ...base, chosen: [], labels: [], output: output ?? "" };
  const all = scores ?? [];
  const limits = kind === "multi" ? labels.map((_, at) => ({ value: thresholds?.[at] ?? 0.5 })) : null;
  return {
    ...base,
    chosen: decide(all, limits).map((at) => labels[at]!),
    labels: labels
      .map((label, at) => ({ label, probability: all[at] ?? 0 }))
      .sort((a, b) => b.probability - a.probability),
    output: null,
  };
}
