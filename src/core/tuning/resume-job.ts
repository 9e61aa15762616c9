import { mkdir } from "node:fs/promises";
import path from "node:path";
import { loadTask, restoreSplit, type LoadedTask } from "../data";
import type { Model } from "../engine";
import { PlumbError } from "../errors";
import { recordedPath } from "../files";
import type { Manifest } from "../schema";
import { carryOut } from "./carry-out";
import { CHECKPOINT_SECONDS, type JobChannel, type JobTools, namedModel } from "./job-tools";
import { haveInputsChanged, readKeptExamples } from "./kept-examples";
import { lockFolder } from "../lock";
import { holdingTask } from "../runs/task-lock";
import { findTask } from "../runs/task-of-run";
import { openAsDecided, otherProducts } from "./open";
import { contentHash, partsOf, tunedLayout } from "./prepare";
import type { Job } from "./protocol";
import { Run } from "./run";
import { readManifest, RUN_FILES, taskHash, writing } from "./run-folder";
import { readKeptStart } from "./start";
import { say } from "../say";

/** Goes on where a run stopped, as it was decided when it began, to the same result. */
export async function resumeJob(
  job: Extract<Job, { type: "resume" }>,
  tools: JobTools,
  channel: JobChannel,
): Promise<void> {
  const begun = tools.now().getTime();
  const folder = path.resolve(job.run);
  refuseEnded(folder, await readManifest(folder));
  const unlock = await writing(folder, () => lockFolder(folder));
  try {
    // Another process may have gone on with it between our look and our lock.
    const recorded = await readManifest(folder);
    refuseEnded(folder, recorded);
    const taskFile = await findTask(folder, recorded.task);
    const goOn = () => goOnWith(job, { folder, taskFile, recorded, begun }, tools, channel);
    if (job.cell === true) await goOn();
    else
      await holdingTask(taskFile, tools.now(), async (tellRun) => {
        await tellRun(folder);
        await goOn();
      });
  } finally {
    await unlock();
  }
}

async function goOnWith(
  job: Extract<Job, { type: "resume" }>,
  run: {
    readonly folder: string;
    readonly taskFile: string;
    readonly recorded: Manifest;
    /** Milliseconds when this process began its part. */
    readonly begun: number;
  },
  tools: JobTools,
  channel: JobChannel,
): Promise<void> {
  const { folder, taskFile, recorded, begun } = run;
  const kept = await keptInputs(folder, taskFile, recorded);
  if (kept !== null && (await haveInputsChanged(folder, taskFile, recorded)))
    channel.send({
      type: "note",
      level: "info",
      message: say`The task or its examples have changed since the run began. It goes on with them as they were then; what was labelled or corrected since counts in the next run.`,
    });
  const loaded = kept ?? (await unchangedInputs(taskFile, recorded));
  const file = recordedPath(folder, loaded.path);
  const manifest = { ...recorded, task: { ...recorded.task, file } };
  const split = restoreSplit(loaded, manifest.split);
  const base = await tools.openBaseModel(manifest.baseModel.path);
  channel.send(namedModel(base));
  if (base.fingerprint !== manifest.baseModel.fingerprint) {
    throw new PlumbError(
      "base-changed",
      say`${base.path} is not the file that the run began with (${manifest.baseModel.name}). Put it back, or start a new run.`,
    );
  }
  const start = manifest.startedFrom === undefined ? new Map() : await readKeptStart(folder);
  const model = await openAsDecided(tools, base, manifest.engine);
  try {
    channel.send({ type: "started", folder });
    const checkpoints = path.join(folder, RUN_FILES.checkpoints);
    if ((await writing(checkpoints, () => mkdir(checkpoints, { recursive: true }))) !== undefined)
      channel.send({
        type: "note",
        level: "warning",
        message: say`What the run had saved is gone: there was no folder ${checkpoints}. It begins at its first step again, to the same result.`,
      });
    const changed = otherProducts(manifest.engine, model);
    if (changed !== null) channel.send({ type: "note", level: "warning", message: changed });
    await carryOut(
      new Run(
        {
          folder,
          manifest: changed === null ? manifest : withDecision(manifest, changed, model),
          loaded,
          parts: partsOf(split, new Set(manifest.heldOut)),
          base,
          model,
          start,
          layout: tunedLayout(loaded.task, base, manifest.settings, manifest.answerRoom),
          checkpointSeconds: job.checkpointSeconds ?? CHECKPOINT_SECONDS,
          begun,
        },
        tools,
        channel,
      ),
    );
  } finally {
    model.close();
  }
}

/** What the run began with, from its own folder; null where it kept nothing. */
async function keptInputs(folder: string, taskFile: string, manifest: Manifest): Promise<LoadedTask | null> {
  const examples = await readKeptExamples(folder, manifest);
  if (examples === null) return null;
  const { content: task } = manifest.task;
  return { path: taskFile, folder: path.dirname(taskFile), task, examples, problems: [], files: [] };
}

/** Task and examples as they are now. @throws PlumbError where they are not what the run began with. */
async function unchangedInputs(taskFile: string, manifest: Manifest): Promise<LoadedTask> {
  const loaded = await loadTask(taskFile);
  if (taskHash(loaded.task) !== manifest.task.hash) {
    throw new PlumbError(
      "task-changed",
      say`${loaded.path} has changed since the run began. Bring the old content back, or start a new run.`,
    );
  }
  const split = restoreSplit(loaded, manifest.split);
  for (const example of [...split.train, ...split.test]) {
    if (manifest.contents[example.id] === contentHash(loaded.task, example)) continue;
    throw new PlumbError(
      "example-changed",
      say`${example.file}, line ${example.line}: text or answer of "${example.id}" has changed since the run began. Bring the old content back, or start a new run.`,
    );
  }
  return loaded;
}

/** From here on the record says what multiplies now; what was before stands in the sentence. */
function withDecision(manifest: Manifest, sentence: string, model: Model): Manifest {
  return {
    ...manifest,
    engine: { ...manifest.engine, ...(model.products === null ? {} : { products: model.products }) },
    decisions: [...manifest.decisions, sentence],
  };
}

function refuseEnded(folder: string, { status, reason }: Manifest): void {
  if (status === "finished") {
    throw new PlumbError(
      "run-finished",
      say`${folder} is finished; its report is ${path.join(folder, RUN_FILES.page)}.`,
    );
  }
  if (status === "trouble") {
    throw new PlumbError(
      "run-trouble",
      say`${folder} was stopped and would end the same way again: ${reason ?? ""} Start a new run.`,
    );
  }
}
