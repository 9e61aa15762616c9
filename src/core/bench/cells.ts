import path from "node:path";
import { defaultTestShare, loadTask, shownPath, splitExamples, type LoadedTask } from "../data";
import { PlumbError } from "../errors";
import type { BaseModel } from "../model";
import type { Task, TaskKind, TuningSettings } from "../schema";
import type { JobTools } from "../tuning/job-tools";
import { checkSize } from "../tuning/methods";
import {
  baseModelOf,
  checkData,
  hashFile,
  LEAST_ANSWER_ROOM,
  tunedLayout,
  untunedLayout,
} from "../tuning/prepare";
import type { EngineWishes, Job } from "../tuning/protocol";
import { sha256 } from "../tuning/run-folder";
import { resolveSettings } from "../tuning/settings";
import type { OpenedSuite } from "./suite";

/** One run of a suite. */
export interface Cell {
  /** Names its folder. Ends in a hash of all that the result follows from: what changes gets another folder. */
  readonly id: string;
  readonly task: string;
  readonly kind: TaskKind;
  readonly base: string;
  readonly method: string;
  readonly regime: string;
  readonly seed: number;
  /** Training examples. */
  readonly examples: number;
  /** Characters that the run reads, trained ones three times: what its time goes with. */
  readonly work: number;
  readonly parameters: number;
  readonly job: Extract<Job, { type: "tune" }>;
}

type Tools = Pick<JobTools, "openBaseModel" | "resolveBaseModel">;

/** Repeats what is wrong with a cell with the cell's name before it: a suite has many. */
function within<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof PlumbError)) throw error;
    throw new PlumbError(error.code, `${what}: ${error.message}`, { cause: error });
  }
}

/** @throws PlumbError where the model is too large for the method, or its context too short for prompt and answer. */
function checkCell(task: Task, model: BaseModel, settings: TuningSettings): void {
  checkSize(settings, model.parameterCount);
  const answerRoom = task.kind === "generation" ? LEAST_ANSWER_ROOM : 0;
  tunedLayout(task, model, settings, answerRoom);
  untunedLayout(task, model, settings, answerRoom);
}

const splitOf = (loaded: LoadedTask) =>
  splitExamples(loaded, {
    seed: loaded.task.seed ?? 0,
    testShare: loaded.task.testShare ?? defaultTestShare,
  });

/**
 * A task with how many examples there are to learn from.
 * @throws PlumbError where an option asks for more.
 */
export async function openForOption(file: string, option: string, wanted: readonly number[]) {
  const loaded = await loadTask(file);
  const train = splitOf(loaded).train.length;
  const most = Math.max(0, ...wanted);
  if (most <= train) return { task: loaded.task, train };
  throw new PlumbError(
    "settings",
    `${option} asks for ${most} training examples, ${shownPath(file)} has ${train}. Ask for fewer, or leave it out.`,
  );
}

/** Everything of a task that cells need. */
async function openTask(file: string) {
  const loaded = await loadTask(file);
  checkData(loaded);
  const { task } = loaded;
  const split = splitOf(loaded);
  const files = [...new Set(loaded.examples.map((example) => example.file))].sort();
  const hash = sha256(JSON.stringify([task, await Promise.all(files.map(hashFile))]));
  const mean = (examples: readonly { text: string }[]) =>
    examples.reduce((sum, { text }) => sum + text.length, 0) / Math.max(1, examples.length);
  return { loaded, hash, train: split.train.length, length: mean(split.train), test: split.test.length };
}

/**
 * The cells of a suite, one seed of all tasks and methods after the other, so that a first whole table is there early. Tasks,
 * data, base models and settings are looked at here, before hours are spent.
 * @throws PlumbError where a cell could not be run.
 */
export async function cellsOf(suite: OpenedSuite, engine: EngineWishes, tools: Tools): Promise<Cell[]> {
  const tasks = new Map<string, Awaited<ReturnType<typeof openTask>>>();
  for (const { name, file } of suite.tasks) tasks.set(name, await openTask(file));
  for (const { name, examples, tasks: own } of suite.regimes) {
    for (const task of own) {
      const { train } = tasks.get(task)!;
      if (examples === "all" || examples <= train) continue;
      throw new PlumbError(
        "suite",
        `Regime "${name}" asks for ${examples} training examples, task "${task}" has ${train}. Lower "examples", or list the tasks of the regime under its "tasks".`,
      );
    }
  }
  const models = new Map<string, Awaited<ReturnType<Tools["openBaseModel"]>>>();
  const open = async (wanted: string | undefined) => {
    const found = await tools.resolveBaseModel(wanted);
    const model = models.get(found) ?? (await tools.openBaseModel(found));
    models.set(found, model);
    return model;
  };
  const cells: Cell[] = [];
  for (const regime of suite.regimes) {
    for (const seed of suite.seeds) {
      for (const { name: task, file } of suite.tasks) {
        if (!regime.tasks.includes(task)) continue;
        const { loaded, hash, train, length, test } = tasks.get(task)!;
        for (const { name: base, model } of suite.bases) {
          const opened = await open(baseModelOf(loaded.task, loaded.folder, model));
          for (const { name: method, method: kind, options } of suite.methods) {
            const examples = regime.examples === "all" ? train : regime.examples;
            const all = { ...options, method: kind, seed };
            const settings = within(`Task "${task}", base model "${base}", method "${method}"`, () => {
              const { contextLength } = opened.table.config;
              const decided = resolveSettings(all, { kind: loaded.task.kind, examples, contextLength });
              checkCell(loaded.task, opened, decided);
              return decided;
            });
            const { steps, batch } = settings;
            const limit = regime.examples === "all" ? {} : { trainLimit: regime.examples };
            const key = sha256(JSON.stringify([hash, opened.fingerprint, all, limit, engine])).slice(0, 12);
            const stem = [task, base, method, regime.name, `s${seed}`].join("-");
            cells.push({
              id: `${stem.replaceAll(/[^\p{L}\p{N}._-]+/gu, "_").slice(0, 120)}-${key}`,
              task,
              kind: loaded.task.kind,
              base,
              method,
              regime: regime.name,
              seed,
              examples,
              work: length * (3 * steps * batch + 2.5 * test),
              parameters: opened.parameterCount,
              job: {
                type: "tune",
                task: path.resolve(file),
                base: opened.path,
                options: all,
                engine,
                ...limit,
              },
            });
          }
        }
      }
    }
  }
  return cells;
}
