import path from "node:path";
import { PlumbError } from "../errors";
import type { BaseModel } from "../model";
import { checkWritten, writeModel } from "../model/write/write-model";
import type { BaseLook, BaseManifest } from "../schema";
import { formatBytes, formatDuration } from "../tuning/forecast";
import {
  CHECKPOINT_SECONDS,
  Interrupted,
  type JobChannel,
  type JobTools,
  namedModel,
} from "../tuning/job-tools";
import { lockFolder } from "../lock";
import { withinMemory, type BatchRecord } from "../tuning/memory";
import { otherProducts } from "../tuning/open";
import type { Job } from "../tuning/protocol";
import { writing } from "../tuning/run-folder";
import type { Model, Parameter, Session } from "../engine";
import { Checkpoints } from "./checkpoints";
import { contaminationSentences } from "./contamination";
import { drawnBatches } from "./encode";
import {
  discardCheckpoints,
  logTraining,
  makeTrainingFolder,
  readTraining,
  refuseUsedFolder,
  writeContamination,
  writeTraining,
} from "./folder";
import { readTrainingList, type OpenedList } from "./list";
import {
  openAsDecided,
  openForTraining,
  openTrainingSession,
  refuseFullDisk,
  type OpenedTraining,
} from "./open";
import { trainedPage } from "./page";
import { encodeTask, prepareTasks, recordTasks, restoreTasks, type EncodedTask } from "./prepare";
import { trainBase, trainingDraws } from "./train";

type TrainJob = Extract<Job, { type: "base-train" }>;
type ResumeJob = Extract<Job, { type: "base-resume" }>;

/** A checkpoint holds all parameters and both moments: rarer than those of adapters. */
const SECONDS_BETWEEN = 5 * CHECKPOINT_SECONDS;

/** A training that can start or go on: its folder is locked, everything that it needs is in memory. */
interface Training {
  readonly folder: string;
  manifest: BaseManifest;
  readonly base: BaseModel;
  readonly tasks: readonly EncodedTask[];
  readonly model: Model;
  readonly checkpointSeconds: number;
  /** What is saved is this process's own: the GPU's memory ran out in it. */
  begunAnew?: boolean;
}

/** Compares, checks, says what it will cost, and only then makes the folder and trains. */
export async function baseTrainJob(job: TrainJob, tools: JobTools, channel: JobChannel): Promise<void> {
  const say = (message: string) => channel.send({ type: "note", level: "info", message });
  const opened = await readTrainingList(job.list);
  const folder = path.resolve(job.out);
  await refuseUsedFolder(folder);
  const base = await tools.openBaseModel(await tools.resolveBaseModel(opened.base));
  channel.send(namedModel(base));
  const { list } = opened;
  const maxTokens = Math.min(list.maxTokens, base.table.config.contextLength);
  const { tasks, contamination } = await prepareTasks(opened, base, maxTokens);
  const decisions = contaminationSentences(contamination);
  decisions.forEach(say);
  await refuseFullDisk(folder, base);
  const encoded = tasks.map((task) => encodeTask(task, base, { list, maxTokens }));
  const open = await openForTraining(tools, base, encoded, list.batch, job.engine);
  const { model, engine } = open;
  try {
    open.decisions.forEach(say);
    const steps = list.steps ?? defaultSteps(encoded, list.batch);
    const evaluateEvery = list.evaluateEvery ?? Math.max(1, Math.ceil(steps / 10));
    const manifest: BaseManifest = {
      version: 1,
      createdAt: tools.now().toISOString(),
      program: tools.version,
      status: "running",
      reason: null,
      listFile: opened.file,
      list,
      steps,
      evaluateEvery,
      maxTokens,
      baseModel: describeBase(base),
      tasks: recordTasks(tasks, list.temperature),
      engine,
      decisions: [
        ...decisions,
        ...open.decisions,
        `Memory: a forecast of ${formatBytes(open.bytes)}, ${formatBytes(open.room.available)} available.`,
      ],
      resumed: [],
      looks: [],
      bestStep: null,
      seconds: null,
    };
    const seconds = await secondsOf(model, encoded, manifest, tools);
    channel.send({ type: "forecast", message: forecast(opened, manifest, base, seconds, open) });
    if (channel.stop() !== null) throw new Interrupted();
    if (job.dryRun === true) {
      channel.send({ type: "done", result: { folder: null, report: null, early: false } });
      return;
    }
    await makeTrainingFolder(folder);
    const unlock = await lockFolder(folder);
    try {
      // Another process may have begun here between our look and our lock.
      await refuseUsedFolder(folder);
      await writeContamination(folder, contamination);
      await writeTraining(folder, manifest);
      channel.send({ type: "started", folder });
      const checkpointSeconds = job.checkpointSeconds ?? SECONDS_BETWEEN;
      await carryOut({ folder, manifest, base, tasks: encoded, model, checkpointSeconds }, tools, channel);
    } finally {
      await unlock();
    }
  } finally {
    model.close();
  }
}

/** Goes on where a training stopped, as it was decided when it began, to the same result. */
export async function baseResumeJob(job: ResumeJob, tools: JobTools, channel: JobChannel): Promise<void> {
  const folder = path.resolve(job.folder);
  refuseEnded(folder, await readTraining(folder));
  const unlock = await lockFolder(folder);
  try {
    const recorded = await readTraining(folder);
    refuseEnded(folder, recorded);
    const base = await tools.openBaseModel(recorded.baseModel.path);
    channel.send(namedModel(base));
    if (base.fingerprint !== recorded.baseModel.fingerprint) {
      throw new PlumbError(
        "base-changed",
        `${base.path} is not the file that the training began with (${recorded.baseModel.name}). Put it back, or start a new training.`,
      );
    }
    const tasks = (await restoreTasks(recorded)).map((task) => encodeTask(task, base, recorded));
    const model = await openAsDecided(tools, base, recorded.engine);
    try {
      channel.send({ type: "started", folder });
      const checkpointSeconds = job.checkpointSeconds ?? SECONDS_BETWEEN;
      const changed = otherProducts(recorded.engine, model);
      if (changed !== null) channel.send({ type: "note", level: "warning", message: changed });
      const manifest = changed === null ? recorded : withProducts(recorded, changed, model);
      await carryOut({ folder, manifest, base, tasks, model, checkpointSeconds }, tools, channel);
    } finally {
      model.close();
    }
  } finally {
    await unlock();
  }
}

function withProducts(manifest: BaseManifest, sentence: string, model: Model): BaseManifest {
  const { engine, decisions } = manifest;
  const products = model.products === null ? {} : { products: model.products };
  return { ...manifest, engine: { ...engine, ...products }, decisions: [...decisions, sentence] };
}

function refuseEnded(folder: string, { status, reason }: BaseManifest): void {
  if (status === "finished")
    throw new PlumbError("base-finished", `${folder} is finished: it holds the model.`);
  if (status === "trouble") {
    throw new PlumbError(
      "base-trouble",
      `${folder} was stopped and would end the same way again: ${reason ?? ""} Start a new training.`,
    );
  }
}

function describeBase(base: BaseModel): BaseManifest["baseModel"] {
  const { name, path: file, format, family, fingerprint, license, parameterCount } = base;
  return { name, path: file, format, family, fingerprint, license, parameterCount };
}

/** Two passes over all examples. */
function defaultSteps(tasks: readonly EncodedTask[], batch: number): number {
  const examples = tasks.reduce((sum, { fit }) => sum + fit.length, 0);
  return Math.max(1, Math.ceil((2 * examples) / batch));
}

/** Trains what is left to train and writes the model. Sends `done` or `paused`. */
async function carryOut(training: Training, tools: JobTools, channel: JobChannel): Promise<void> {
  await withinMemory(
    () => batchRecord(training, tools, channel),
    "training",
    () => goOn(training, tools, channel),
  );
}

async function update(training: Training, change: Partial<BaseManifest>): Promise<void> {
  training.manifest = { ...training.manifest, ...change };
  await writeTraining(training.folder, training.manifest);
}

function batchRecord(training: Training, tools: JobTools, channel: JobChannel): BatchRecord {
  const { folder } = training;
  const { engine, smallerBatches: smaller, decisions } = training.manifest;
  return {
    folder,
    engine,
    smaller,
    now: () => tools.now(),
    takeSmaller: async (found, sentence) => {
      training.begunAnew = true;
      logTraining(folder, { event: "smaller-batches", ...found });
      channel.send({ type: "note", level: "warning", message: sentence });
      await update(training, {
        engine: { ...engine, ...found.to },
        smallerBatches: found,
        decisions: [...decisions, sentence],
      });
    },
    giveUp: (sentence) => update(training, { status: "paused", reason: sentence }),
  };
}

async function goOn(training: Training, tools: JobTools, channel: JobChannel): Promise<void> {
  const { folder, base, tasks, model } = training;
  const checkpoints = new Checkpoints(folder);
  const resume = await checkpoints.read();
  if (training.begunAnew !== true && (resume !== null || training.manifest.status === "paused")) {
    const at = tools.now().toISOString();
    const step = resume?.losses.length ?? 0;
    logTraining(folder, { event: "resumed", at, step });
    const resumed = [...training.manifest.resumed, { at, step }];
    await update(training, { status: "running", reason: null, resumed });
  }
  const session = await openTrainingSession(model, training.manifest.engine);
  try {
    const { manifest } = training;
    const outcome = await trainBase(
      { session, tasks, tokenizer: base.tokenizer, manifest, resume },
      {
        saveBest: (step, parameters) => checkpoints.saveBest(step, parameters),
        save: (state, best) => checkpoints.save(state, best),
        stop: () => channel.stop(),
        now: () => tools.now().getTime(),
        checkpointSeconds: training.checkpointSeconds,
        look: (look) => {
          logTraining(folder, { event: "look", ...look });
          channel.send({ type: "look", look });
        },
        progress: ({ step, loss, look, tokensPerSecond, secondsLeft }) => {
          if (loss !== null) logTraining(folder, { event: "step", step, loss });
          channel.send({
            type: "progress",
            phase: "tune",
            title: "Training",
            done: step,
            total: manifest.steps,
            loss,
            heldOutLoss: look?.loss ?? null,
            // Of a mean over tasks: it is told by the look itself.
            heldOutScore: null,
            tokensPerSecond,
            secondsLeft,
          });
        },
      },
    );
    if (outcome.kind === "paused") {
      await update(training, { status: "paused", reason: "Stopped by the user." });
      channel.send({ type: "paused", folder, step: outcome.step });
      return;
    }
    if (outcome.kind === "trouble") {
      await update(training, { status: "trouble", reason: outcome.trouble.message });
      throw new PlumbError(outcome.trouble.code, outcome.trouble.message);
    }
    const { looks, best, state, early } = outcome;
    training.manifest = { ...manifest, looks: [...looks], bestStep: best, seconds: state.seconds };
    await writeTrained(training, session, await checkpoints.readBest(best), tools);
    await update(training, { status: "finished", reason: null });
    await discardCheckpoints(folder);
    channel.send({ type: "note", level: "info", message: resultSentence(looks, best) });
    channel.send({ type: "done", result: { folder, report: null, early } });
  } finally {
    session.close();
  }
}

function resultSentence(looks: readonly BaseLook[], best: number): string {
  const [first] = looks;
  const kept = looks.find(({ step }) => step === best);
  if (best === 0)
    return "No look was better than the base model itself: the model that was written is the base, unchanged.";
  return `Kept is step ${best}: mean quality ${kept?.quality.toFixed(3) ?? ""} on the held-out parts, ${first?.quality.toFixed(3) ?? ""} before the training.`;
}

/** Writes the model and reads it back. */
async function writeTrained(
  { folder, manifest, base }: Training,
  session: Session,
  values: Float32Array,
  tools: JobTools,
): Promise<void> {
  const places = new Map(session.parameters.map((parameter) => [parameter.name, parameter]));
  const valuesOf = (name: string) => {
    const { offset, shape } = places.get(name)!;
    return values.subarray(offset, offset + sizeOf(shape));
  };
  const source = await tools.readModelSource(base);
  const page = trainedPage(manifest, base, source);
  await writing(folder, () => writeModel(folder, base, source, page, valuesOf));
  checkWritten(base, await tools.openBaseModel(folder));
}

const sizeOf = (shape: Parameter["shape"]) => shape.reduce((product, extent) => product * extent, 1);

/** Seconds that a training will take at most, by a step that is computed and thrown away. */
async function secondsOf(
  model: Model,
  tasks: readonly EncodedTask[],
  manifest: BaseManifest,
  tools: JobTools,
): Promise<number> {
  const session = await openTrainingSession(model, manifest.engine);
  try {
    const step = trainingDraws(tasks, manifest);
    const batches = drawnBatches(step(0), manifest.engine.trainRows);
    // The first call of all also sets things up.
    await session.accumulate(batches[0]!);
    const begun = tools.now().getTime();
    for (const batch of batches) await session.accumulate(batch);
    const seconds = (tools.now().getTime() - begun) / 1000;
    const rows = batches.reduce((sum, batch) => sum + batch.tokens.length, 0);
    // Reading a text takes a third of what learning from it does; a generated token costs a row, and some waiting.
    const read = tasks.reduce(
      (sum, { heldOut, encoder }) =>
        sum +
        heldOut.reduce((all, { text }) => all + text.tokens.length + encoder.layout.prefix.length, 0) +
        (encoder.layout.kind === "generation" ? 4 * heldOut.length * encoder.layout.answerRoom : 0),
      0,
    );
    const looks = Math.ceil(manifest.steps / manifest.evaluateEvery) + 1;
    return seconds * manifest.steps + ((seconds / rows) * read * looks) / 3;
  } finally {
    session.close();
  }
}

function forecast(
  { benchmarks }: OpenedList,
  { tasks, steps, list }: BaseManifest,
  base: BaseModel,
  seconds: number,
  { bytes, room }: OpenedTraining,
): string {
  const examples = tasks.reduce((sum, { fit }) => sum + fit.length, 0);
  return (
    `Trains all ${Math.round(base.parameterCount / 1e6)} million parameters of ${base.name} on ${examples} examples of ${tasks.length} tasks, ${steps} steps of ${list.batch}, ` +
    `kept clean of ${benchmarks.length} benchmarks: at most about ${formatDuration(seconds)} and ${formatBytes(bytes)} of ${room.gpu === null ? "memory" : `the memory of ${room.gpu}`}.`
  );
}
