import { stat } from "node:fs/promises";
import path from "node:path";
import { PlumbError } from "../errors";
import type { BaseModel } from "../model";
import { say } from "../say";
import { checkBaseModel, loadAdapter, readAdapter, type Adapter } from "./adapter";
import { findAdapter } from "./find-adapter";
import { SCORE_ROWS } from "./forecast";
import { namedModel, type JobChannel, type JobTools } from "./job-tools";
import type { Layout } from "./layout";
import { openForScoring, type OpenedForScoring } from "./open";
import { predictTexts } from "./predict";
import { tunedLayout } from "./prepare";
import type { EngineWishes, Job } from "./protocol";
import { readManifest } from "./run-folder";
import { adapterSpec } from "./methods";

/** An adapter on its base model, ready to score. */
export interface OpenedAdapter extends OpenedForScoring {
  readonly adapter: Adapter;
  /** Where its run was made; null for an adapter file elsewhere. */
  readonly runFolder: string | null;
  readonly base: BaseModel;
  readonly layout: Layout;
}

/** @param base Name or path of the base model; the one that the run was made with where absent. */
export async function openAdapter(
  wanted: string,
  base: string | undefined,
  wishes: EngineWishes,
  tools: JobTools,
  channel: JobChannel,
): Promise<OpenedAdapter> {
  const { file, runFolder } = await findAdapter(wanted);
  const adapter = await readAdapter(file);
  const recorded = runFolder === null ? null : (await readManifest(runFolder)).baseModel.path;
  const opened =
    base === undefined && recorded !== null
      ? await openOwnBase(adapter, recorded, tools)
      : await tools.openBaseModel(await tools.resolveBaseModel(base));
  channel.send(namedModel(opened));
  checkBaseModel(adapter, opened);
  const layout = tunedLayout(adapter.task, opened, adapter.settings, adapter.answerRoom);
  const method = adapterSpec(adapter.settings);
  const scoring = await openForScoring(tools, opened, method, layout, wishes, (session) =>
    loadAdapter(adapter, session),
  );
  const { sentence } = scoring.place;
  // Here is no plan for it to stand in: a machine that has no GPU, as most, is no news.
  const news = wishes.device !== undefined || (await tools.gpus()).noGpu !== true;
  if (sentence !== null && news) channel.send({ type: "note", level: "info", message: sentence });
  return { adapter, runFolder, base: opened, layout, ...scoring };
}

/**
 * Opens the base model that a run was made with: where it lay then, else where it is found by its name, else the default one.
 * @throws PlumbError where it is on this machine no more.
 */
async function openOwnBase(adapter: Adapter, recorded: string, tools: JobTools): Promise<BaseModel> {
  const isThere = await stat(recorded).catch(() => null);
  if (isThere !== null) return tools.openBaseModel(recorded);
  for (const name of [path.basename(recorded, ".gguf"), undefined]) {
    try {
      const found = await tools.openBaseModel(await tools.resolveBaseModel(name));
      if (found.fingerprint === adapter.baseModel.fingerprint) return found;
    } catch {
      // not there, or damaged: not this one
    }
  }
  throw new PlumbError(
    "base-gone",
    say`${adapter.file} needs the base model that it was tuned on, ${adapter.baseModel.name}, and that is not on this machine any more (it was ${recorded}). Bring it back, or tune anew on another one.`,
  );
}

/** Answers texts as they come, in batches. Sends `opened`, `predictions` and at last `done`. */
export async function predictJob(
  job: Extract<Job, { type: "predict" }>,
  tools: JobTools,
  channel: JobChannel,
): Promise<void> {
  const { adapter, base, model, session, layout } = await openAdapter(
    job.adapter,
    job.base,
    job.engine,
    tools,
    channel,
  );
  try {
    channel.send({
      type: "opened",
      kind: layout.kind,
      labels: [...layout.labels],
      thresholds: adapter.thresholds === null ? null : [...adapter.thresholds],
    });
    for await (const { number, texts } of channel.texts()) {
      let tokens = 0;
      const rows = await predictTexts({ session, layout, base, budget: SCORE_ROWS }, texts, (_, more) => {
        tokens += more;
      });
      channel.send({ type: "predictions", number, rows, tokens });
      if (channel.stop() !== null) break;
    }
    channel.send({ type: "done", result: { folder: null, report: null, early: channel.stop() !== null } });
  } finally {
    session.close();
    model.close();
  }
}
