import * as z from "zod";
import type { SessionState } from "../engine";
import { PlumbError } from "../errors";
import { readStateFile, roundedOf, writeStateFile, type StateFile } from "../state-file";
import type { Evaluation } from "./detectors";
import { say } from "../say";

/** The best step so far by the held-out part. */
export interface Best {
  readonly step: number;
  readonly parameters: Float32Array;
}

/** A run between two steps: all that going on to the bit needs, besides the manifest. */
export interface Snapshot {
  readonly session: SessionState;
  /** Loss of each step done. */
  readonly losses: readonly number[];
  readonly evaluations: readonly Evaluation[];
  readonly best: Best | null;
  /** Spent on training so far. */
  readonly seconds: number;
  readonly tokens: number;
}

const Progress = z.object({
  steps: z.number().int().nonnegative(),
  losses: z.array(z.number()),
  evaluations: z.array(
    z.object({
      step: z.number().int(),
      loss: z.number(),
      losses: z.array(z.number()),
      score: z.number().nullable(),
      answers: z.number().nullable(),
    }),
  ),
  bestStep: z.number().int().nullable(),
  seconds: z.number(),
  tokens: z.number(),
});

/** One file, replaced whole, so that a kill at any instant leaves a state that belongs together. */
export async function writeCheckpoint(file: string, snapshot: Snapshot): Promise<void> {
  const { session, best } = snapshot;
  const arrays = {
    parameters: session.parameters,
    first_moment: session.firstMoment,
    second_moment: session.secondMoment,
    ...session.rounded,
    ...(best === null ? {} : { best: best.parameters }),
  };
  const progress: z.infer<typeof Progress> = {
    steps: session.steps,
    losses: [...snapshot.losses],
    evaluations: snapshot.evaluations.map((look) => ({ ...look, losses: [...look.losses] })),
    bestStep: best?.step ?? null,
    seconds: snapshot.seconds,
    tokens: snapshot.tokens,
  };
  await writeStateFile(file, "plumb-checkpoint", { arrays, progress });
}

/** @throws PlumbError where the file is damaged. */
export async function readCheckpoint(file: string): Promise<Snapshot> {
  const damaged = (what: string) =>
    new PlumbError("checkpoint", say`${file} cannot be resumed from: ${what}. Start the run anew.`);
  const state = await readStateFile(file);
  const values = (name: string) => {
    const found = state.arrays[name];
    if (!(found instanceof Float32Array)) throw damaged(say`it lacks "${name}"`);
    return found;
  };
  const parsed = Progress.safeParse(state.progress);
  if (!parsed.success) throw damaged(say`its progress is not valid`);
  const progress = parsed.data;
  if (progress.losses.length !== progress.steps) throw damaged(say`its losses and steps do not agree`);
  return {
    session: {
      parameters: values("parameters"),
      firstMoment: values("first_moment"),
      secondMoment: values("second_moment"),
      ...roundedOf(restOf(state)),
      steps: progress.steps,
    },
    losses: progress.losses,
    evaluations: progress.evaluations,
    best: progress.bestStep === null ? null : { step: progress.bestStep, parameters: values("best") },
    seconds: progress.seconds,
    tokens: progress.tokens,
  };
}

/** What is neither a list that every checkpoint has nor the best step's. */
function restOf({ arrays }: StateFile): StateFile["arrays"] {
  const known = ["parameters", "first_moment", "second_moment", "best"];
  return Object.fromEntries(Object.entries(arrays).filter(([name]) => !known.includes(name)));
}
