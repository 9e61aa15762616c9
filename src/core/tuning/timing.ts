import type { Session } from "../engine";
import { PlumbError } from "../errors";
import { Interrupted, type JobChannel, type JobTools } from "./job-tools";
import { generationSegments, scoringRows, trainingRows } from "./layout";
import { DataOrder, exampleWeights } from "./order";
import type { PreparedRun } from "./prepare";
import { FACTORS, probeRates, probeSteps, scaledRates } from "./probe";
import { generationGroups, generationSteps } from "./score";
import type { TuningSettings } from "./settings";
import { turnsOfStep, type Budget } from "./trainer";
import { counted, decimals, say } from "../say";

/** What was measured before a run. */
export interface Timing {
  /** Seconds of one step. */
  readonly step: number;
  /** Seconds of one row, forward and backward. */
  readonly row: number;
  /** Seconds of one step of generation, which gives each text of a group a token; 0 where nothing is generated. */
  readonly generation: number;
}

/** Nothing is tuned yet, so it is not the rates. */
function noNumbers(model: string, loss: number): PlumbError {
  return new PlumbError(
    "model-damaged",
    say`${model}: before anything is tuned, the model's loss is ${String(loss)}, no finite number. Its file is damaged: get it again. If it is sound, try --precision float32.`,
  );
}

/**
 * Computes the first step and throws it away. Its first micro-batch is computed twice: the first call of all also sets things up.
 * @throws PlumbError where the loss is no number.
 */
export async function timeOneStep(
  prepared: PreparedRun,
  open: () => Promise<Session>,
  budget: Budget,
  tools: JobTools,
): Promise<Timing> {
  const { layout, fit, settings } = prepared;
  const session = await open();
  try {
    const order = new DataOrder(fit, settings.batch, settings.seed, settings.balance);
    const weightsOf = exampleWeights(fit, layout.labels.length, settings.balance);
    const turns = turnsOfStep(layout, order.at(0), weightsOf, budget);
    const { loss } = await session.accumulate(...turns[0]!);
    if (!Number.isFinite(loss)) throw noNumbers(prepared.base.path, loss);
    const begun = tools.now().getTime();
    let rows = 0;
    for (const together of turns) {
      await session.accumulate(...together);
      for (const batch of together) rows += batch.tokens.length;
    }
    const row = (tools.now().getTime() - begun) / 1000 / rows;
    // The first step may be a short one: what counts is the mean.
    const mean = fit.reduce((sum, item) => sum + trainingRows(layout, item), 0) / fit.length;
    const generation =
      layout.kind === "generation" ? await timeGeneration(session, prepared, budget, tools) : 0;
    return { row, generation, step: row * (layout.prefix.length + settings.batch * mean) };
  } finally {
    session.close();
  }
}

const TIMED_TOKENS = 4;

/** Beside the reading of the texts: what a longer answer takes more than one of a token. */
async function timeGeneration(
  session: Session,
  { layout, fit }: PreparedRun,
  budget: Budget,
  tools: JobTools,
): Promise<number> {
  const texts = fit.map(({ text }) => text);
  const [group = []] = generationGroups(layout, texts, budget.score);
  const { segments, leaves } = generationSegments(
    layout,
    group.map(({ item }) => item),
  );
  const timed = async (maxTokens: number) => {
    const begun = tools.now().getTime();
    // No end token: none may stop early.
    await session.generate(segments, {
      leaves,
      maxTokens,
      endTokens: new Int32Array(),
      temperature: 0,
      topP: 1,
      seed: 0,
    });
    return (tools.now().getTime() - begun) / 1000;
  };
  const short = await timed(1);
  return Math.max(0, (await timed(1 + TIMED_TOKENS)) - short) / TIMED_TOKENS;
}

/** Seconds that a run will take at most. Reading a text takes a third of what learning from it does. */
export function secondsOfRun(
  prepared: PreparedRun,
  timing: Timing,
  { folds, probes, scoreRows }: { folds: number; probes: boolean; scoreRows: number },
): number {
  const { settings, layout, fit, heldOut, test } = prepared;
  const rows = (items: typeof heldOut) => items.reduce((sum, { text }) => sum + scoringRows(layout, text), 0);
  const looks = Math.ceil(settings.steps / settings.evaluateEvery) + 1;
  const reading = timing.row / 3;
  const training = timing.step * settings.steps + reading * rows(heldOut) * looks;
  const trying = probes
    ? FACTORS.length * (timing.step * probeSteps(timing.step) + reading * rows(heldOut))
    : 0;
  const writing = (items: typeof heldOut) =>
    layout.kind === "generation"
      ? timing.generation *
        generationSteps(
          layout,
          items.map(({ text }) => text),
          scoreRows,
        )
      : 0;
  const answering = (items: typeof heldOut, times: number) =>
    times * (reading * rows(items) + writing(items));
  const outOfFold = folds > 0 ? answering([...fit, ...heldOut], 1) : 0;
  return trying + training * (1 + folds) + outOfFold + answering(heldOut, 1) + answering(test, 2.5);
}

/** Settings with the rates that a probe found, and the sentence that says so. */
export async function probed(
  prepared: PreparedRun,
  open: () => Promise<Session>,
  budget: Budget,
  timing: Timing,
  channel: JobChannel,
): Promise<{ settings: TuningSettings; decision: string }> {
  let done = 0;
  const report = () => {
    channel.send({
      type: "progress",
      phase: "probe",
      title: "Trying learning rates",
      done,
      total: FACTORS.length,
      loss: null,
      heldOutLoss: null,
      heldOutScore: null,
      tokensPerSecond: null,
      secondsLeft: null,
    });
  };
  report();
  const { layout, fit, heldOut, settings } = prepared;
  const found = await probeRates(
    { open, layout, fit, heldOut, settings, budget, steps: probeSteps(timing.step) },
    () => {
      if (channel.stop() !== null) throw new Interrupted();
    },
    () => {
      done++;
      report();
    },
  );
  if (found.losses.every(({ loss }) => loss === null)) {
    throw new PlumbError(
      "nan",
      say`The loss is no finite number soon, with rates of ${FACTORS[0]!} to ${counted(FACTORS.at(-1)!, "time", "times")} the usual ones. Give much smaller ones with --prompt-rate and --bias-rate, or try --precision float32.`,
    );
  }
  const tried = found.losses.map(
    ({ factor, loss }) => `${decimals(factor)}: ${loss === null ? say`not a number` : decimals(loss, 3)}`,
  );
  return {
    settings: { ...settings, ...scaledRates(settings, found.factor) },
    decision: say`Rates are the usual ones times ${found.factor}, found by a probe of ${counted(found.steps, "step", "steps")} each (factor: loss behind it; ${tried.join(", ")}).`,
  };
}
