import type { Session } from "../engine";
import type { TextTokenizer } from "../model";
import { referencesOf } from "../report/input";
import { chrfScore, chrfStatistics, rougeL } from "../report/overlap";
import type { BaseLook, Example } from "../schema";
import { evaluate } from "../tuning/evaluate";
import { generateAnswers } from "../tuning/score";
import type { EncodedTask } from "./prepare";

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The quality of `plumb bench`: the mean of ROUGE-L, over texts, and chrF / 100 of all together. */
export function generationQuality(outputs: readonly string[], examples: readonly Example[]): number {
  const references = examples.map(referencesOf);
  const best = outputs.map((output, i) =>
    Math.max(...references[i]!.map((reference) => rougeL(output, reference))),
  );
  const counts = outputs.map((output, i) => chrfStatistics(output, references[i]!));
  const sums = counts.reduce((sum, one) => sum.map((value, i) => value + one[i]!));
  return (mean(best) + chrfScore(sums) / 100) / 2;
}

/**
 * Looks at the held-out part of every task.
 * @param each Called before each task; may throw, to stop.
 */
export async function lookAtTasks(
  session: Session,
  tasks: readonly EncodedTask[],
  tokenizer: TextTokenizer,
  budget: number,
  step: number,
  each: (done: number) => void,
): Promise<BaseLook> {
  const looks: BaseLook["tasks"] = [];
  for (const { name, encoder, heldOut, heldOutExamples } of tasks) {
    each(looks.length);
    const { layout } = encoder;
    const { loss, score } = await evaluate(session, layout, heldOut, budget, step);
    const quality =
      score ??
      generationQuality(
        await generateAnswers(
          session,
          layout,
          tokenizer,
          heldOut.map(({ text }) => text),
          budget,
        ),
        heldOutExamples,
      );
    looks.push({ name, quality, loss });
  }
  return {
    step,
    quality: mean(looks.map(({ quality }) => quality)),
    loss: mean(looks.map(({ loss }) => loss)),
    tasks: looks,
  };
}

/** The look whose parameters are kept: the highest mean quality, of equal ones the lowest loss. Null before the first. */
export function bestLook(looks: readonly BaseLook[]): BaseLook | null {
  return looks.reduce<BaseLook | null>((best, look) => {
    if (best === null || look.quality > best.quality) return look;
    return look.quality === best.quality && look.loss < best.loss ? look : best;
  }, null);
}
