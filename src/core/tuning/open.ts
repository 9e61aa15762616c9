import type { Engine, MethodSpec, Model, Session } from "../engine";
import { PlumbError } from "../errors";
import { seededRandom } from "../random";
import type { BaseModel } from "../model";
import type { EngineChoices } from "../schema";
import type { Task } from "../schema";
import {
  chooseShape,
  formatBytes,
  PROCESS_BYTES,
  SCORE_ROWS,
  SHARE_OF_MEMORY,
  tooLittleMemory,
  type Room,
} from "./forecast";
import { GENERATION } from "./score";
import { alone, expectPlace, firstOf, openAtPlace, type Place, type PlaceTools } from "./place";
import type { JobTools } from "./job-tools";
import { isGpuFull } from "./memory";
import { promptTokens, type Item, type Layout } from "./layout";
import type { EngineWishes } from "./protocol";
import { initialValues, methodSpec } from "./methods";
import { mixSeed } from "./order";
import type { TuningSettings } from "./settings";
import type { Budget } from "./trainer";
import { givenValues, randomVectors, startsFromAdapter, type StartingPoint } from "./start";
import { counted, say } from "../say";

/** The engine with a base model in it, and how it was decided to compute. */
export interface OpenedModel {
  readonly model: Model;
  readonly choices: EngineChoices;
  /** Forecast of the memory that it will take. */
  readonly bytes: number;
  readonly room: Room;
  /** What was decided against the wish or the usual, in sentences. */
  /** Whether each step reads the weights from the model's own files, so that these want room in memory too. */
  readonly readsFile: boolean;
  readonly decisions: readonly string[];
}

/** Part of the available memory that copies of the weights in the product's type may take: they save a tenth of the time. */
const SHARE_OF_COPIES = 0.2;

/**
 * Opens the base model for tuning in the way that fits into memory. Converting weights for each use costs less than
 * computing activations again: it comes first.
 * @throws PlumbError saying what would fit, where nothing does.
 */
export function openForTuning(
  tools: OpenTools,
  base: BaseModel,
  layout: Layout,
  items: readonly Item[],
  settings: TuningSettings,
  wishes: EngineWishes,
): Promise<OpenedModel> {
  return openAtPlace(tools, wishes, base, (place) =>
    openAt(place, tools.engine(), base, layout, items, settings, wishes, tools.availableMemory()),
  );
}

type OpenTools = PlaceTools & Pick<JobTools, "availableMemory">;

async function openAt(
  given: Place,
  engine: Engine,
  base: BaseModel,
  layout: Layout,
  items: readonly Item[],
  settings: TuningSettings,
  wishes: EngineWishes,
  memory: number,
): Promise<OpenedModel> {
  let place = given;
  let room: Room = { available: memory, held: PROCESS_BYTES, gpu: null };
  const open = async (weights: EngineChoices["weights"]) => {
    const model = await engine.openModel(base.table, { ...optionsOf(wishes, place), weights });
    const { config } = base.table;
    const left = await model.freeMemory();
    if (left !== null) room = { available: left, held: 0, gpu: place.name };
    return {
      model,
      ...chooseShape(model, layout, items, settings, config, room, wishes.microBatch, wishes.optimizer),
    };
  };
  const streamed = await open("stream").catch((error: unknown) => {
    const one = alone(place, error);
    if (one === null) throw error;
    place = one;
    return open("stream");
  });
  // Kept weights take two or four bytes a parameter; without room for two, opening them would be the end already.
  // Where all parameters train, the base's own weights serve its one look at the test part alone.
  const { available } = room;
  const mayKeep = settings.method !== "full" && base.parameterCount * 2 <= available;
  const kept = mayKeep ? await open("keep").catch(noRoom) : null;
  const copies = kept === null ? Infinity : weightBytes(kept.model) - weightBytes(streamed.model);
  const keeps =
    kept !== null &&
    kept.choice !== null &&
    // What a GPU's memory holds beside them, nobody else wants.
    (room.gpu !== null || copies <= SHARE_OF_COPIES * available) &&
    (!kept.choice.checkpoint || streamed.choice?.checkpoint === true);
  const { model, choice, least } = keeps ? kept : streamed;
  (keeps ? streamed : kept)?.model.close();
  if (choice === null) {
    model.close();
    throw tooLittleMemory(least, room, layout);
  }
  const { trainRows, checkpoint, optimizer, bytes } = choice;
  const decisions = [
    ...(place.sentence === null ? [] : [place.sentence]),
    ...(checkpoint
      ? [say`Activations are computed again on the way back, because keeping them does not fit into memory.`]
      : []),
    ...(optimizer === "adamw-8bit" && wishes.optimizer === undefined
      ? [
          say`The optimiser keeps its moments in 8 bits, because 32 do not fit into memory (--optimizer adamw insists on them).`,
        ]
      : []),
    ...(keeps || settings.method === "full"
      ? []
      : [
          say`Weights are converted for each use, because ${
            copies < Infinity
              ? say`copies of them would take ${formatBytes(copies)} of the ${formatBytes(available)} of memory that are available.`
              : say`keeping them converted does not fit into memory.`
          }`,
        ]),
    ...(trainRows < 512 && wishes.microBatch === undefined
      ? [
          say`Micro-batches of at most ${counted(trainRows, "token", "tokens")}, because larger ones do not fit into memory.`,
        ]
      : []),
  ];
  const weights = keeps ? "keep" : "stream";
  const readsFile = !keeps || copies < base.parameterCount / 2;
  const choices = { ...choicesOf(place, model, weights, trainRows), checkpoint, optimizer };
  return { model, choices, bytes, room, readsFile: readsFile && place.gpu === null, decisions };
}

/** A GPU holds its copies from the beginning. */
function noRoom(error: unknown): null {
  if (isGpuFull(error)) return null;
  throw error;
}

/** What a model holds without activations. */
const weightBytes = (model: Model) =>
  model.forecast({ rows: 1, longest: 1, targets: 0, train: false, checkpoint: false });

/** What the micro-batches of a run may hold. */
export const budgetOf = ({ trainRows, scoreRows, place }: EngineChoices): Budget => ({
  train: trainRows,
  score: scoreRows,
  lanes: place.split(",").length,
});

/** Opens the base model as a run decided when it began. */
export async function openAsDecided(
  tools: PlaceTools,
  base: BaseModel,
  choices: EngineChoices,
): Promise<Model> {
  await expectPlace(tools, choices);
  return tools.engine().openModel(base.table, {
    device: choices.place,
    threads: choices.threads,
    precision: choices.precision,
    weights: choices.weights,
  });
}

const named = (products: string) => (products === "own kernel" ? say`Plumb's own kernel` : products);

/** Says that a run goes on with other products than it began with; null where it does not. */
export function otherProducts(choices: Pick<EngineChoices, "products">, model: Model): string | null {
  const { products: before } = choices;
  if (before === undefined || model.products === null || before === model.products) return null;
  return say`The GPU's products were by ${named(before)} when this run began, and are by ${named(model.products)} from here on: what follows is no longer equal to the bit to a run that was never stopped. "plumb devices" says why.`;
}

/** An adapter's session on its base model, for scoring. */
export interface OpenedForScoring {
  readonly model: Model;
  readonly session: Session;
  readonly place: Place;
}

/** Opens the base model for scoring texts with an adapter, whose values `load` gives the session. */
export function openForScoring(
  tools: OpenTools,
  base: BaseModel,
  method: MethodSpec,
  layout: Layout,
  wishes: EngineWishes,
  load: (session: Session) => Promise<void>,
): Promise<OpenedForScoring> {
  return openAtPlace(tools, wishes, base, async (given) => {
    const place = firstOf(given);
    const room = place.gpu?.freeMemory ?? tools.availableMemory();
    const weights = base.parameterCount * 4 > room ? "stream" : "keep";
    const model = await tools.engine().openModel(base.table, { ...optionsOf(wishes, place), weights });
    try {
      if (wishes.device === undefined) await expectRoom(model, method, layout, base);
      const session = await model.openSession({ method });
      await load(session);
      return { model, session, place };
    } catch (error) {
      model.close();
      throw error;
    }
  });
}

/** @throws PlumbError for openAtPlace, where a GPU has no room for texts that fit into a batch. */
async function expectRoom(
  model: Model,
  { full = false }: MethodSpec,
  layout: Layout,
  base: BaseModel,
): Promise<void> {
  const left = await model.freeMemory();
  if (left === null) return;
  const rows = layout.kind === "generation" ? GENERATION * SCORE_ROWS : SCORE_ROWS;
  const longest = Math.min(SCORE_ROWS, base.table.config.contextLength);
  const batch = (count: number) =>
    model.forecast({
      rows: count,
      longest: Math.min(count, longest),
      targets: 0,
      train: false,
      checkpoint: false,
    });
  // The weights are there already.
  const needed = batch(rows) - batch(1) + (full ? 4 * base.parameterCount : 0);
  const usable = left * SHARE_OF_MEMORY;
  if (needed > usable) throw new PlumbError("memory", "scoring", { figures: { needed, usable } });
}

function optionsOf(wishes: EngineWishes, place: Place) {
  return {
    device: place.id,
    ...(wishes.threads === undefined ? {} : { threads: wishes.threads }),
    ...(wishes.precision === undefined ? {} : { precision: wishes.precision }),
  };
}

function choicesOf(
  place: Place,
  model: Model,
  weights: "keep" | "stream",
  trainRows: number,
): Omit<EngineChoices, "checkpoint" | "optimizer"> {
  return {
    device: place.name,
    place: place.id,
    precision: model.precision,
    ...(model.products === null ? {} : { products: model.products }),
    threads: model.threads,
    weights,
    trainRows,
    scoreRows: SCORE_ROWS,
  };
}

/** A session at the run's starting point: what an adapter gives, the prompt of a text, what is drawn from the seed. */
export async function openTuningSession(
  model: Model,
  task: Task,
  base: BaseModel,
  settings: TuningSettings,
  given: StartingPoint["tensors"],
  { checkpoint, optimizer }: Pick<EngineChoices, "checkpoint" | "optimizer">,
): Promise<Session> {
  const session = await model.openSession({ method: methodSpec(settings), checkpoint, optimizer });
  try {
    const start = await session.read();
    const random = seededRandom(mixSeed(settings.seed, 4));
    for (const parameter of session.parameters) {
      const { name, offset, shape } = parameter;
      let values: Float32Array | null;
      if (startsFromAdapter(settings, parameter)) values = givenValues(given, parameter);
      else if (name !== "prompt.left" && name !== "prompt.right") values = initialValues(parameter, random);
      else if (settings.start?.from === "random") values = await randomVectors(model, base, shape, random);
      else values = await model.embed(Int32Array.from(promptTokens(task, base.tokenizer, settings)));
      if (values !== null) start.set(values, offset);
    }
    await session.write(start);
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}
