import { appendFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import {
  defaultTestShare,
  foldExamples,
  holdOut,
  loadTask,
  recordSplit,
  restoreSplit,
  splitExamples,
  type LoadedExample,
  type LoadedTask,
} from "../data";
import { PlumbError } from "../errors";
import type { Model, Session } from "../engine";
import { writeFileAtomic } from "../files";
import type { BaseModel } from "../model";
import { Prediction } from "../schema";
import type { Manifest } from "../schema/manifest";
import { loadAdapter, readAdapter, writeAdapter, type AdapterInfo } from "./adapter";
import { readCheckpoint, writeCheckpoint, type Snapshot } from "./checkpoint";
import { forecastSentence, formatBytes } from "./forecast";
import { Interrupted, scoringHook, type JobChannel, type JobTools } from "./job-tools";
import { trainingRows, scoringRows, type Item, type Layout } from "./layout";
import { lockFolder } from "./lock";
import { openAsDecided, openForTuning, openTuningSession } from "./open";
import { DataOrder, exampleWeights, mixSeed } from "./order";
import {
  answerRoomOf,
  baseModelOf,
  contentHash,
  hashFile,
  itemsOf,
  partsOf,
  refuseProblems,
  tunedLayout,
  untunedLayout,
  type Parts,
} from "./prepare";
import { hasMeasuredRates, probeRates, probeSteps, scaledRates } from "./probe";
import type { Job } from "./protocol";
import { predictExamples } from "./predict";
import { reportRun } from "./result";
import {
  countTestLook,
  createRunFolder,
  discardRunFolder,
  explainWriteError,
  readManifest,
  RUN_FILES,
  sha256,
  writeManifest,
  writing,
} from "./run-folder";
import { resolveSettings, type TuningSettings } from "./settings";
import { microBatches, train, type Budget, type TrainingOutcome, type TrainingProgress } from "./trainer";

const CHECKPOINT_SECONDS = 60;

type TuneJob = Extract<Job, { type: "tune" }>;
type ResumeJob = Extract<Job, { type: "resume" }>;

/** A run that can start or go on: everything in memory, the manifest written. */
interface Run {
  readonly folder: string;
  manifest: Manifest;
  readonly loaded: LoadedTask;
  readonly parts: Parts;
  readonly base: BaseModel;
  readonly model: Model;
  readonly layout: Layout;
  readonly checkpointSeconds: number;
  /** Milliseconds when this process began its part of the run. */
  readonly begun: number;
  /** Spent by earlier processes, as far as their last checkpoint tells. */
  secondsBefore: number;
}

const budgetOf = ({ engine }: Manifest): Budget => ({ train: engine.trainRows, score: engine.scoreRows });

/** Checks everything, says what it will cost, and only then makes the run folder and tunes. */
export async function tuneJob(job: TuneJob, tools: JobTools, channel: JobChannel): Promise<void> {
  const begun = tools.now().getTime();
  const loaded = await loadTask(job.task);
  refuseProblems(loaded);
  const { task } = loaded;
  const splitSeed = task.seed ?? 0;
  const split = splitExamples(loaded, { seed: splitSeed, testShare: task.testShare ?? defaultTestShare });
  const base = await tools.openBaseModel(
    await tools.resolveBaseModel(baseModelOf(task, loaded.folder, job.base)),
  );
  channel.send({ type: "model", name: base.name, path: base.path });
  let settings = resolveSettings(
    {
      ...job.options,
      seed: job.options.seed ?? splitSeed,
      ...(job.options.method === undefined && task.method !== undefined ? { method: task.method } : {}),
    },
    split.train.length,
    base.table.config.contextLength,
  );
  const { heldOut } = holdOut(split.train, settings.heldOutShare, settings.seed);
  const parts = partsOf(split, new Set(heldOut.map(({ id }) => id)));
  const folds =
    job.folds === undefined
      ? null
      : { count: job.folds, assigned: foldExamples(split.train, job.folds, settings.seed) };
  const answerRoom = answerRoomOf(task, base, split.train, settings.maxTokens);
  const layout = tunedLayout(task, base, settings, answerRoom);
  const items = itemsOf(task, layout, base, [...split.train, ...parts.test]);
  const heldOutIds = new Set(parts.heldOut.map(({ id }) => id));
  const trainItems = items.slice(0, split.train.length);
  const fitItems = trainItems.filter(({ id }) => !heldOutIds.has(id));
  const heldOutItems = trainItems.filter(({ id }) => heldOutIds.has(id));
  const cutTexts = items.filter(({ text }) => text.cut).length;
  if (cutTexts > 0) {
    channel.send({
      type: "note",
      level: "warning",
      message: `${cutTexts} of ${items.length} texts are longer than ${layout.textRoom} tokens: their middle is left out, with the mark "[...]" in its place.`,
    });
  }

  const engine = tools.engine();
  const opened = await openForTuning(
    engine,
    base,
    layout,
    trainItems,
    settings,
    job.engine,
    tools.availableMemory(),
  );
  const decisions = [...opened.decisions];
  const budget: Budget = { train: opened.choices.trainRows, score: opened.choices.scoreRows };
  const open = () => openTuningSession(opened.model, task, base, settings, opened.choices.checkpoint);
  let created: string | null = null;
  try {
    const timing = await timeOneStep(open, layout, fitItems, settings, budget, tools);
    if (job.probe ?? (!hasMeasuredRates(base.parameterCount) && !ratesGiven(job))) {
      const probed = await probe(open, { layout, fitItems, heldOutItems, settings, budget }, timing, channel);
      settings = { ...settings, ...scaledRates(settings, probed.factor) };
      decisions.push(probed.decision);
    }
    const scored = heldOutItems.reduce((sum, { text }) => sum + scoringRows(layout, text), 0);
    const tested = items
      .slice(split.train.length)
      .reduce((sum, { text }) => sum + scoringRows(layout, text), 0);
    const evaluations = Math.ceil(settings.steps / settings.evaluateEvery) + 1;
    const trainSeconds = timing.seconds * settings.steps + (timing.perRow / 2) * scored * evaluations;
    const seconds = trainSeconds * (1 + (folds?.count ?? 0)) + timing.perRow * (tested + scored / 2);
    const message = forecastSentence({
      model: base.name,
      fit: fitItems.length,
      heldOut: heldOutItems.length,
      test: parts.test.length,
      folds: folds?.count ?? 0,
      seconds,
      bytes: opened.bytes,
    });
    channel.send({ type: "forecast", message });
    if (channel.stop() !== null)
      throw new PlumbError("interrupted", "Stopped before the run began; nothing was written.");

    const { id, folder } = await createRunFolder(loaded.folder, settings.method, tools.now(), job.out);
    const unlock = await lockFolder(folder);
    created = folder;
    try {
      const manifest: Manifest = {
        version: 1,
        id,
        createdAt: tools.now().toISOString(),
        program: tools.version,
        status: "running",
        reason: null,
        task: {
          file: path.relative(folder, loaded.path),
          hash: sha256(JSON.stringify(task)),
          content: task,
        },
        data: await Promise.all(
          [...new Set(loaded.examples.map(({ file }) => file))].map(async (file) => ({
            file: path.relative(folder, file),
            sha256: await hashFile(file),
          })),
        ),
        split: recordSplit(split),
        heldOut: [...heldOutIds],
        contents: Object.fromEntries(
          [...split.train, ...split.test].map((example) => [example.id, contentHash(task, example)]),
        ),
        folds:
          folds === null
            ? null
            : {
                count: folds.count,
                of: Object.fromEntries(split.train.map(({ id: name }, i) => [name, folds.assigned[i] ?? 0])),
              },
        settings,
        answerRoom,
        baseModel: {
          name: base.name,
          path: base.path,
          format: base.format,
          family: base.family,
          fingerprint: base.fingerprint,
          license: base.license,
          parameterCount: base.parameterCount,
        },
        engine: opened.choices,
        cutTexts,
        decisions,
        resumed: [],
        bestStep: null,
        seconds: null,
      };
      await writeManifest(folder, manifest);
      created = null;
      channel.send({ type: "started", folder });
      const checkpointSeconds = job.checkpointSeconds ?? CHECKPOINT_SECONDS;
      await carryOut(
        {
          folder,
          manifest,
          loaded,
          parts,
          base,
          model: opened.model,
          layout,
          checkpointSeconds,
          begun,
          secondsBefore: 0,
        },
        tools,
        channel,
      );
    } finally {
      await unlock();
    }
  } catch (error) {
    if (created !== null) await discardRunFolder(created);
    throw error;
  } finally {
    opened.model.close();
  }
}

const ratesGiven = ({ options }: TuneJob) =>
  options.promptRate !== undefined || options.biasRate !== undefined;

/** Goes on where a run stopped, as it was decided when it began. */
export async function resumeJob(job: ResumeJob, tools: JobTools, channel: JobChannel): Promise<void> {
  const begun = tools.now().getTime();
  const folder = path.resolve(job.run);
  let manifest = await readManifest(folder);
  if (manifest.status === "finished") {
    throw new PlumbError(
      "run-finished",
      `${folder} is finished; its report is ${path.join(folder, RUN_FILES.page)}.`,
    );
  }
  if (manifest.status === "trouble") {
    throw new PlumbError(
      "run-trouble",
      `${folder} was stopped and would end the same way again: ${manifest.reason ?? ""} Start a new run.`,
    );
  }
  const unlock = await lockFolder(folder);
  try {
    // Another process may have gone on with it between our look and our lock.
    manifest = await readManifest(folder);
    const loaded = await loadTask(path.resolve(folder, manifest.task.file));
    if (sha256(JSON.stringify(loaded.task)) !== manifest.task.hash) {
      throw new PlumbError(
        "task-changed",
        `${loaded.path} has changed since the run began. Bring the old content back, or start a new run.`,
      );
    }
    const split = restoreSplit(loaded, manifest.split);
    for (const example of [...split.train, ...split.test]) {
      if (manifest.contents[example.id] === contentHash(loaded.task, example)) continue;
      throw new PlumbError(
        "example-changed",
        `${example.file}, line ${example.line}: text or answer of "${example.id}" has changed since the run began. Bring the old content back, or start a new run.`,
      );
    }
    const base = await tools.openBaseModel(manifest.baseModel.path);
    channel.send({ type: "model", name: base.name, path: base.path });
    if (base.fingerprint !== manifest.baseModel.fingerprint) {
      throw new PlumbError(
        "base-changed",
        `${base.path} is not the file that the run began with (${manifest.baseModel.name}). Put it back, or start a new run.`,
      );
    }
    const { settings } = manifest;
    const layout = tunedLayout(loaded.task, base, settings, manifest.answerRoom);
    const model = await openAsDecided(tools.engine(), base, manifest.engine);
    try {
      channel.send({ type: "started", folder });
      await carryOut(
        {
          folder,
          manifest,
          loaded,
          parts: partsOf(split, new Set(manifest.heldOut)),
          base,
          model,
          layout,
          checkpointSeconds: job.checkpointSeconds ?? CHECKPOINT_SECONDS,
          begun,
          secondsBefore: 0,
        },
        tools,
        channel,
      );
    } finally {
      model.close();
    }
  } finally {
    await unlock();
  }
}

interface Timing {
  /** Of one step. */
  readonly seconds: number;
  /** Of one row, forward and backward. */
  readonly perRow: number;
}

/** Computes the first step once and throws it away. */
async function timeOneStep(
  open: () => Promise<Session>,
  layout: Layout,
  fit: readonly Item[],
  settings: TuningSettings,
  budget: Budget,
  tools: JobTools,
): Promise<Timing> {
  const session = await open();
  try {
    const order = new DataOrder(fit, settings.batch, settings.seed, settings.balance);
    const weightsOf = exampleWeights(fit, layout.labels.length, settings.balance);
    const begun = tools.now().getTime();
    let rows = 0;
    for (const batch of microBatches(layout, order.at(0), weightsOf, budget.train)) {
      await session.accumulate(batch);
      rows += batch.tokens.length;
    }
    const measured = (tools.now().getTime() - begun) / 1000;
    // The first step may be a short one: its time a row, and the mean rows of a step.
    const mean = fit.reduce((sum, item) => sum + trainingRows(layout, item), 0) / fit.length;
    const perRow = measured / rows;
    return { perRow, seconds: perRow * (layout.prefix.length + settings.batch * mean) };
  } finally {
    session.close();
  }
}

async function probe(
  open: () => Promise<Session>,
  input: {
    layout: Layout;
    fitItems: readonly Item[];
    heldOutItems: readonly Item[];
    settings: TuningSettings;
    budget: Budget;
  },
  timing: Timing,
  channel: JobChannel,
): Promise<{ factor: number; decision: string }> {
  const { layout, fitItems: fit, heldOutItems: heldOut, settings, budget } = input;
  let done = 0;
  const report = () => {
    channel.send({
      type: "progress",
      phase: "probe",
      title: "Trying learning rates",
      done,
      total: 4,
      loss: null,
      heldOutLoss: null,
      heldOutScore: null,
      tokensPerSecond: null,
      secondsLeft: null,
    });
  };
  report();
  const found = await probeRates(
    { open, layout, fit, heldOut, settings, budget, steps: probeSteps(timing.seconds) },
    () => {
      done++;
      report();
    },
  );
  const tried = found.losses.map(
    ({ factor, loss }) => `${factor}: ${loss === null ? "not a number" : loss.toFixed(3)}`,
  );
  return {
    factor: found.factor,
    decision:
      `Rates are ${found.factor} times the usual ones, found by a probe of ${found.steps} steps each ` +
      `(factor: loss behind it; ${tried.join(", ")}).`,
  };
}

/** Appends a line to the run's log. */
function log(run: Run, entry: Record<string, unknown>): void {
  const file = path.join(run.folder, RUN_FILES.log);
  try {
    appendFileSync(file, `${JSON.stringify(entry)}\n`);
  } catch (error) {
    throw explainWriteError(error, file);
  }
}

/** Tunes what is not tuned yet, scores, reports. Sends `done` or `paused`. */
async function carryOut(run: Run, tools: JobTools, channel: JobChannel): Promise<void> {
  const update = async (change: Partial<Manifest>) => {
    run.manifest = { ...run.manifest, ...change };
    await writeManifest(run.folder, run.manifest);
  };
  const pausedAt = async (step: number) => {
    await update({ status: "paused", reason: "Stopped by the user." });
    channel.send({ type: "paused", folder: run.folder, step });
  };
  try {
    const tuned = await tuneFinal(run, tools, channel, update);
    if (tuned.kind === "paused") return await pausedAt(tuned.step);
    if (tuned.kind === "trouble") {
      await update({ status: "trouble", reason: tuned.message });
      throw new PlumbError(tuned.code, tuned.message);
    }
    const { session, snapshot } = tuned;
    try {
      const outOfFold = await tuneFolds(run, tools, channel, update);
      const report = await finish(run, tools, channel, session, snapshot, outOfFold);
      await update({ status: "finished", reason: null, seconds: report.seconds, bestStep: tuned.bestStep });
      channel.send({
        type: "done",
        result: { folder: run.folder, report: report.report, early: tuned.early },
      });
    } finally {
      session.close();
    }
  } catch (error) {
    if (error instanceof Interrupted) return await pausedAt(run.manifest.settings.steps);
    throw error;
  }
}

type Tuned =
  | { kind: "tuned"; session: Session; snapshot: Snapshot; bestStep: number; early: boolean }
  | { kind: "paused"; step: number }
  | { kind: "trouble"; code: string; message: string };

function adapterInfo(run: Run, thresholds: readonly number[] | null): AdapterInfo {
  const { manifest } = run;
  return {
    task: run.loaded.task,
    settings: manifest.settings,
    answerRoom: manifest.answerRoom,
    thresholds,
    baseModel: { name: manifest.baseModel.name, fingerprint: manifest.baseModel.fingerprint },
  };
}

type Update = (change: Partial<Manifest>) => Promise<void>;

/** The adapter of the run: trained, or read where it was trained already. */
async function tuneFinal(run: Run, tools: JobTools, channel: JobChannel, update: Update): Promise<Tuned> {
  const { folder, manifest, loaded, base, model, layout, parts } = run;
  const adapterFile = path.join(folder, RUN_FILES.adapter);
  const checkpointFile = path.join(folder, RUN_FILES.checkpoints, "final.safetensors");
  const session = await openTuningSession(
    model,
    loaded.task,
    base,
    manifest.settings,
    manifest.engine.checkpoint,
  );
  let keep = false;
  try {
    const resume = await readIfThere(checkpointFile, readCheckpoint);
    const adapter = resume === null ? null : await readIfThere(adapterFile, readAdapter);
    if (resume !== null) {
      run.secondsBefore = resume.seconds;
      await noteResumed(run, tools, update, "final", resume.losses.length);
    }
    if (resume !== null && adapter !== null) {
      await loadAdapter(adapter, session);
      keep = true;
      const bestStep = resume.best?.step ?? resume.losses.length;
      const early = resume.losses.length < manifest.settings.steps;
      return { kind: "tuned", session, snapshot: resume, bestStep, early };
    }
    const outcome = await train(
      {
        session,
        layout,
        fit: itemsOf(loaded.task, layout, base, parts.fit),
        heldOut: itemsOf(loaded.task, layout, base, parts.heldOut),
        settings: manifest.settings,
        budget: budgetOf(manifest),
        resume,
      },
      trainingHooks(run, tools, channel, checkpointFile, "tune", "Tuning"),
    );
    if (outcome.kind === "paused") return { kind: "paused", step: outcome.snapshot.losses.length };
    if (outcome.kind === "trouble") return { kind: "trouble", ...outcome.trouble };
    await writing(adapterFile, () =>
      writeAdapter(adapterFile, adapterInfo(run, null), session.parameters, outcome.best.parameters),
    );
    keep = true;
    return {
      kind: "tuned",
      session,
      snapshot: outcome.snapshot,
      bestStep: outcome.best.step,
      early: outcome.early,
    };
  } finally {
    if (!keep) session.close();
  }
}

async function readIfThere<T>(file: string, read: (file: string) => Promise<T>): Promise<T | null> {
  try {
    await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
  }
  return read(file);
}

async function noteResumed(
  run: Run,
  tools: JobTools,
  update: Update,
  phase: string,
  step: number,
): Promise<void> {
  const at = tools.now().toISOString();
  log(run, { event: "resumed", at, phase, step });
  await update({
    status: "running",
    reason: null,
    resumed: [...run.manifest.resumed, { at, step, phase }],
  });
}

function trainingHooks(
  run: Run,
  tools: JobTools,
  channel: JobChannel,
  checkpointFile: string,
  phase: "tune" | "fold",
  title: string,
) {
  let lastStep = -1;
  let lastLook = -1;
  return {
    save: (snapshot: Snapshot) => writing(checkpointFile, () => writeCheckpoint(checkpointFile, snapshot)),
    progress: (progress: TrainingProgress) => {
      const { step, steps, loss, evaluation } = progress;
      if (loss !== null && step !== lastStep) log(run, { event: "step", phase: title, step, loss });
      if (evaluation !== null && evaluation.step !== lastLook) {
        log(run, { event: "held-out", phase: title, ...evaluation });
        lastLook = evaluation.step;
      }
      lastStep = step;
      channel.send({
        type: "progress",
        phase,
        title,
        done: step,
        total: steps,
        loss,
        heldOutLoss: evaluation?.loss ?? null,
        heldOutScore: evaluation?.score ?? null,
        tokensPerSecond: progress.tokensPerSecond,
        secondsLeft: progress.secondsLeft,
      });
    },
    stop: () => channel.stop(),
    now: () => tools.now().getTime(),
    checkpointSeconds: run.checkpointSeconds,
  };
}

/** Out-of-fold predictions of the training part; null where no folds were asked for. */
async function tuneFolds(
  run: Run,
  tools: JobTools,
  channel: JobChannel,
  update: Update,
): Promise<Prediction[] | null> {
  const { manifest, folder, loaded, base, model, layout } = run;
  const { folds, settings } = manifest;
  if (folds === null) return null;
  const examples = [...run.parts.fit, ...run.parts.heldOut];
  const predictions: Prediction[] = [];
  for (let fold = 0; fold < folds.count; fold++) {
    const file = path.join(folder, RUN_FILES.checkpoints, `fold-${fold}.jsonl`);
    const known = await readIfThere(file, readPredictions);
    if (known !== null) {
      predictions.push(...known);
      continue;
    }
    if (channel.stop() === "keep") return null;
    const checkpointFile = path.join(folder, RUN_FILES.checkpoints, `fold-${fold}.safetensors`);
    const own = examples.filter(({ id }) => folds.of[id] === fold);
    const others = examples.filter(({ id }) => folds.of[id] !== fold);
    const seed = mixSeed(settings.seed, 3, fold);
    const inner = holdOut(others, settings.heldOutShare, seed);
    const session = await openTuningSession(model, loaded.task, base, settings, manifest.engine.checkpoint);
    try {
      const resume = await readIfThere(checkpointFile, readCheckpoint);
      if (resume !== null) await noteResumed(run, tools, update, `fold ${fold + 1}`, resume.losses.length);
      const outcome: TrainingOutcome = await train(
        {
          session,
          layout,
          fit: itemsOf(loaded.task, layout, base, inner.fit),
          heldOut: itemsOf(loaded.task, layout, base, inner.heldOut),
          settings: { ...settings, seed },
          budget: budgetOf(manifest),
          resume,
        },
        trainingHooks(run, tools, channel, checkpointFile, "fold", `Fold ${fold + 1} of ${folds.count}`),
      );
      if (outcome.kind === "paused") throw new Interrupted();
      if (outcome.kind === "trouble") {
        channel.send({
          type: "note",
          level: "warning",
          message: `Fold ${fold + 1} of ${folds.count} ended early: ${outcome.trouble.message}`,
        });
        if (outcome.snapshot.best !== null) await session.write(outcome.snapshot.best.parameters);
      }
      const rows = await predictExamples(
        { session, layout, base, budget: manifest.engine.scoreRows, part: "out-of-fold" },
        own,
        scoringHook(channel, `Scoring fold ${fold + 1} of ${folds.count}`, own.length),
      );
      const withFold = rows.map((row) => ({ ...row, fold }));
      await writing(file, () => writeFileAtomic(file, jsonLines(withFold)));
      predictions.push(...withFold);
    } finally {
      session.close();
    }
  }
  return predictions;
}

async function readPredictions(file: string): Promise<Prediction[]> {
  const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
  return lines.map((line) => Prediction.parse(JSON.parse(line)));
}

const jsonLines = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

/** Scores held-out and test part, tuned and untuned; writes predictions, thresholds and report. */
async function finish(
  run: Run,
  tools: JobTools,
  channel: JobChannel,
  session: Session,
  snapshot: Snapshot,
  outOfFold: Prediction[] | null,
): Promise<{ report: unknown; seconds: number }> {
  const { folder, manifest, loaded, base, model, layout, parts } = run;
  const score = (
    part: Prediction["part"],
    examples: readonly LoadedExample[],
    title: string,
    by: { session: Session; layout: Layout } = { session, layout },
  ) =>
    predictExamples(
      { ...by, base, budget: manifest.engine.scoreRows, part },
      examples,
      scoringHook(channel, title, examples.length),
    );
  const heldOut = await score("held-out", parts.heldOut, "Scoring the held-out part");
  const testLooks = await countTestLook(loaded.folder, manifest.id, manifest.split.test, tools.now());
  const test = await score("test", parts.test, "Scoring the test part");
  const plain = await model.openSession({ method: { promptLength: 0, biases: [] } });
  let untuned: Prediction[];
  try {
    untuned = await score("test", parts.test, "Asking the base model untuned", {
      session: plain,
      layout: untunedLayout(loaded.task, base, manifest.settings, manifest.answerRoom),
    });
  } finally {
    plain.close();
  }
  const file = path.join(folder, RUN_FILES.predictions);
  await writing(file, () => writeFileAtomic(file, jsonLines([...test, ...heldOut, ...(outOfFold ?? [])])));

  const trainedParameters = session.parameters.reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
  const seconds = run.secondsBefore + (tools.now().getTime() - run.begun) / 1000;
  const { report, thresholds } = await reportRun(folder, {
    task: loaded.task,
    parts,
    predictions: test,
    untuned,
    heldOut,
    outOfFold,
    testLooks,
    run: {
      id: manifest.id,
      method: manifest.settings.method,
      baseModel: base.name,
      seed: manifest.settings.seed,
      startedAt: manifest.createdAt,
      seconds,
      tokensPerSecond: snapshot.tokens / Math.max(1e-3, snapshot.seconds),
      peakBytes: tools.peakMemory(),
      trainedParameters,
      totalParameters: base.parameterCount + trainedParameters,
      device: manifest.engine.device,
      precision: manifest.engine.precision,
      history: historyOf(snapshot),
    },
  });
  if (thresholds !== null) {
    const adapterFile = path.join(folder, RUN_FILES.adapter);
    const values = await session.read();
    await writing(adapterFile, () =>
      writeAdapter(adapterFile, adapterInfo(run, thresholds), session.parameters, values),
    );
  }
  log(run, {
    event: "finished",
    at: tools.now().toISOString(),
    seconds,
    peak: formatBytes(tools.peakMemory()),
  });
  return { report, seconds };
}

function historyOf(snapshot: Snapshot) {
  const looks = new Map(snapshot.evaluations.map((look) => [look.step, look]));
  return snapshot.losses.map((loss, i) => {
    const look = looks.get(i + 1);
    return {
      step: i + 1,
      loss,
      ...(look === undefined ? {} : { heldOutLoss: look.loss }),
      ...(look?.score == null ? {} : { heldOutScore: look.score }),
    };
  });
}
