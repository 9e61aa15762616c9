import type { Session } from "../engine";
import { countClasses, decide, macroF1 } from "../report";
import type { Evaluation } from "./detectors";
import { answerLoss, type EncodedAnswer, type Item, type Layout } from "./layout";
import { scoreTexts, targetLosses } from "./score";

function trueLabels(answer: EncodedAnswer): number[] {
  if (answer.kind === "single") return [answer.label];
  return answer.kind === "multi" ? answer.applies.flatMap((applies, label) => (applies ? [label] : [])) : [];
}

/** Loss and score of the model as it stands on examples that it does not learn from. */
export async function evaluate(
  session: Session,
  layout: Layout,
  items: readonly Item[],
  budget: number,
  step: number,
): Promise<Evaluation> {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  if (layout.kind === "generation") {
    const losses = await targetLosses(session, layout, items, budget);
    return { step, loss: mean(losses), losses, score: null, answers: null };
  }
  const thresholds = layout.kind === "multi" ? layout.labels.map(() => ({ value: 0.5 })) : null;
  const texts = items.map((item) => item.text);
  const probabilities = await scoreTexts(session, layout, texts, budget);
  const judged = items.map((item, i) => ({
    truth: trueLabels(item.answer),
    predicted: decide(probabilities[i] ?? [], thresholds),
  }));
  const losses = items.map((item, i) => answerLoss(item.answer, probabilities[i] ?? []));
  return {
    step,
    loss: mean(losses),
    losses,
    score: macroF1(countClasses(judged, layout.labels.length)) ?? 0,
    answers: new Set(judged.map(({ predicted }) => predicted.join())).size,
  };
}
