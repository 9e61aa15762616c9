import { baseExportJob } from "../base/export-job";
import { baseResumeJob, baseTrainJob } from "../base/train-job";
import { evalJob } from "./eval-job";
import { forecastJob } from "./forecast-job";
import type { JobChannel, JobTools } from "./job-tools";
import { planJob } from "./plan";
import { predictJob } from "./predict-job";
import type { Job } from "./protocol";
import { resumeJob } from "./resume-job";
import { tuneJob } from "./tune-job";

/*
 * How the parts of a tuning job hang together:
 * tune-job (checks, forecast, run folder) or resume-job -> carry-out -> trainer (steps, held-out part, detectors), with
 * hooks for checkpoints, log and progress -> folds -> finish (predictions, thresholds, report).
 * Below them: prepare (data to tokens), layout and labels (tokens to batches and back), order, settings, score.
 * Whoever wants a job starts a process through worker-process; serve is its other end.
 */

/**
 * Runs a job to its end: `done` or `paused` is the last thing sent.
 * @throws PlumbError or EngineError where it cannot go on.
 */
export async function runJob(job: Job, tools: JobTools, channel: JobChannel): Promise<void> {
  // The driver answers while the data are read.
  if ("engine" in job && job.type !== "plan" && job.engine.device !== "cpu") void tools.gpus();
  switch (job.type) {
    case "tune":
      return tuneJob(job, tools, channel);
    case "resume":
      return resumeJob(job, tools, channel);
    case "eval":
      return evalJob(job, tools, channel);
    case "predict":
      return predictJob(job, tools, channel);
    case "forecast":
      return forecastJob(job, tools, channel);
    case "base-train":
      return baseTrainJob(job, tools, channel);
    case "base-resume":
      return baseResumeJob(job, tools, channel);
    case "base-export":
      return baseExportJob(job, tools, channel);
    case "plan":
      await planJob(job, tools);
      channel.send({ type: "done", result: { folder: null, report: null, early: false } });
  }
}
