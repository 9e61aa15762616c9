import { checkTask, loadTask } from "../data";
import { Interrupted, type JobChannel, type JobTools, namedModel } from "./job-tools";
import { budgetOf, openForTuning, openTuningSession } from "./open";
import { refuseHeldTask } from "../runs/task-lock";
import { DataRefusal, prepareRun, type PreparedRun } from "./prepare";
import { hasMeasuredRates } from "./probe";
import type { Job } from "./protocol";
import { secondsOfRun, timeOneStep } from "./timing";

/**
 * Tells what a run would do and cost, and what speaks against it, without making one: `checked` as soon as the examples are
 * read, again where the model finds more, and `planned` once a step has been timed. Nothing is written. A task that cannot be
 * run has no plan.
 * @throws PlumbError where another process works on the task: a plan would take its processors for nothing.
 */
export async function forecastJob(
  job: Extract<Job, { type: "forecast" }>,
  tools: JobTools,
  channel: JobChannel,
): Promise<void> {
  const end = () => channel.send({ type: "done", result: { folder: null, report: null, early: false } });
  const loaded = await loadTask(job.task);
  await refuseHeldTask(loaded.path);
  const check = checkTask(loaded, null);
  channel.send({ type: "checked", check });
  if (!check.runnable) {
    end();
    return;
  }
  let prepared: PreparedRun;
  try {
    prepared = await prepareRun(loaded, job, tools, (base) => {
      channel.send(namedModel(base));
    });
  } catch (error) {
    if (!(error instanceof DataRefusal)) throw error;
    // What only the model shows, such as texts that it cannot read whole: with its places, as all that was checked.
    const findings = [...error.errors, ...check.findings];
    channel.send({ type: "checked", check: { ...check, runnable: false, findings } });
    end();
    return;
  }
  if (channel.stop() !== null) throw new Interrupted();
  const { task, base, settings, layout, fit, heldOut, test } = prepared;
  const opened = await openForTuning(tools, base, layout, [...fit, ...heldOut], settings, job.engine);
  try {
    const { choices } = opened;
    const open = () => openTuningSession(opened.model, task, base, settings, prepared.start.tensors, choices);
    const budget = budgetOf(choices);
    const timing = await timeOneStep(prepared, open, budget, tools);
    const folds = job.folds ?? 0;
    const probe = !hasMeasuredRates(base.parameterCount);
    channel.send({
      type: "planned",
      plan: {
        model: {
          name: base.name,
          path: base.path,
          parameters: base.parameterCount,
          license: base.license,
        },
        method: settings.method,
        seed: settings.seed,
        steps: settings.steps,
        fit: fit.length,
        heldOut: heldOut.length,
        test: test.length,
        folds,
        device: choices.device,
        precision: choices.precision,
        threads: choices.threads,
        seconds: secondsOfRun(prepared, timing, { folds, probes: probe, scoreRows: budget.score }),
        bytes: opened.bytes,
        available: opened.room.available,
        cutTexts: [...fit, ...heldOut, ...test].filter(({ text }) => text.cut).length,
        textRoom: layout.textRoom,
        probe,
        decisions: [...opened.decisions],
      },
    });
    end();
  } finally {
    opened.model.close();
  }
}
