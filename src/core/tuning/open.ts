import type { Engine, Model, Session } from "../engine";
import { seededRandom } from "../random";
import type { BaseModel } from "../model";
import type { EngineChoices } from "../schema";
import type { Task } from "../schema";
import { chooseShape, formatBytes, PROCESS_BYTES, SCORE_ROWS, tooLittleMemory, type Room } from "./forecast";
import { placeOf, type Place } from "./place";
import { promptTokens, type Item, type Layout } from "./layout";
import type { EngineWishes } from "./protocol";
import { initialValues, methodSpec } from "./methods";
import { mixSeed } from "./order";
import type { TuningSettings } from "./settings";
import { givenValues, randomVectors, startsFromAdapter, type StartingPoint } from "./start";
import { say } from "../say";

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
export async function openForTuning(
  engine: Engine,
  base: BaseModel,
  layout: Layout,
  items: readonly Item[],
  settings: TuningSettings,
  wishes: EngineWishes,
  memory: number,
): Promise<OpenedModel> {
  const place = placeOf(engine, wishes.device);
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
  const streamed = await open("stream");
  // Kept weights take two or four bytes a parameter; without room for two, opening them would be the end already.
  // Where all parameters train, the base's own weights serve its one look at the test part alone.
  const { available } = room;
  const mayKeep = settings.method !== "full" && base.parameterCount * 2 <= available;
  const kept = mayKeep ? await open("keep") : null;
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
      ? [say`Micro-batches of at most ${trainRows} tokens, because larger ones do not fit into memory.`]
      : []),
  ];
  const weights = keeps ? "keep" : "stream";
  const readsFile = !keeps || copies < base.parameterCount / 2;
  const choices = { ...choicesOf(place, model, weights, trainRows), checkpoint, optimizer };
  return { model, choices, bytes, room, readsFile: readsFile && place.gpu === null, decisions };
}

/** What a model holds without activations. */
const weightBytes = (model: Model) =>
  model.forecast({ rows: 1, longest: 1, targets: 0, train: false, checkpoint: false });

/** Opens the base model as a run decided when it began. */
export async function openAsDecided(engine: Engine, base: BaseModel, choices: EngineChoices): Promise<Model> {
  return engine.openModel(base.table, {
    device: choices.place,
    threads: choices.threads,
    precision: choices.precision,
    weights: choices.weights,
  });
}

/** Says that a run goes on with other products than it began with; null where it does not. */
export function otherProducts(choices: EngineChoices, model: Model): string | null {
  const { products: before } = choices;
  if (before === undefined || model.products === null || before === model.products) return null;
  return say`The GPU's products were by ${before} when this run began, and are by ${model.products} from here on: what follows is no longer equal to the bit to a run that was never stopped. "plumb devices" says why.`;
}

/** Opens the base model for scoring texts. */
export async function openForScoring(
  engine: Engine,
  base: BaseModel,
  wishes: EngineWishes,
  available: number,
): Promise<{ model: Model; place: Place }> {
  const place = placeOf(engine, wishes.device);
  const weights = base.parameterCount * 4 > (place.gpu?.freeMemory ?? available) ? "stream" : "keep";
  const model = await engine.openModel(base.table, { ...optionsOf(wishes, place), weights });
  return { model, place };
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
