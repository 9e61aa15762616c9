import path from "node:path";
import {
  countKnown,
  defaultTestShare,
  loadTask,
  restoreSplit,
  splitExamples,
  type LoadedExample,
} from "../data";
import { PlumbError } from "../errors";
import { findTask } from "../runs/task-of-run";
import type { Manifest } from "../schema";
import { writeFileAtomic } from "../files";
import { SCORE_ROWS } from "./forecast";
import { scoringHook, type JobChannel, type JobTools } from "./job-tools";
import { openAdapter } from "./predict-job";
import { predictExamples } from "./predict";
import { checkData, partsOf } from "./prepare";
import type { Job } from "./protocol";
import { EVALUATION_COMMAND } from "./repeat";
import { parameterCount, reportRun, totalParameters } from "./result";
import { countTestLook, createReportFolder, jsonLines, readManifest, RUN_FILES, writing } from "./run-folder";
import { counted, grouped, inflected, say } from "../say";

type EvalJob = Extract<Job, { type: "eval" }>;

/**
 * Scores a test part with an adapter and reports: the run's own test part, or the one of another task with the same
 * labels. Counts as a look at that test part.
 */
export async function evalJob(job: EvalJob, tools: JobTools, channel: JobChannel): Promise<void> {
  if (job.out === undefined) return evaluate(job, tools, channel);
  const { discard } = await createReportFolder(job.out);
  try {
    await evaluate(job, tools, channel);
  } catch (error) {
    await discard();
    throw error;
  }
}

async function evaluate(job: EvalJob, tools: JobTools, channel: JobChannel): Promise<void> {
  const begun = tools.now();
  const opened = await openAdapter(job.adapter, job.base, job.engine, tools, channel);
  const { adapter, base, model, session, layout, runFolder } = opened;
  try {
    const manifest = runFolder === null ? null : await readManifest(runFolder);
    const taskFile =
      job.task ?? (manifest === null || runFolder === null ? null : await findTask(runFolder, manifest.task));
    if (taskFile === null) {
      throw new PlumbError(
        "task-missing",
        say`${adapter.file} lies outside its run: name a task with --task.`,
      );
    }
    const loaded = await loadTask(taskFile);
    checkData(loaded);
    const { task } = loaded;
    const labels = (task.labels ?? []).map(({ name }) => name);
    if (task.kind !== adapter.task.kind || labels.join("\n") !== layout.labels.join("\n")) {
      throw new PlumbError(
        "task-other",
        say`${taskFile} (${task.kind}: ${labels.join(", ")}) does not fit the adapter (${adapter.task.kind}: ${layout.labels.join(", ")}). Kind and labels must be the same, in the same order.`,
      );
    }
    const own = manifest !== null && job.task === undefined;
    const split = own
      ? restoreSplit(loaded, manifest.split)
      : splitExamples(loaded, { seed: task.seed ?? 0, testShare: task.testShare ?? defaultTestShare });
    if (!own && manifest !== null && runFolder !== null) {
      const sentence = await knownTexts(manifest, runFolder, split.test);
      if (sentence !== null) channel.send({ type: "note", level: "warning", message: sentence });
    }
    const parts = partsOf(split, new Set(own ? manifest.heldOut : []));
    const score = (part: "test" | "held-out", title: string) => {
      const examples = part === "test" ? parts.test : parts.heldOut;
      return predictExamples(
        { session, layout, base, budget: SCORE_ROWS, part },
        examples,
        scoringHook(channel, title, examples.length),
      );
    };
    const heldOut = await score("held-out", "Scoring the held-out part");
    const id = `eval-${begun.toISOString()}`;
    const testLooks = await countTestLook(
      loaded.folder,
      id,
      parts.test.map((example) => example.id),
      begun,
    );
    const predictions = await score("test", "Scoring the test part");
    const trained = parameterCount(session);
    const folder = job.out ?? null;
    const { report } = await reportRun(folder, {
      task,
      parts,
      predictions,
      untuned: null,
      heldOut,
      outOfFold: null,
      testLooks,
      run: {
        id,
        method: adapter.settings.method,
        baseModel: base.name,
        seed: adapter.settings.seed,
        startedAt: begun.toISOString(),
        seconds: (tools.now().getTime() - begun.getTime()) / 1000,
        tokensPerSecond: 0,
        peakBytes: tools.peakMemory(),
        trainedParameters: trained,
        totalParameters: totalParameters(base.parameterCount, trained, adapter.settings),
        device: opened.place.name,
        precision: model.precision,
        repeat: EVALUATION_COMMAND,
        history: [],
      },
    });
    if (folder !== null) {
      const file = path.join(folder, RUN_FILES.predictions);
      await writing(file, () => writeFileAtomic(file, jsonLines([...predictions, ...heldOut])));
    }
    channel.send({ type: "done", result: { folder, report, early: false } });
  } finally {
    session.close();
    model.close();
  }
}

/** Says how many texts of another task's test part the adapter has learned from; null for none, and where it cannot be told. */
async function knownTexts(
  manifest: Manifest,
  runFolder: string,
  test: readonly LoadedExample[],
): Promise<string | null> {
  const file = await findTask(runFolder, manifest.task);
  const learned = await loadTask(file).catch((error: unknown) => {
    if (error instanceof PlumbError) return null;
    throw error;
  });
  if (learned === null) {
    return say`${file}, from whose texts the adapter was tuned, cannot be read any more: whether this test part holds any of them was not checked.`;
  }
  const train = new Set(manifest.split.train);
  const texts = learned.examples.filter(({ id }) => train.has(id)).map(({ text }) => text);
  const known = countKnown(
    test.map(({ text }) => text),
    texts,
  );
  if (known === 0) return null;
  return say`${grouped(known)} of ${counted(test.length, "test text", "test texts")} ${inflected(known, "is", "are")}, word for word or nearly, among those that the adapter was tuned on: what it gets right there says nothing about new texts.`;
}
