import { mkdir, readdir, rm } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import type { SessionState, StateValues } from "../engine";
import { PlumbError } from "../errors";
import { BaseLook } from "../schema";
import { writing } from "../tuning/run-folder";
import { readIfThere } from "../tuning/run";
import { TRAINING_FILES } from "./folder";
import { readStateFile, roundedOf, writeStateFile } from "../state-file";

const Progress = z.object({
  steps: z.number().int().nonnegative(),
  losses: z.array(z.number()),
  looks: z.array(BaseLook),
  seconds: z.number(),
  tokens: z.number(),
});

/** A training between two steps: all that going on to the bit needs, besides the manifest and the best parameters. */
export interface TrainingState extends Omit<z.infer<typeof Progress>, "steps"> {
  readonly session: SessionState;
}

const LAST = "last.safetensors";
const bestName = (step: number) => `best-${step}.safetensors`;

/**
 * The files that a training goes on from. The parameters of the best look are a file of their own, written before the
 * checkpoint that counts on it; those of an earlier best go only when that checkpoint stands.
 */
export class Checkpoints {
  private readonly folder: string;

  constructor(training: string) {
    this.folder = path.join(training, TRAINING_FILES.checkpoints);
  }

  async saveBest(step: number, parameters: Float32Array): Promise<void> {
    await this.write(bestName(step), { parameters }, { step });
  }

  /** @throws PlumbError where it is gone or damaged. */
  async readBest(step: number): Promise<Float32Array> {
    const file = path.join(this.folder, bestName(step));
    const parameters = (await readIfThere(file, readStateFile))?.arrays.parameters;
    if (parameters instanceof Float32Array) return parameters;
    throw new PlumbError("checkpoint", `${file} is missing or not whole. Start the training anew.`);
  }

  /** @param best Step of the best look so far. */
  async save({ session, ...progress }: TrainingState, best: number): Promise<void> {
    const { parameters, firstMoment, secondMoment, rounded, steps } = session;
    await this.write(LAST, { parameters, firstMoment, secondMoment, ...rounded }, { ...progress, steps });
    for (const name of await readdir(this.folder)) {
      if (name.startsWith("best-") && name !== bestName(best)) await rm(path.join(this.folder, name));
    }
  }

  /** Null where none was saved yet. @throws PlumbError where it is damaged. */
  async read(): Promise<TrainingState | null> {
    const file = path.join(this.folder, LAST);
    const state = await readIfThere(file, readStateFile);
    if (state === null) return null;
    const { parameters, firstMoment, secondMoment, ...rounded } = state.arrays;
    const progress = Progress.safeParse(state.progress);
    if (
      !progress.success ||
      progress.data.losses.length !== progress.data.steps ||
      !(parameters instanceof Float32Array) ||
      !(firstMoment instanceof Float32Array) ||
      !(secondMoment instanceof Float32Array)
    ) {
      throw new PlumbError(
        "checkpoint",
        `${file} cannot be resumed from: it is not whole. Start the training anew.`,
      );
    }
    const { steps, ...rest } = progress.data;
    const session = { parameters, firstMoment, secondMoment, ...roundedOf(rounded), steps };
    return { session, ...rest };
  }

  private async write(name: string, arrays: Record<string, StateValues>, progress: unknown): Promise<void> {
    const file = path.join(this.folder, name);
    await writing(file, async () => {
      await mkdir(this.folder, { recursive: true });
      await writeStateFile(file, "plumb-base-state", { arrays, progress });
    });
  }
}
