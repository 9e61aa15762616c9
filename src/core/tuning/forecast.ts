import { stat } from "node:fs/promises";
import { freemem } from "node:os";
import type { DecoderConfig, Model, Optimizer } from "../engine";
import { PlumbError } from "../errors";
import { trainedBytes } from "./methods";
import { GENERATION } from "./score";
import type { TuningSettings } from "./settings";
import { trainingRows, type Item, type Layout } from "./layout";
import { counted, decimals, grouped, say } from "../say";

/**
 * Rows of one micro-batch, from the most to the least; one example that is longer stands alone. Products are no faster a
 * row with more than this, and every row holds its activations until the way back.
 */
export const TRAIN_ROWS = [512, 256, 128] as const;
/** A GPU fills its processors with more rows only. */
export const GPU_TRAIN_ROWS = [4096, 2048, 1024, ...TRAIN_ROWS] as const;
export const SCORE_ROWS = 1024;
/** Part of the available memory that a run may take. */
export const SHARE_OF_MEMORY = 0.85;
/** Held by the process besides the engine: Node.js, tokenizer, texts. */
export const PROCESS_BYTES = 200e6;
/** A model's file that a machine's memory may not hold beside the rest. */
const LARGE_FILE = 1e9;

/** Bytes that this process may still take, as far as the system tells; its container's limit counts. */
export function availableMemory(): number {
  const { availableMemory: available } = process as { availableMemory?: () => number };
  return available === undefined ? freemem() : available.call(process);
}

/** The memory that a run computes in. */
export interface Room {
  readonly available: number;
  /** What the process takes of it besides the engine. */
  readonly held: number;
  /** The GPU whose memory it is; null for the processor's. */
  readonly gpu: string | null;
}

/** How a micro-batch is computed, and what it holds. */
export interface ShapeChoice {
  readonly trainRows: number;
  readonly checkpoint: boolean;
  readonly optimizer: Optimizer;
  readonly bytes: number;
}

/** The heaviest micro-batch that a budget allows. */
export function heaviest(
  layout: Layout,
  items: readonly Item[],
  batch: number,
  budget: number,
): { rows: number; longest: number; targets: number } {
  const prefix = layout.prefix.length;
  const rows = items.map((item) => trainingRows(layout, item)).sort((a, b) => b - a);
  const together = prefix + rows.slice(0, batch).reduce((sum, count) => sum + count, 0);
  const paths = items.map(
    (item) =>
      item.text.tokens.length +
      (layout.kind === "multi"
        ? Math.max(...layout.slots.map((slot) => slot.length))
        : trainingRows(layout, item) - item.text.tokens.length),
  );
  const targets = items
    .map(({ answer }) => (answer.kind === "generation" ? answer.tokens.length + 1 : 0))
    .sort((a, b) => b - a);
  const most = Math.min(together, Math.max(budget, prefix + (rows[0] ?? 0)));
  return {
    rows: most,
    longest: prefix + Math.max(0, ...paths),
    targets: Math.min(
      most,
      targets.slice(0, batch).reduce((sum, count) => sum + count, 0),
    ),
  };
}

/**
 * The first way that fits into memory: smaller micro-batches first, then activations computed again on the way back, then,
 * where all parameters train, moments of 8 bits, which change the result a little.
 * @param fixedRows Micro-batch that the user asked for; nothing else is tried then.
 * @param optimizer The same of the optimiser.
 * @returns Null where nothing fits, with the least that would be needed.
 */
export function chooseShape(
  model: Model,
  layout: Layout,
  items: readonly Item[],
  settings: TuningSettings,
  config: DecoderConfig,
  room: Room,
  fixedRows?: number,
  optimizer?: Optimizer,
): { choice: ShapeChoice | null; least: ShapeChoice } {
  let least: ShapeChoice | null = null;
  // What scoring needs stays beside what learning needs; the weights are there once.
  const score = (rows: number, longest: number) =>
    model.forecast({ rows, longest, targets: 0, train: false, checkpoint: false });
  const usual = room.gpu === null ? TRAIN_ROWS : GPU_TRAIN_ROWS;
  const { batch } = settings;
  const inputs = settings.method === "lora" || settings.method === "full";
  const { longest } = heaviest(layout, items, batch, SCORE_ROWS);
  const scored = layout.kind === "generation" ? GENERATION * SCORE_ROWS : SCORE_ROWS;
  const scoring = score(Math.max(scored, longest), longest) - score(1, 1);
  for (const moments of optimizersOf(settings, optimizer)) {
    const trained = trainedBytes(settings, config, moments);
    for (const checkpoint of [false, true]) {
      for (const trainRows of fixedRows === undefined ? usual : [fixedRows]) {
        const shape = heaviest(layout, items, batch, trainRows);
        const training = model.forecast({ ...shape, train: true, checkpoint, inputs }) + trained;
        const bytes = training + scoring + room.held;
        const choice = { trainRows, checkpoint, optimizer: moments, bytes };
        if (choice.bytes <= room.available * SHARE_OF_MEMORY) return { choice, least: choice };
        if (least === null || choice.bytes < least.bytes) least = choice;
      }
    }
  }
  return { choice: null, least: least! };
}

function optimizersOf({ method }: TuningSettings, wish: Optimizer | undefined): readonly Optimizer[] {
  if (wish !== undefined) return [wish];
  return method === "full" ? ["adamw", "adamw-8bit"] : ["adamw"];
}

/** @returns The refusal, with what would fit. */
export function tooLittleMemory(least: ShapeChoice, { available, gpu }: Room, layout: Layout): PlumbError {
  return new PlumbError(
    "memory",
    gpu === null
      ? say`Not enough memory: even with small micro-batches, recomputed activations and streamed weights this run needs ${formatBytes(least.bytes)}, and ${formatBytes(available * SHARE_OF_MEMORY)} of the available ${formatBytes(available)} may be used. Close other programs, cut long texts with --max-tokens (now ${layout.textRoom + layout.prefix.length}), or take a smaller base model with --base.`
      : say`Not enough memory on the GPU (${gpu}): even with small micro-batches, recomputed activations and streamed weights this run needs ${formatBytes(least.bytes)}, and ${formatBytes(available * SHARE_OF_MEMORY)} of the available ${formatBytes(available)} may be used. Close other programs that use it, compute on the processor with --device cpu, cut long texts with --max-tokens (now ${layout.textRoom + layout.prefix.length}), or take a smaller base model with --base.`,
    { figures: { needed: least.bytes, usable: available * SHARE_OF_MEMORY } },
  );
}

/** Bytes of all these files together; one that is gone by now counts nothing. */
export async function sizeOfFiles(files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** `0.9 GB`, `340 MB`. */
export function formatBytes(bytes: number): string {
  return bytes >= 995e6 ? say`${decimals(bytes / 1e9, 1)} GB` : say`${Math.round(bytes / 1e6)} MB`;
}

/** `40 seconds`, `about 2 minutes`, `3.5 hours`. */
export function formatDuration(seconds: number): string {
  if (seconds < 90) return say`${counted(Math.max(1, Math.round(seconds)), "second", "seconds")}`;
  if (seconds < 90 * 60) return say`${counted(Math.round(seconds / 60), "minute", "minutes")}`;
  return say`${counted(Math.round(seconds / 360) / 10, "hour", "hours")}`;
}

/** What a run will do and cost, in one sentence. */
export function forecastSentence(facts: {
  model: string;
  fit: number;
  heldOut: number;
  test: number;
  folds: number;
  seconds: number;
  bytes: number;
  /** The GPU whose memory is meant; null for the processor's. */
  gpu: string | null;
  /** Of the model's files that each step reads; 0 where they are no longer needed. */
  fileBytes: number;
}): string {
  const texts = (count: number) => say`${counted(count, "text", "texts")}`;
  const parts = [
    say`Tunes ${facts.model} on ${texts(facts.fit)}`,
    ...(facts.heldOut > 0 ? [say`chooses the best step on ${grouped(facts.heldOut)} more`] : []),
    say`keeps ${grouped(facts.test)} for the test`,
    ...(facts.folds > 0
      ? [say`then tunes ${counted(facts.folds, "time", "times")} more for out-of-fold predictions`]
      : []),
  ];
  const [duration, bytes] = [formatDuration(facts.seconds), formatBytes(facts.bytes)];
  const cost =
    facts.gpu === null
      ? say`at most about ${duration} and ${bytes} of memory`
      : say`at most about ${duration} and ${bytes} of the memory of ${facts.gpu}`;
  // Pages of the file are the system's to take back; where it must, each step waits for the disk.
  const file =
    facts.fileBytes < LARGE_FILE
      ? ""
      : say`, beside the model's own ${formatBytes(facts.fileBytes)}, read from its file at each step: where memory has no room for these too, it takes longer`;
  return `${parts.join(", ")}: ${cost}${file}.`;
}
