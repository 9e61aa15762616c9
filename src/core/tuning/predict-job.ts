import { stat } from "node:fs/promises";
import type { Model, Session } from "../engine";
import type { BaseModel } from "../model";
import { checkBaseModel, loadAdapter, readAdapter, type Adapter } from "./adapter";
import { findAdapter } from "./find-adapter";
import { SCORE_ROWS } from "./forecast";
import type { JobChannel, JobTools } from "./job-tools";
import type { Layout } from "./layout";
import { openForScoring } from "./open";
import type { Place } from "./place";
import { predictTexts } from "./predict";
import { tunedLayout } from "./prepare";
import type { EngineWishes, Job } from "./protocol";
import { readManifest } from "./run-folder";
import { adapterSpec } from "./methods";

/** An adapter on its base model, ready to score. */
export interface OpenedAdapter {
  readonly adapter: Adapter;
  /** Where its run was made; null for an adapter file elsewhere. */
  readonly runFolder: string | null;
  readonly base: BaseModel;
  readonly model: Model;
  readonly session: Session;
  readonly layout: Layout;
  readonly place: Place;
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
  const recorded = runFolder === null ? undefined : (await readManifest(runFolder)).baseModel.path;
  const opened = await tools.openBaseModel(
    base === undefined && recorded !== undefined && (await stat(recorded).catch(() => null)) !== null
      ? recorded
      : await tools.resolveBaseModel(base),
  );
  channel.send({ type: "model", name: opened.name, path: opened.path });
  checkBaseModel(adapter, opened);
  const layout = tunedLayout(adapter.task, opened, adapter.settings, adapter.answerRoom);
  const { model, place } = await openForScoring(tools.engine(), opened, wishes, tools.availableMemory());
  if (place.sentence !== null) channel.send({ type: "note", level: "info", message: place.sentence });
  try {
    const session = await model.openSession({ method: adapterSpec(adapter.settings) });
    await loadAdapter(adapter, session);
    return { adapter, runFolder, base: opened, model, session, layout, place };
  } catch (error) {
    model.close();
    throw error;
  }
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
