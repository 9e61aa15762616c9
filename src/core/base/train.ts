import type { Session } from "../engine";
import type { TextTokenizer } from "../model";
import type { BaseLook, BaseManifest } from "../schema";
import { detectNan, type Trouble } from "../tuning/detectors";
import { GpuFull, isGpuFull } from "../tuning/memory";
import { rateFactor } from "../tuning/settings";
import type { StopMode } from "../tuning/trainer";
import type { TrainingState } from "./checkpoints";
import { drawnBatches, type Drawn } from "./encode";
import { bestLook, lookAtTasks } from "./look";
import { Mixture, type Draw } from "./mixture";
import type { EncodedTask } from "./prepare";

export interface TrainingProgress {
  readonly step: number;
  readonly loss: number | null;
  readonly look: BaseLook | null;
  readonly tokensPerSecond: number;
  readonly secondsLeft: number | null;
}

export interface TrainingHooks {
  saveBest(step: number, parameters: Float32Array): Promise<void>;
  save(state: TrainingState, best: number): Promise<void>;
  progress(progress: TrainingProgress): void;
  look(look: BaseLook): void;
  /** Asked before each micro-batch and each task of a look. */
  stop(): StopMode | null;
  /** Milliseconds. */
  now(): number;
  /** Between two checkpoints. */
  readonly checkpointSeconds: number;
}

export type TrainingOutcome =
  | {
      readonly kind: "finished";
      readonly looks: readonly BaseLook[];
      readonly best: number;
      readonly state: Totals;
      readonly early: boolean;
    }
  | { readonly kind: "paused"; readonly step: number }
  | { readonly kind: "trouble"; readonly trouble: Trouble };

type Totals = Pick<TrainingState, "seconds" | "tokens">;

/** Stands for a stop in the middle of a look, which is looked at anew after a resume. */
class Stopped extends Error {}

/** What the steps of a training learn from. */
export function trainingDraws(tasks: readonly EncodedTask[], { list }: Pick<BaseManifest, "list">) {
  const mixture = new Mixture(
    tasks.map(({ fit, encoder }) => ({ examples: fit.length, wordings: encoder.count })),
    { temperature: list.temperature, batch: list.batch, seed: list.seed },
  );
  const drawn = ({ task, example, wording, seed }: Draw): Drawn => {
    const { encoder, fit } = tasks[task]!;
    const { text, answer } = fit[example]!;
    return encoder.encode(text, answer, wording, seed);
  };
  return (step: number) => mixture.at(step).map(drawn);
}

/**
 * Trains until the steps are done, the mean quality over the held-out parts rises no more, or it is asked to stop. All
 * that decides anything follows from the input, never from the clock.
 * @throws GpuFull where the GPU's memory ran out, once the state before that step is saved.
 */
export async function trainBase(
  input: {
    /** With the parameters to start from; state of the optimiser new. */
    readonly session: Session;
    readonly tasks: readonly EncodedTask[];
    readonly tokenizer: TextTokenizer;
    readonly manifest: Pick<BaseManifest, "list" | "steps" | "evaluateEvery" | "engine">;
    readonly resume: TrainingState | null;
  },
  hooks: TrainingHooks,
): Promise<TrainingOutcome> {
  const { session, tasks, tokenizer, manifest, resume } = input;
  const { list, steps, engine } = manifest;
  const draws = trainingDraws(tasks, manifest);
  if (resume !== null) await session.load(resume.session);
  const losses = [...(resume?.losses ?? [])];
  const looks = [...(resume?.looks ?? [])];
  let tokens = resume?.tokens ?? 0;
  const [firstStep, firstTokens, begun] = [losses.length, tokens, hooks.now()];
  let saved = begun;
  let savedStep = firstStep;

  const secondsHere = () => (hooks.now() - begun) / 1000;
  const totals = (): Totals => ({ seconds: (resume?.seconds ?? 0) + secondsHere(), tokens });
  const best = () => bestLook(looks)?.step ?? 0;
  const save = async () => {
    await hooks.save(
      { session: await session.state(), losses: [...losses], looks: [...looks], ...totals() },
      best(),
    );
    saved = hooks.now();
    savedStep = losses.length;
  };
  const report = () => {
    const done = losses.length - firstStep;
    hooks.progress({
      step: losses.length,
      loss: losses.at(-1) ?? null,
      look: looks.at(-1) ?? null,
      tokensPerSecond: done === 0 ? 0 : (tokens - firstTokens) / Math.max(1e-3, secondsHere()),
      secondsLeft: done === 0 ? null : (secondsHere() / done) * (steps - losses.length),
    });
  };
  const look = async () => {
    const step = losses.length;
    if (looks.at(-1)?.step === step) return;
    const found = await lookAtTasks(session, tasks, tokenizer, engine.scoreRows, step, () => {
      if (hooks.stop() === "pause") throw new Stopped();
    });
    looks.push(found);
    hooks.look(found);
    report();
    if (best() !== step) return;
    await hooks.saveBest(step, await session.read());
    await save();
  };
  const finish = async (early: boolean): Promise<TrainingOutcome> => {
    await look();
    return { kind: "finished", looks, best: best(), state: totals(), early };
  };
  const pause = async (): Promise<TrainingOutcome> => {
    await save();
    return { kind: "paused", step: losses.length };
  };

  /** Tokens of the largest micro-batch, while a step is computed. */
  let rows: number | null = null;
  /** While the optimiser moves the parameters, they belong to no step. */
  let moving = false;
  try {
    while (losses.length < steps) {
      const step = losses.length;
      if (step % manifest.evaluateEvery === 0) {
        await look();
        if (looks.filter((seen) => seen.step > best()).length >= list.patience) return await finish(true);
      }
      let loss = 0;
      let read = 0;
      const batches = drawnBatches(draws(step), engine.trainRows);
      rows = Math.max(...batches.map(({ tokens: { length } }) => length));
      for (const batch of batches) {
        const stop = hooks.stop();
        if (stop === "pause") return await pause();
        if (stop === "keep") return await finish(true);
        loss += (await session.accumulate(batch)).loss;
        read += batch.tokens.length;
      }
      moving = true;
      const { gradientNorm } = await session.step({
        rates: { full: list.rate * rateFactor(step, steps, list.warmup) },
        maxNorm: 1,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weightDecay: list.weightDecay,
      });
      moving = false;
      rows = null;
      tokens += read;
      const found = detectNan(step, loss, gradientNorm);
      if (found !== null) {
        const message = `${found.message.split(":")[0]}: the loss is not a finite number. Set "rate" to half, or try --precision float32.`;
        return { kind: "trouble", trouble: { ...found, message } };
      }
      losses.push(loss);
      report();
      if (hooks.now() - saved >= hooks.checkpointSeconds * 1000) await save();
    }
    return await finish(false);
  } catch (error) {
    if (error instanceof Stopped) return pause();
    if (!isGpuFull(error)) throw error;
    if (!moving) await save();
    throw new GpuFull(savedStep, rows, error);
  }
}
