import type { Batch, Session } from "../engine";
import { packEvenly } from "./batch";
import type { Best, Snapshot } from "./checkpoint";
import { chooseLook } from "./choose";
import {
  detectNan,
  detectNoMovement,
  detectOneClass,
  guessLossMulti,
  guessLossSingle,
  type Evaluation,
  type Trouble,
} from "./detectors";
import { evaluate } from "./evaluate";
import { trainingBatch, trainingRows, type Item, type ItemWeights, type Layout } from "./layout";
import { GpuFull, isGpuFull } from "./memory";
import { DataOrder, exampleWeights } from "./order";
import { stepOptions, type TuningSettings } from "./settings";

/** Most rows of one micro-batch. */
export interface Budget {
  readonly train: number;
  readonly score: number;
  /** Micro-batches of a step that are computed at the same time, each on a GPU of its own; absent: one. */
  readonly lanes?: number;
}

/** How a run ends when it is asked to: saved to go on later, or with the best step so far as its result. */
export type StopMode = "pause" | "keep";

export interface TrainingProgress {
  /** Steps done. */
  readonly step: number;
  readonly steps: number;
  /** Of the last step; null before the first. */
  readonly loss: number | null;
  /** The last look at the held-out part. */
  readonly evaluation: Evaluation | null;
  readonly tokensPerSecond: number;
  readonly secondsLeft: number | null;
}

export interface TrainingHooks {
  save(snapshot: Snapshot): Promise<void>;
  progress(progress: TrainingProgress): void;
  /** Asked before each micro-batch. */
  stop(): StopMode | null;
  /** Milliseconds. */
  now(): number;
  /** Between two checkpoints. */
  readonly checkpointSeconds: number;
}

export interface TrainingInput {
  /** With the parameters to start from; state of the optimiser new. */
  readonly session: Session;
  readonly layout: Layout;
  readonly fit: readonly Item[];
  /** May be empty: the last step is the best then. */
  readonly heldOut: readonly Item[];
  readonly settings: TuningSettings;
  readonly budget: Budget;
  readonly resume: Snapshot | null;
}

export type TrainingOutcome =
  | { readonly kind: "finished"; readonly snapshot: Snapshot; readonly best: Best; readonly early: boolean }
  | { readonly kind: "paused"; readonly snapshot: Snapshot }
  | { readonly kind: "trouble"; readonly snapshot: Snapshot; readonly trouble: Trouble };

/** The examples of a step in micro-batches, with weights that make the step's loss a mean over its examples. */
export function microBatches(
  layout: Layout,
  items: readonly Item[],
  weightsOf: (item: Item) => ItemWeights,
  budget: number,
  lanes = 1,
): Batch[] {
  const room = Math.max(1, budget - layout.prefix.length);
  return packEvenly(items, (item) => trainingRows(layout, item), room, lanes).map((group) =>
    trainingBatch(layout, group, (item) => {
      const { example, ...rest } = weightsOf(item);
      return { example: example / items.length, ...rest };
    }),
  );
}

/** The same in turns: the micro-batches of one are computed at the same time, one on each lane. */
export function turnsOfStep(
  layout: Layout,
  items: readonly Item[],
  weightsOf: (item: Item) => ItemWeights,
  { train, lanes = 1 }: Budget,
): Batch[][] {
  const batches = microBatches(layout, items, weightsOf, train, lanes);
  return Array.from({ length: Math.ceil(batches.length / lanes) }, (_, turn) =>
    batches.slice(turn * lanes, (turn + 1) * lanes),
  );
}

function guessLoss(layout: Layout, fit: readonly Item[], heldOut: readonly Item[]): number {
  const single = (items: readonly Item[]) =>
    items.flatMap(({ answer }) => (answer.kind === "single" ? [answer.label] : []));
  const multi = (items: readonly Item[]) =>
    items.flatMap(({ answer }) => (answer.kind === "multi" ? [answer.applies] : []));
  if (layout.kind === "single") return guessLossSingle(single(fit), single(heldOut), layout.labels.length);
  return layout.kind === "multi" ? guessLossMulti(multi(fit), multi(heldOut)) : 0;
}

/**
 * Tunes until the steps are done, the held-out part says enough, a detector stops it, or it is asked to stop. The session
 * holds the best parameters where it finished. Everything that decides anything follows from the input, never from the clock.
 * @throws GpuFull where the GPU's memory ran out, once the state before that step is saved.
 */
export async function train(input: TrainingInput, hooks: TrainingHooks): Promise<TrainingOutcome> {
  const { session, layout, fit, heldOut, settings, budget, resume } = input;
  const order = new DataOrder(fit, settings.batch, settings.seed, settings.balance);
  const weightsOf = exampleWeights(fit, layout.labels.length, settings.balance);
  const guess = guessLoss(layout, fit, heldOut);
  const heldOutAnswers = new Set(heldOut.map(({ answer }) => JSON.stringify(answer))).size;

  if (resume !== null) await session.load(resume.session);
  const losses = [...(resume?.losses ?? [])];
  const evaluations = [...(resume?.evaluations ?? [])];
  let best = resume?.best ?? null;
  let tokens = resume?.tokens ?? 0;
  const firstStep = losses.length;
  const firstTokens = tokens;
  const begun = hooks.now();
  let saved = begun;
  let savedStep = firstStep;

  const secondsHere = () => (hooks.now() - begun) / 1000;
  const snapshot = async (): Promise<Snapshot> => ({
    session: await session.state(),
    losses: [...losses],
    evaluations: [...evaluations],
    best,
    seconds: (resume?.seconds ?? 0) + secondsHere(),
    tokens,
  });
  const save = async () => {
    const current = await snapshot();
    await hooks.save(current);
    saved = hooks.now();
    savedStep = losses.length;
    return current;
  };
  const report = () => {
    const done = losses.length - firstStep;
    hooks.progress({
      step: losses.length,
      steps: settings.steps,
      loss: losses.at(-1) ?? null,
      evaluation: evaluations.at(-1) ?? null,
      tokensPerSecond: done === 0 ? 0 : (tokens - firstTokens) / Math.max(1e-3, secondsHere()),
      secondsLeft: done === 0 ? null : (secondsHere() / done) * (settings.steps - losses.length),
    });
  };
  const look = async () => {
    const step = losses.length;
    if (heldOut.length === 0 || evaluations.at(-1)?.step === step) return;
    evaluations.push(await evaluate(session, layout, heldOut, budget.score, step));
    if (chooseLook(evaluations)?.step === step) best = { step, parameters: await session.read() };
    report();
  };
  const finish = async (early: boolean): Promise<TrainingOutcome> => {
    best ??= { step: losses.length, parameters: await session.read() };
    const last = await save();
    await session.write(best.parameters);
    return { kind: "finished", snapshot: last, best, early };
  };
  const trouble = async (found: Trouble): Promise<TrainingOutcome> => ({
    kind: "trouble",
    snapshot: await snapshot(),
    trouble: found,
  });

  if (resume === null) await save();
  /** Tokens of the largest micro-batch, while a step is computed. */
  let rows: number | null = null;
  /** While the optimiser moves the parameters, they belong to no step. */
  let moving = false;
  try {
    while (losses.length < settings.steps) {
      const step = losses.length;
      if (step % settings.evaluateEvery === 0 && heldOut.length > 0) {
        await look();
        const sinceBest = evaluations.filter((seen) => seen.step > (best?.step ?? 0)).length;
        if (sinceBest >= settings.patience) return await finish(true);
        const found =
          detectNoMovement(settings.steps, losses, evaluations) ??
          (layout.kind === "generation"
            ? null
            : detectOneClass(settings.steps, evaluations, guess, heldOutAnswers));
        if (found !== null) return await trouble(found);
      }
      let loss = 0;
      let read = 0;
      const turns = turnsOfStep(layout, order.at(step), weightsOf, budget);
      rows = Math.max(...turns.flat().map((batch) => batch.tokens.length));
      for (const together of turns) {
        const stop = hooks.stop();
        if (stop === "pause") return { kind: "paused", snapshot: await save() };
        if (stop === "keep") {
          await look();
          return await finish(true);
        }
        loss += (await session.accumulate(...together)).loss;
        for (const batch of together) read += batch.tokens.length;
      }
      moving = true;
      const { gradientNorm } = await session.step(stepOptions(settings, step));
      moving = false;
      rows = null;
      tokens += read;
      const found = detectNan(step, loss, gradientNorm);
      if (found !== null) return await trouble(found);
      losses.push(loss);
      report();
      if (hooks.now() - saved >= hooks.checkpointSeconds * 1000) await save();
    }
    await look();
    return await finish(false);
  } catch (error) {
    if (!isGpuFull(error)) throw error;
    if (!moving) await save();
    throw new GpuFull(savedStep, rows, error);
  }
}
