import type { Session } from "../engine";
import type { Example, Prediction } from "../schema";
import type { BaseModel } from "../model";
import { encodeText, type Layout } from "./layout";
import { generateAnswers, scoreTexts, type ScoringProgress } from "./score";

/** A model as it stands, with the layout in which it reads texts. */
export interface Predictor {
  readonly session: Session;
  readonly layout: Layout;
  readonly base: BaseModel;
  /** Most tokens of one batch. */
  readonly budget: number;
}

/** What the model makes of one text: probabilities in the order of the labels, or a generated answer. */
export interface TextPrediction {
  readonly scores?: number[];
  readonly output?: string;
  /** The text was too long and lost its middle. */
  readonly cut: boolean;
}

/** Predictions in the order of the texts. */
export async function predictTexts(
  { session, layout, base, budget }: Predictor,
  texts: readonly string[],
  progress?: ScoringProgress,
): Promise<TextPrediction[]> {
  const encoded = texts.map((text) => encodeText(layout, base.tokenizer, text));
  if (layout.kind === "generation") {
    const outputs = await generateAnswers(session, layout, base.tokenizer, encoded, budget, progress);
    return outputs.map((output, i) => ({ output, cut: encoded[i]?.cut ?? false }));
  }
  const scores = await scoreTexts(session, layout, encoded, budget, progress);
  return scores.map((row, i) => ({ scores: row, cut: encoded[i]?.cut ?? false }));
}

/** The same as lines of predictions.jsonl. */
export async function predictExamples(
  predictor: Predictor & { readonly part: Prediction["part"] },
  examples: readonly Example[],
  progress?: ScoringProgress,
): Promise<Prediction[]> {
  const rows = await predictTexts(
    predictor,
    examples.map(({ text }) => text),
    progress,
  );
  return rows.map(({ scores, output }, i) => ({
    id: examples[i]!.id,
    part: predictor.part,
    ...(scores === undefined ? {} : { scores }),
    ...(output === undefined ? {} : { output }),
  }));
}
