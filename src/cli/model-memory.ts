import { EngineError, loadEngine, type Engine } from "../core/engine";
import type { BaseModel } from "../core/model";
import { SCORE_ROWS, TRAIN_ROWS } from "../core/tuning/forecast";

/** Memory that tuning takes, in bytes, besides the mapped file, which the system keeps as far as there is room. */
export interface TuningMemory {
  /** As a run computes where there is room. */
  readonly fast: number;
  /** With small micro-batches, activations computed twice and weights converted for each use. */
  readonly least: number;
  /** What a run may use here and now. */
  readonly usable: number;
  readonly source: "engine" | "estimate";
}

/** Tokens of the longest text that the forecast reckons with. */
const LONGEST = 256;
/** Node.js, tokenizer, texts. */
const PROCESS = 200e6;
/** Part of the available memory that a run takes. */
const SHARE = 0.85;

/** The engine's own forecast. It opens the model for that, which maps the file and reads its norms, no more. */
export async function tuningMemory(
  model: BaseModel,
  available: number,
  engine: () => Engine = loadEngine,
): Promise<TuningMemory> {
  const usable = available * SHARE;
  try {
    const loaded = engine();
    const fast = await forecast(loaded, model, "keep");
    const least = await forecast(loaded, model, "stream");
    return { fast, least, usable, source: "engine" };
  } catch (error) {
    if (!(error instanceof EngineError) || !error.code.startsWith("engine-")) throw error;
    return { ...estimate(model), usable, source: "estimate" };
  }
}

async function forecast(engine: Engine, base: BaseModel, weights: "keep" | "stream"): Promise<number> {
  const model = await engine.openModel(base.table, { weights });
  try {
    const rows = weights === "keep" ? TRAIN_ROWS[0] : TRAIN_ROWS[2];
    const of = (count: number, train: boolean) =>
      model.forecast({
        rows: count,
        longest: Math.min(count, LONGEST),
        targets: 0,
        train,
        checkpoint: weights === "stream",
      });
    return of(rows, true) + of(SCORE_ROWS, false) - of(1, false) + PROCESS;
  } finally {
    model.close();
  }
}

/** Without an engine: float32 copies of all weights and what each layer keeps of each token; at least, those of one layer. */
function estimate({ parameterCount, table: { config } }: BaseModel): { fast: number; least: number } {
  const { layerCount, hiddenSize, intermediateSize } = config;
  const kept = 4 * (3 * hiddenSize + 3 * intermediateSize);
  const scoring = SCORE_ROWS * kept;
  const small = TRAIN_ROWS[2] * (kept + 4 * layerCount * hiddenSize);
  return {
    fast: 4 * parameterCount + TRAIN_ROWS[0] * layerCount * kept + scoring + PROCESS,
    least: (4 * parameterCount) / layerCount + small + scoring + PROCESS,
  };
}
