import { readFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import path from "node:path";
import {
  answerOf,
  checkTask,
  defaultTestShare,
  drawPart,
  holdOut,
  lengthFindings,
  measureLengths,
  shownPath,
  splitExamples,
  type Finding,
  type LoadedExample,
  type LoadedTask,
  type Split,
} from "../data";
import { PlumbError } from "../errors";
import type { BaseModel } from "../model";
import type { Example, Task } from "../schema";
import {
  buildLayout,
  encodeAnswer,
  encodeText,
  instructionTokens,
  promptTokens,
  type Item,
  type Layout,
} from "./layout";
import { checkOptimizer, checkSize, DEFAULT_METHOD, vectorsOf } from "./methods";
import type { EngineWishes } from "./protocol";
import { sha256 } from "./run-folder";
import type { JobTools } from "./job-tools";
import { resolveSettings, type TuningOptions, type TuningSettings } from "./settings";
import { readStart, type StartingPoint } from "./start";
import { say } from "../say";
import { shellWord } from "../shell";

/** Most places that a message lists for each finding. */
const PLACES_SHOWN = 5;
/** Answers, the longest first, that are tokenised to find the longest. */
export const LONGEST_ANSWERS = 200;

/**
 * Looks for what `plumb check` looks for, lengths aside.
 * @returns What makes the result weaker than it looks, in sentences.
 * @throws PlumbError listing what makes a run dishonest or impossible.
 */
export function checkData(loaded: LoadedTask): string[] {
  const { findings } = checkTask(loaded, null);
  refuseErrors(findings, loaded);
  return findings.flatMap(({ severity, message }) => (severity === "warning" ? [message] : []));
}

/** Data that no run is made of. */
export class DataRefusal extends PlumbError {
  constructor(
    /** What speaks against it, each with its places. */
    readonly errors: readonly Finding[],
    message: string,
  ) {
    super("data", message);
  }
}

/** @throws {DataRefusal} listing the errors among the findings. */
function refuseErrors(findings: readonly Finding[], loaded: LoadedTask, ways: readonly string[] = []): void {
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length === 0) return;
  const lines = errors.flatMap(({ message, places }) => {
    const shown = places.slice(0, PLACES_SHOWN).map(({ file, line, message: what }) => {
      const where = file === null ? "" : `${shownPath(file)}${line === null ? "" : say`, line ${line}`}: `;
      return `  ${where}${what}`;
    });
    const more = places.length > PLACES_SHOWN ? [say`  and ${places.length - PLACES_SHOWN} more`] : [];
    return [message, ...shown, ...more];
  });
  throw new DataRefusal(
    errors,
    [
      ...lines,
      ...ways,
      say`Nothing was run. All findings: plumb check ${shellWord(shownPath(loaded.path))}`,
    ].join("\n"),
  );
}

/** Where the base model is looked for: a path beside the task file, else a name or path as it is. */
export function baseModelOf(task: Task, folder: string, wanted: string | undefined): string | undefined {
  if (wanted !== undefined || task.baseModel === undefined) return wanted;
  const beside = path.resolve(folder, task.baseModel);
  return existsSync(beside) ? beside : task.baseModel;
}

/** Everything of a run that follows from task, examples, base model and options, without an engine. */
export interface PreparedRun {
  readonly loaded: LoadedTask;
  readonly task: Task;
  readonly base: BaseModel;
  readonly settings: TuningSettings;
  readonly start: StartingPoint;
  readonly split: Split;
  readonly parts: Parts;
  readonly layout: Layout;
  readonly answerRoom: number;
  /** Examples that the training part was drawn from; null where it is used whole. */
  readonly drawnFrom: number | null;
  readonly fit: readonly Item[];
  readonly heldOut: readonly Item[];
  readonly test: readonly Item[];
}

/**
 * The split follows from the task alone, so that every run of it is tested on the same texts; the seed of the run decides
 * who is held out, in which order is learned, and which part is drawn where only a part of the training examples is used.
 * @param opened Told of the base model as soon as it is known.
 */
export async function prepareRun(
  loaded: LoadedTask,
  job: {
    readonly base?: string | undefined;
    readonly options: TuningOptions;
    readonly trainLimit?: number | undefined;
    readonly engine?: EngineWishes;
  },
  tools: Pick<JobTools, "openBaseModel" | "resolveBaseModel">,
  opened: (base: BaseModel) => void = () => undefined,
): Promise<PreparedRun> {
  const { task } = loaded;
  const method = job.options.method ?? task.method;
  checkOptimizer(method ?? DEFAULT_METHOD, job.engine?.optimizer);
  const splitSeed = task.seed ?? 0;
  const whole = splitExamples(loaded, { seed: splitSeed, testShare: task.testShare ?? defaultTestShare });
  const seed = job.options.seed ?? splitSeed;
  const split =
    job.trainLimit === undefined ? whole : { ...whole, train: drawPart(whole.train, job.trainLimit, seed) };
  const base = await tools.openBaseModel(
    await tools.resolveBaseModel(baseModelOf(task, loaded.folder, job.base)),
  );
  opened(base);
  const decided = resolveSettings(
    { ...job.options, seed, ...(method === undefined ? {} : { method }) },
    { kind: task.kind, examples: split.train.length, contextLength: base.table.config.contextLength },
  );
  checkSize(decided, base.parameterCount);
  const { settings, start } = await readStart(job.options, decided, base);
  const chosen = holdOutFor(settings, split.train, settings.seed).heldOut;
  const parts = partsOf(split, new Set(chosen.map(({ id }) => id)));
  const answerRoom = answerRoomOf(task, base, split.train, settings.maxTokens);
  const layout = tunedLayout(task, base, settings, answerRoom);
  const items = (examples: readonly LoadedExample[]) => itemsOf(task, layout, base, examples);
  const [fit, heldOut, test] = [items(parts.fit), items(parts.heldOut), items(parts.test)];
  // Whoever says how many tokens count wants the texts cut.
  if (job.options.maxTokens === undefined) {
    const cut = new Set([...fit, ...heldOut, ...test].flatMap(({ id, text }) => (text.cut ? [id] : [])));
    const long = loaded.examples.filter(({ id }) => cut.has(id));
    const texts = long.map(({ text }) => text);
    const most = settings.maxTokens;
    refuseErrors(lengthFindings(long, measureLengths(texts, base.tokenizer, layout.textRoom)), loaded, [
      say`To leave out their middle all the same, say how many tokens count, e.g. --max-tokens ${most}.`,
    ]);
  }
  return {
    loaded,
    task,
    base,
    settings,
    start,
    split,
    parts,
    layout,
    answerRoom,
    drawnFrom: job.trainLimit === undefined ? null : whole.train.length,
    fit,
    heldOut,
    test,
  };
}

/** The part of the training examples that chooses the best step; empty where its share is 0. */
export function holdOutFor(
  { heldOutShare }: TuningSettings,
  train: readonly LoadedExample[],
  seed: number,
): { fit: LoadedExample[]; heldOut: LoadedExample[] } {
  return heldOutShare === 0 ? { fit: [...train], heldOut: [] } : holdOut(train, heldOutShare, seed);
}

/** Hash of what a run uses of an example. */
export function contentHash(task: Task, example: LoadedExample): string {
  return sha256(JSON.stringify([example.text, answerOf(task, example)])).slice(0, 16);
}

/** SHA-256 of a file. */
export async function hashFile(file: string): Promise<string> {
  return sha256(await readFile(file));
}

/** The examples of a run, each in the part that it has there. */
export interface Parts {
  /** Learned from. */
  readonly fit: readonly LoadedExample[];
  /** Chooses the best step. */
  readonly heldOut: readonly LoadedExample[];
  readonly test: readonly LoadedExample[];
}

/** Parts from a split and the ids held out of its training part. */
export function partsOf(split: Split, heldOut: ReadonlySet<string>): Parts {
  return {
    fit: split.train.filter(({ id }) => !heldOut.has(id)),
    heldOut: split.train.filter(({ id }) => heldOut.has(id)),
    test: split.test,
  };
}

/** Generation: least room for an answer. */
export const LEAST_ANSWER_ROOM = 10;

/**
 * Generation: room for an answer, a quarter more than the longest one of the training part.
 * @returns 0 for the other kinds, whose answers are known.
 */
export function answerRoomOf(
  task: Task,
  model: BaseModel,
  examples: readonly Example[],
  maxTokens: number,
): number {
  if (task.kind !== "generation") return 0;
  const lengths = examples.map(
    (example) => model.tokenizer.encode(` ${String(answerOf(task, example))}`).length,
  );
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
  return Math.min(Math.max(LEAST_ANSWER_ROOM, Math.ceil(longest * 1.25)), Math.floor(maxTokens / 2));
}

/** The layout in which a method trains and scores. */
export function tunedLayout(
  task: Task,
  model: BaseModel,
  settings: TuningSettings,
  answerRoom: number,
): Layout {
  const { left, right } = vectorsOf(settings);
  return buildLayout(task, model.tokenizer, {
    promptLength: left,
    promptRight: right,
    ...(left > 0 ? {} : { frozenPrompt: promptTokens(task, model.tokenizer, settings) }),
    maxTokens: settings.maxTokens,
    answerRoom,
  });
}

/**
 * The layout of a run with the settings that it would take by itself, but for those given.
 * @param answered Examples with an answer.
 */
export function usualLayout(
  task: Task,
  model: BaseModel,
  answered: readonly Example[],
  options: TuningOptions = task.method === undefined ? {} : { method: task.method },
): Layout {
  // The longest answer in tokens is among the longest in characters.
  const length = (example: Example) => example.target?.length ?? 0;
  const longest = [...answered].sort((a, b) => length(b) - length(a)).slice(0, LONGEST_ANSWERS);
  const settings = resolveSettings(options, {
    kind: task.kind,
    examples: answered.length,
    contextLength: model.table.config.contextLength,
  });
  return tunedLayout(task, model, settings, answerRoomOf(task, model, longest, settings.maxTokens));
}

/** The layout in which the base model is asked untuned: the whole instruction in words, nothing trained. */
export function untunedLayout(
  task: Task,
  model: BaseModel,
  settings: TuningSettings,
  answerRoom: number,
): Layout {
  const instruction = instructionTokens(task, model.tokenizer);
  return buildLayout(task, model.tokenizer, {
    promptLength: 0,
    frozenPrompt: instruction.slice(0, Math.floor(settings.maxTokens / 2)),
    maxTokens: settings.maxTokens,
    answerRoom,
  });
}

/** Examples with their answers, in tokens. */
export function itemsOf(
  task: Task,
  layout: Layout,
  model: BaseModel,
  examples: readonly LoadedExample[],
): Item[] {
  return examples.map((example) => ({
    id: example.id,
    text: encodeText(layout, model.tokenizer, example.text),
    answer: encodeAnswer(layout, model.tokenizer, answerOf(task, example) ?? []),
  }));
}
