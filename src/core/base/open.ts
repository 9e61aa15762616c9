import { statfs } from "node:fs/promises";
import path from "node:path";
import type { Engine, Model, Session } from "../engine";
import { PlumbError } from "../errors";
import type { BaseModel } from "../model";
import type { BaseManifest } from "../schema";
import { fullBytes } from "../tuning/methods";
import type { JobTools } from "../tuning/job-tools";
import { expectPlace, firstOf, openAtPlace, type Place, type PlaceTools } from "../tuning/place";
import {
  PROCESS_BYTES,
  formatBytes,
  SCORE_ROWS,
  SHARE_OF_MEMORY,
  TRAIN_ROWS,
  GPU_TRAIN_ROWS,
  type Room,
} from "../tuning/forecast";
import type { EngineWishes } from "../tuning/protocol";
import { GENERATION } from "../tuning/score";
import { rowsOf, targetsOf } from "./encode";
import type { EncodedTask } from "./prepare";

/** Bytes a parameter, while a checkpoint is made behind the best look: that look's values, written and not yet let go of. */
const OF_BEST_LOOK = 4;
/** Bytes a parameter on the disk: two checkpoints while one replaces the other, two best looks, the model. */
const DISK_BYTES_A_PARAMETER = 2 * 12 + 2 * 4 + 2;

export interface OpenedTraining {
  readonly model: Model;
  readonly engine: BaseManifest["engine"];
  readonly bytes: number;
  readonly room: Room;
  readonly decisions: readonly string[];
}

/** The method that trains every parameter. */
const ALL = { promptLength: 0, biases: [], full: true } as const;

export function openTrainingSession(
  model: Model,
  { checkpoint, optimizer }: BaseManifest["engine"],
): Promise<Session> {
  return model.openSession({ method: ALL, checkpoint, optimizer });
}

/** Opens the base model as a training decided when it began. The frozen weights serve no product: nothing is kept converted. */
export async function openAsDecided(
  tools: PlaceTools,
  base: BaseModel,
  choices: BaseManifest["engine"],
): Promise<Model> {
  const { place, threads, precision } = choices;
  await expectPlace(tools, choices);
  return tools.engine().openModel(base.table, { device: place, threads, precision, weights: "stream" });
}

/** The heaviest example in each respect, over all tasks and wordings. */
function heaviest(tasks: readonly EncodedTask[]) {
  let [rows, targets, longest] = [1, 1, 1];
  for (const { encoder, fit } of tasks) {
    const { text } = fit.reduce((most, one) => (one.text.length > most.text.length ? one : most), fit[0]!);
    const answers = [...fit].sort((a, b) => sizeOf(b) - sizeOf(a)).slice(0, 1);
    for (const { answer } of answers) {
      for (let wording = 0; wording < encoder.count; wording++) {
        const drawn = encoder.encode(text, answer, wording, 0);
        rows = Math.max(rows, rowsOf(drawn));
        targets = Math.max(targets, targetsOf(drawn));
        const { front, answers: behind } = drawn;
        const deepest = Math.max(
          ...behind.map(({ question, expected }) => question.length + expected.length),
        );
        longest = Math.max(longest, front.length + deepest);
      }
    }
  }
  return { rows, targets, longest };
}

const sizeOf = ({ answer }: EncodedTask["fit"][number]) =>
  answer.kind === "generation" ? answer.tokens.length : 1;

/**
 * Opens the base model for training in the way that fits into memory: smaller micro-batches are tried first, then
 * activations computed again, then moments of 8 bits.
 * @throws PlumbError saying what would be needed, where nothing fits.
 */
export function openForTraining(
  tools: PlaceTools & Pick<JobTools, "availableMemory">,
  base: BaseModel,
  tasks: readonly EncodedTask[],
  batch: number,
  wishes: EngineWishes,
): Promise<OpenedTraining> {
  return openAtPlace(tools, wishes, base, (place) =>
    openAt(firstOf(place), tools.engine(), base, tasks, batch, wishes, tools.availableMemory()),
  );
}

async function openAt(
  place: Place,
  engine: Engine,
  base: BaseModel,
  tasks: readonly EncodedTask[],
  batch: number,
  wishes: EngineWishes,
  memory: number,
): Promise<OpenedTraining> {
  const { threads, precision, microBatch, optimizer: wish } = wishes;
  const model = await engine.openModel(base.table, {
    device: place.id,
    ...(threads === undefined ? {} : { threads }),
    ...(precision === undefined ? {} : { precision }),
    weights: "stream",
  });
  const left = await model.freeMemory();
  const room: Room =
    left === null
      ? // What the best look had, and the process itself, are the processor's whatever computes.
        { available: memory, held: PROCESS_BYTES + OF_BEST_LOOK * base.parameterCount, gpu: null }
      : { available: left, held: 0, gpu: place.name };
  const { available } = room;
  const one = heaviest(tasks);
  const scored = model.forecast({
    rows: Math.max(GENERATION * SCORE_ROWS, one.longest),
    longest: one.longest,
    targets: Math.min(SCORE_ROWS, one.rows),
    train: false,
    checkpoint: false,
  });
  const usual = room.gpu === null ? TRAIN_ROWS : GPU_TRAIN_ROWS;
  let least = Infinity;
  const ways = (wish === undefined ? (["adamw", "adamw-8bit"] as const) : [wish]).flatMap((optimizer) =>
    [false, true].flatMap((checkpoint) =>
      (microBatch === undefined ? usual : [microBatch]).map((trainRows) => ({
        optimizer,
        checkpoint,
        trainRows,
      })),
    ),
  );
  for (const { optimizer, checkpoint, trainRows } of ways) {
    const always = fullBytes(base.table.config, optimizer) + room.held + scored;
    const rows = Math.max(trainRows, one.rows);
    const shape = { rows, longest: one.longest, targets: Math.min(rows, batch * one.targets) };
    const bytes = always + model.forecast({ ...shape, train: true, checkpoint, inputs: true });
    if (bytes > available * SHARE_OF_MEMORY) {
      least = Math.min(least, bytes);
      continue;
    }
    const decisions = [
      ...(place.sentence === null ? [] : [place.sentence]),
      ...(checkpoint
        ? ["Activations are computed again on the way back, because keeping them does not fit into memory."]
        : []),
      ...(optimizer === "adamw-8bit" && wish === undefined
        ? [
            "The optimiser keeps its moments in 8 bits, because 32 do not fit into memory (--optimizer adamw insists on them).",
          ]
        : []),
      ...(trainRows < TRAIN_ROWS[0] && microBatch === undefined
        ? [`Micro-batches of at most ${trainRows} tokens, because larger ones do not fit into memory.`]
        : []),
    ];
    const choices = {
      device: place.name,
      place: place.id,
      precision: model.precision,
      ...(model.products === null ? {} : { products: model.products }),
      threads: model.threads,
      checkpoint,
      optimizer,
      trainRows,
      scoreRows: SCORE_ROWS,
    };
    return { model, engine: choices, bytes, room, decisions };
  }
  model.close();
  throw new PlumbError(
    "memory",
    `Not enough memory${room.gpu === null ? "" : ` on the GPU (${room.gpu})`}: training all ${Math.round(base.parameterCount / 1e6)} million parameters needs ${formatBytes(least)} even with small micro-batches${wish === "adamw" ? "" : ", moments of 8 bits"} and recomputed activations, ` +
      `and ${formatBytes(available * SHARE_OF_MEMORY)} of the available ${formatBytes(available)} may be used. Close other programs${room.gpu === null ? "" : " that use it, compute on the processor with --device cpu"}, set "maxTokens" lower, or take a smaller base model.`,
    { figures: { needed: least, usable: available * SHARE_OF_MEMORY } },
  );
}

/** @throws PlumbError where the disk has no room for checkpoints and model. */
export async function refuseFullDisk(folder: string, base: BaseModel): Promise<void> {
  const needed = DISK_BYTES_A_PARAMETER * base.parameterCount;
  const { bavail, bsize } = await statfs(path.dirname(path.resolve(folder))).catch(() => ({
    bavail: Infinity,
    bsize: 1,
  }));
  if (bavail * bsize >= needed) return;
  throw new PlumbError(
    "disk-full",
    `${folder}: checkpoints and model take up to ${formatBytes(needed)}, and the disk has ${formatBytes(bavail * bsize)} left. Free some space, or name a folder on another disk with --out.`,
  );
}
