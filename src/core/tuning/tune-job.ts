import { foldExamples, loadTask, recordSplit, type LoadedTask } from "../data";
import { PlumbError } from "../errors";
import { recordedPath } from "../files";
import type { Manifest } from "../schema";
import { carryOut } from "./carry-out";
import { forecastSentence, formatBytes, sizeOfFiles } from "./forecast";
import { CHECKPOINT_SECONDS, Interrupted, type JobChannel, type JobTools, namedModel } from "./job-tools";
import { lockFolder } from "../lock";
import { keepExamples } from "./kept-examples";
import { holdingTask } from "../runs/task-lock";
import { openForTuning, openTuningSession, type OpenedModel } from "./open";
import { checkData, contentHash, hashFile, prepareRun, type PreparedRun } from "./prepare";
import { hasMeasuredRates } from "./probe";
import type { Job } from "./protocol";
import { Run } from "./run";
import { createRunFolder, refuseTaken, taskHash, textHash, writeManifest, writing } from "./run-folder";
import { keepStart, startSentences } from "./start";
import { probed, secondsOfRun, timeOneStep } from "./timing";
import type { Budget } from "./trainer";
import { counted, grouped, inflected, say } from "../say";

type TuneJob = Extract<Job, { type: "tune" }>;
type Folds = NonNullable<Manifest["folds"]>;

/** Checks everything, says what it will cost, and only then makes the run folder and tunes. */
export async function tuneJob(job: TuneJob, tools: JobTools, channel: JobChannel): Promise<void> {
  const begun = tools.now().getTime();
  if (job.out !== undefined) await refuseTaken(job.out);
  const loaded = await loadTask(job.task);
  const tune = (tellRun?: TellRun) => tuneLoaded(job, loaded, begun, { tools, channel, tellRun });
  await (job.cell === true ? tune() : holdingTask(loaded.path, tools.now(), tune));
}

type TellRun = (folder: string) => Promise<void>;

async function tuneLoaded(
  job: TuneJob,
  loaded: LoadedTask,
  begun: number,
  { tools, channel, tellRun }: { tools: JobTools; channel: JobChannel; tellRun: TellRun | undefined },
): Promise<void> {
  const warn = (message: string) => channel.send({ type: "note", level: "warning", message });
  checkData(loaded).forEach(warn);
  let prepared = await prepareRun(loaded, job, tools, (base) => {
    channel.send(namedModel(base));
  });
  const { base, layout } = prepared;
  const items = [...prepared.fit, ...prepared.heldOut, ...prepared.test];
  const cutTexts = items.filter(({ text }) => text.cut).length;
  if (cutTexts > 0) {
    warn(
      say`${grouped(cutTexts)} of ${counted(items.length, "text", "texts")} ${inflected(cutTexts, "is", "are")} longer than ${counted(layout.textRoom, "token", "tokens")}: ${inflected(cutTexts, "its", "their")} middle is left out, with the mark "[...]" in its place.`,
    );
  }
  const folds = job.folds === undefined ? null : foldsOf(prepared, job.folds);
  const opened = await openForTuning(
    tools,
    base,
    layout,
    [...prepared.fit, ...prepared.heldOut],
    prepared.settings,
    job.engine,
  );
  try {
    const decisions: string[] = [];
    const decide = (sentence: string) => {
      decisions.push(sentence);
      channel.send({ type: "note", level: "info", message: sentence });
    };
    opened.decisions.forEach(decide);
    startSentences(prepared).forEach(decide);
    const budget: Budget = { train: opened.choices.trainRows, score: opened.choices.scoreRows };
    const { settings, task } = prepared;
    const open = () =>
      openTuningSession(opened.model, task, base, settings, prepared.start.tensors, opened.choices);
    const timing = await timeOneStep(prepared, open, budget, tools);
    const probes = job.probe ?? (!hasMeasuredRates(base.parameterCount) && !ratesGiven(job));
    // Said before the probe, which takes minutes with a large model.
    const message = forecastSentence({
      model: base.name,
      fit: prepared.fit.length,
      heldOut: prepared.heldOut.length,
      test: prepared.test.length,
      folds: folds?.count ?? 0,
      seconds: secondsOfRun(prepared, timing, { folds: folds?.count ?? 0, probes, scoreRows: budget.score }),
      bytes: opened.bytes,
      gpu: opened.room.gpu,
      fileBytes: opened.readsFile ? await sizeOfFiles(base.table.files) : 0,
    });
    channel.send({ type: "forecast", message });
    if (probes) {
      const found = await probed(prepared, open, budget, timing, channel);
      prepared = { ...prepared, settings: found.settings };
      decide(found.decision);
    }
    decisions.push(
      say`Memory: a forecast of ${formatBytes(opened.bytes)}, ${formatBytes(opened.room.available)} available.`,
    );
    if (channel.stop() !== null) throw new Interrupted();
    const { id, folder, discard } = await createRunFolder(
      loaded.folder,
      settings.method,
      tools.now(),
      job.out,
    );
    const unlock = await writing(folder, () => lockFolder(folder)).catch(async (error: unknown) => {
      // Another run may have begun in the folder: what is there is that one's.
      if (!(error instanceof PlumbError && error.code === "locked")) await discard();
      throw error;
    });
    try {
      const manifest = await manifestOf(
        { id, folder, prepared, folds, opened, cutTexts, decisions, trainLimit: job.trainLimit },
        tools,
      );
      await begin(folder, manifest, prepared, tellRun).catch(async (error: unknown) => {
        await discard();
        throw error;
      });
      channel.send({ type: "started", folder });
      const checkpointSeconds = job.checkpointSeconds ?? CHECKPOINT_SECONDS;
      const { model } = opened;
      const { parts } = prepared;
      const start = prepared.start.tensors;
      await carryOut(
        new Run(
          { folder, manifest, loaded, parts, base, model, layout, start, checkpointSeconds, begun },
          tools,
          channel,
        ),
      );
    } finally {
      await unlock();
    }
  } finally {
    opened.model.close();
  }
}

/** From here on the folder is a run that can be resumed: with a copy of what it starts from, and of its examples. */
async function begin(
  folder: string,
  manifest: Manifest,
  { start, split }: PreparedRun,
  tellRun: TellRun | undefined,
): Promise<void> {
  await tellRun?.(folder);
  if (manifest.startedFrom !== undefined) await keepStart(folder, start);
  await keepExamples(folder, [...split.train, ...split.test]);
  await writeManifest(folder, manifest);
}

const ratesGiven = ({ options }: TuneJob) =>
  options.promptRate !== undefined ||
  options.biasRate !== undefined ||
  options.lora?.rate !== undefined ||
  options.fullRate !== undefined;

function foldsOf({ split, settings }: PreparedRun, count: number): Folds {
  const assigned = foldExamples(split.train, count, settings.seed);
  return { count, of: Object.fromEntries(split.train.map(({ id }, i) => [id, assigned[i] ?? 0])) };
}

async function manifestOf(
  input: {
    id: string;
    folder: string;
    prepared: PreparedRun;
    folds: Folds | null;
    opened: OpenedModel;
    cutTexts: number;
    decisions: string[];
    trainLimit: number | undefined;
  },
  tools: JobTools,
): Promise<Manifest> {
  const { id, folder, prepared, folds, opened, cutTexts, decisions, trainLimit } = input;
  const { loaded, task, base, split, parts, settings, start, answerRoom } = prepared;
  const files = [...new Set(loaded.examples.map(({ file }) => file))];
  const used = [...split.train, ...split.test];
  return {
    version: 1,
    id,
    createdAt: tools.now().toISOString(),
    program: tools.version,
    status: "running",
    reason: null,
    task: { file: recordedPath(folder, loaded.path), hash: taskHash(task), content: task },
    data: await Promise.all(
      files.map(async (file) => ({ file: recordedPath(folder, file), sha256: await hashFile(file) })),
    ),
    split: recordSplit(split),
    ...(trainLimit === undefined || prepared.drawnFrom === null
      ? {}
      : { trainLimit: { examples: trainLimit, of: prepared.drawnFrom, seed: settings.seed } }),
    heldOut: parts.heldOut.map((example) => example.id),
    contents: Object.fromEntries(used.map((example) => [example.id, contentHash(task, example)])),
    texts: Object.fromEntries(used.map(({ id, text }) => [id, textHash(text)])),
    folds,
    settings,
    ...(start.sources.length === 0
      ? {}
      : {
          startedFrom: start.sources.map(({ file, sha256 }) => ({
            file: recordedPath(folder, file),
            sha256,
          })),
        }),
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
}
