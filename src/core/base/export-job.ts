import path from "node:path";
import { checkWritten, writeModel } from "../model/write/write-model";
import { Interrupted, type JobChannel, type JobTools, namedModel } from "../tuning/job-tools";
import type { Job } from "../tuning/protocol";
import { lockFolder } from "../lock";
import { writing } from "../tuning/run-folder";
import { makeTrainingFolder, refuseUsedFolder } from "./folder";
import { refuseFullDisk } from "./open";
import { exportedPage } from "./page";

/** Writes a base model as it is, dequantised and in bfloat16: what a trained one is compared with. */
export async function baseExportJob(
  job: Extract<Job, { type: "base-export" }>,
  tools: JobTools,
  channel: JobChannel,
): Promise<void> {
  const folder = path.resolve(job.out);
  await refuseUsedFolder(folder);
  const base = await tools.openBaseModel(await tools.resolveBaseModel(job.base));
  channel.send(namedModel(base));
  await refuseFullDisk(folder, base);
  const source = await tools.readModelSource(base);
  await makeTrainingFolder(folder);
  const unlock = await lockFolder(folder);
  try {
    await refuseUsedFolder(folder);
    const model = await tools.engine().openModel(base.table, { precision: "float32", weights: "stream" });
    let done = 0;
    try {
      await writing(folder, () =>
        writeModel(folder, base, source, exportedPage(base, source), (name) => {
          if (channel.stop() !== null) throw new Interrupted();
          channel.send({
            type: "progress",
            phase: "score",
            title: "Writing",
            done: done++,
            total: base.table.tensors.length,
            loss: null,
            heldOutLoss: null,
            heldOutScore: null,
            tokensPerSecond: null,
            secondsLeft: null,
          });
          return model.read(name);
        }),
      );
    } finally {
      model.close();
    }
    checkWritten(base, await tools.openBaseModel(folder));
    channel.send({ type: "done", result: { folder, report: null, early: false } });
  } finally {
    await unlock();
  }
}
