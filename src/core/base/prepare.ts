import {
  answerOf,
  defaultTestShare,
  drawPart,
  holdOut,
  loadTask,
  shownPath,
  splitExamples,
  type LoadedExample,
  type LoadedTask,
} from "../data";
import { PlumbError } from "../errors";
import type { BaseModel } from "../model";
import type { BaseManifest, Contamination } from "../schema";
import { encodeAnswer, type EncodedAnswer, type Item } from "../tuning/layout";
import { answerRoomOf, checkData, itemsOf } from "../tuning/prepare";
import { mixSeed } from "../tuning/order";
import { sha256, withoutColors } from "../tuning/run-folder";
import { cleanExamples, compareWithBenchmarks, refuseOverlapping } from "./contamination";
import { TaskEncoder } from "./encode";
import type { OpenedList } from "./list";
import { taskShares } from "./mixture";
import { wordingsOf } from "./wordings";

/** A task with fewer examples to learn from teaches nothing. */
const LEAST_EXAMPLES = 10;
/** A look at more texts of a task takes time that nothing is learned in. */
const MOST_HELD_OUT = 50;

/** One task as it is learned and looked at. */
export interface TrainingTask {
  readonly loaded: LoadedTask;
  readonly license: string | null;
  readonly answerRoom: number;
  readonly fit: readonly LoadedExample[];
  readonly heldOut: readonly LoadedExample[];
}

/** The same in tokens. */
export interface EncodedTask {
  readonly name: string;
  readonly encoder: TaskEncoder;
  readonly fit: readonly { readonly text: string; readonly answer: EncodedAnswer }[];
  readonly heldOut: readonly Item[];
  /** For the quality of what is generated. */
  readonly heldOutExamples: readonly LoadedExample[];
}

/** Reads tasks and benchmarks, leaves out what both hold, and draws what is learned and what is held out. */
export async function prepareTasks(
  { list, tasks, benchmarks }: OpenedList,
  base: BaseModel,
  maxTokens: number,
): Promise<{ tasks: TrainingTask[]; contamination: Contamination }> {
  const loaded = await Promise.all(tasks.map(({ file }) => loadTask(file)));
  refuseEqualNames(loaded);
  loaded.forEach(checkData);
  const known = await Promise.all(benchmarks.map(loadTask));
  const parts = loaded.map((task) => ({ loaded: task, examples: trainingPart(task) }));
  const contamination = compareWithBenchmarks(parts, known);
  const prepared = parts.map(({ loaded: task, examples }, i): TrainingTask => {
    const found = contamination.tasks[i]!;
    refuseOverlapping(task, found, LEAST_EXAMPLES);
    const clean = cleanExamples(task, examples, found);
    const seed = mixSeed(list.seed, 23, i);
    const used = drawPart(clean, Math.min(list.examplesPerTask, clean.length), seed);
    const share = Math.min(list.heldOutShare, MOST_HELD_OUT / used.length);
    const { fit, heldOut } = holdOut(used, share, seed);
    if (heldOut.length === 0) {
      throw new PlumbError(
        "base-list",
        `${shownPath(task.path)}: none of its ${used.length} examples can be held out. Set "heldOutShare" higher, or label more texts.`,
      );
    }
    const answerRoom = answerRoomOf(task.task, base, fit, maxTokens);
    return { loaded: task, license: tasks[i]!.license ?? statedLicense(task), answerRoom, fit, heldOut };
  });
  return { tasks: prepared, contamination };
}

function trainingPart(loaded: LoadedTask): LoadedExample[] {
  const { task } = loaded;
  return splitExamples(loaded, { seed: task.seed ?? 0, testShare: task.testShare ?? defaultTestShare }).train;
}

function refuseEqualNames(loaded: readonly LoadedTask[]): void {
  const files = new Map<string, string>();
  for (const { task, path: file } of loaded) {
    const before = files.get(task.name);
    if (before !== undefined) {
      throw new PlumbError(
        "base-list",
        `${shownPath(before)} and ${shownPath(file)} are both named "${task.name}". Give each task of the list a name of its own.`,
      );
    }
    files.set(task.name, file);
  }
}

/** `license` of a task file, which Plumb's own schema does not know but keeps. */
const statedLicense = ({ task }: LoadedTask) => (typeof task.license === "string" ? task.license : null);

/** The tasks of a training that began before, from their files as they are now. @throws PlumbError where one has changed. */
export async function restoreTasks(manifest: BaseManifest): Promise<TrainingTask[]> {
  return Promise.all(
    manifest.tasks.map(async ({ file, license, answerRoom, fit, heldOut, hash }) => {
      const loaded = await loadTask(file);
      const byId = new Map(loaded.examples.map((example) => [example.id, example]));
      const find = (ids: readonly string[]) => ids.flatMap((id) => byId.get(id) ?? []);
      const task = { loaded, license, answerRoom, fit: find(fit), heldOut: find(heldOut) };
      if (hashOf(task) === hash) return task;
      throw new PlumbError(
        "task-changed",
        `${shownPath(loaded.path)} or its examples have changed since the training began. Bring the old content back, or start a new training.`,
      );
    }),
  );
}

/** Of a task and of all that is used of its examples. */
export function hashOf({ loaded, fit, heldOut }: Pick<TrainingTask, "loaded" | "fit" | "heldOut">): string {
  const used = (examples: readonly LoadedExample[]) =>
    examples.map((example) => [
      example.id,
      example.text,
      answerOf(loaded.task, example),
      example.references ?? null,
    ]);
  return sha256(JSON.stringify([withoutColors(loaded.task), used(fit), used(heldOut)]));
}

export function encodeTask(
  { loaded, answerRoom, fit, heldOut }: TrainingTask,
  base: BaseModel,
  { list, maxTokens }: Pick<BaseManifest, "list" | "maxTokens">,
): EncodedTask {
  const { task } = loaded;
  const encoder = new TaskEncoder(
    task,
    base.tokenizer,
    { maxTokens, answerRoom },
    wordingsOf(task.kind, list.wordings),
  );
  return {
    name: task.name,
    encoder,
    fit: fit.map((example) => ({
      text: example.text,
      answer: encodeAnswer(encoder.layout, base.tokenizer, answerOf(task, example) ?? []),
    })),
    heldOut: itemsOf(task, encoder.layout, base, heldOut),
    heldOutExamples: heldOut,
  };
}

/** What the manifest keeps of the tasks. */
export function recordTasks(tasks: readonly TrainingTask[], temperature: number): BaseManifest["tasks"] {
  const shares = taskShares(
    tasks.map(({ fit }) => fit.length),
    temperature,
  );
  const ids = (examples: readonly LoadedExample[]) => examples.map(({ id }) => id);
  return tasks.map((task, i) => ({
    name: task.loaded.task.name,
    kind: task.loaded.task.kind,
    file: task.loaded.path,
    license: task.license,
    share: shares[i]!,
    fit: ids(task.fit),
    heldOut: ids(task.heldOut),
    answerRoom: task.answerRoom,
    hash: hashOf(task),
  }));
}
