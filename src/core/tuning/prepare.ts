import { readFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import path from "node:path";
import { answerOf, formatProblem, type LoadedExample, type LoadedTask, type Split } from "../data";
import { PlumbError } from "../errors";
import type { BaseModel } from "../model";
import type { Task } from "../schema";
import {
  buildLayout,
  encodeAnswer,
  encodeText,
  instructionTokens,
  promptTokens,
  type Item,
  type Layout,
} from "./layout";
import { sha256 } from "./run-folder";
import type { TuningSettings } from "./settings";

/** Most problems that a message lists. */
const PROBLEMS_SHOWN = 5;

/** @throws PlumbError listing what makes a run dishonest or impossible. */
export function refuseProblems(loaded: LoadedTask): void {
  const errors = loaded.problems.filter(({ severity }) => severity === "error");
  if (errors.length === 0) return;
  const shown = errors.slice(0, PROBLEMS_SHOWN).map((problem) => formatProblem(problem));
  const more = errors.length > shown.length ? [`... and ${errors.length - shown.length} more`] : [];
  throw new PlumbError(
    "data",
    [...shown, ...more, `Nothing was run. "plumb check" lists everything.`].join("\n"),
  );
}

/** Where the base model is looked for: a path beside the task file, else a name or path as it is. */
export function baseModelOf(task: Task, folder: string, wanted: string | undefined): string | undefined {
  if (wanted !== undefined || task.baseModel === undefined) return wanted;
  const beside = path.resolve(folder, task.baseModel);
  return existsSync(beside) ? beside : task.baseModel;
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

/**
 * Generation: room for an answer, a quarter more than the longest one of the training part.
 * @returns 0 for the other kinds, whose answers are known.
 */
export function answerRoomOf(
  task: Task,
  model: BaseModel,
  examples: readonly LoadedExample[],
  maxTokens: number,
): number {
  if (task.kind !== "generation") return 0;
  const lengths = examples.map(
    (example) => model.tokenizer.encode(` ${String(answerOf(task, example))}`).length,
  );
  const longest = lengths.reduce((most, length) => Math.max(most, length), 8);
  return Math.min(Math.ceil(longest * 1.25), Math.floor(maxTokens / 2));
}

/** The layout in which a method trains and scores. */
export function tunedLayout(
  task: Task,
  model: BaseModel,
  settings: TuningSettings,
  answerRoom: number,
): Layout {
  const trains = settings.method !== "bias";
  return buildLayout(task, model.tokenizer, {
    promptLength: trains ? settings.promptLength : 0,
    ...(trains ? {} : { frozenPrompt: promptTokens(task, model.tokenizer, settings.promptLength) }),
    maxTokens: settings.maxTokens,
    answerRoom,
  });
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
