import type { Task } from "../../core/schema";
import { MethodName, Threads } from "../../core/schema";
import type { EngineWishes, Job } from "../../core/tuning/protocol";
import type { TuneChoices } from "../../protocol";

/** What the user's settings say about runs. */
export interface RunSettings {
  readonly device: "auto" | "cpu" | "cuda" | "cuda:all";
  /** 0: all processors. */
  readonly threads: number;
  /** Gigabytes; 0: what there is. */
  readonly memoryLimit: number;
  /** "": Plumb's own default. */
  readonly baseModel: string;
  readonly method: string;
}

export const NO_CHOICES: TuneChoices = { method: null, base: null, folds: 0, steps: null, seed: null };

/** How the engine should compute, by the settings. */
export function wishesOf({ device, threads, memoryLimit }: RunSettings): EngineWishes {
  return {
    ...(device === "auto" ? {} : { device }),
    ...(Threads.safeParse(threads).success ? { threads } : {}),
    ...(memoryLimit > 0 ? { memory: memoryLimit * 1e9 } : {}),
  };
}

/** What a run and its forecast have in common. */
export type RunInput = Pick<Extract<Job, { type: "tune" }>, "task" | "base" | "options" | "engine" | "folds">;

/** What the task leaves open is taken from the settings, and what the user chose goes before both. */
export function inputOf(
  file: string,
  task: Pick<Task, "method" | "baseModel">,
  choices: TuneChoices,
  settings: RunSettings,
): RunInput {
  const method =
    methodNamed(choices.method) ?? (task.method === undefined ? methodNamed(settings.method) : undefined);
  const base = choices.base ?? (task.baseModel === undefined ? settings.baseModel.trim() || null : null);
  return {
    task: file,
    options: {
      ...(method === undefined ? {} : { method }),
      ...(choices.steps === null ? {} : { steps: choices.steps }),
      ...(choices.seed === null ? {} : { seed: choices.seed }),
    },
    engine: wishesOf(settings),
    ...(base === null ? {} : { base }),
    ...(choices.folds < 2 ? {} : { folds: choices.folds }),
  };
}

function methodNamed(name: string | null): MethodName | undefined {
  return MethodName.safeParse(name).data;
}
