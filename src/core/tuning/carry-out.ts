import type { Session } from "../engine";
import { PlumbError } from "../errors";
import { readAdapter, writeAdapter } from "./adapter";
import { readCheckpoint, type Snapshot } from "./checkpoint";
import { finishRun } from "./finish";
import { tuneFolds } from "./folds";
import { Interrupted } from "./job-tools";
import { itemsOf } from "./prepare";
import { readIfThere, type Run } from "./run";
import { removeCheckpoints, writing } from "./run-folder";
import { trainingHooks } from "./hooks";
import { methodSpec, promptParameters, vectorsOf } from "./methods";
import type { TuningSettings } from "./settings";
import { train } from "./trainer";
import { say } from "../say";

/** Tunes what is not tuned yet, scores, reports. Sends `done` or `paused`. */
export async function carryOut(run: Run): Promise<void> {
  const { channel } = run;
  const pausedAt = async (step: number) => {
    await run.update({ status: "paused", reason: say`Stopped by the user.` });
    channel.send({ type: "paused", folder: run.folder, step });
  };
  try {
    const tuned = await run.withinMemory("final", () => tuneFinal(run));
    if (tuned.kind === "paused") {
      await pausedAt(tuned.step);
      return;
    }
    if (tuned.kind === "trouble") {
      await run.update({ status: "trouble", reason: tuned.message });
      await removeCheckpoints(run.folder);
      throw new PlumbError(tuned.code, tuned.message);
    }
    const { snapshot, bestStep, early } = tuned;
    const outOfFold = await tuneFolds(run);
    const report = await run.withinMemory("report", () => finishRun(run, snapshot, outOfFold));
    await run.update({ status: "finished", reason: null, seconds: run.seconds, bestStep });
    await removeCheckpoints(run.folder);
    channel.send({ type: "done", result: { folder: run.folder, report, early } });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    await pausedAt(run.manifest.settings.steps);
  }
}

type Tuned =
  | { kind: "tuned"; snapshot: Snapshot; bestStep: number; early: boolean }
  | { kind: "paused"; step: number }
  | { kind: "trouble"; code: string; message: string };

/** Trains the run's adapter and writes it, unless that was done already. */
async function tuneFinal(run: Run): Promise<Tuned> {
  const { loaded, base, layout, parts, manifest } = run;
  const adapterFile = run.file("adapter");
  const checkpointFile = run.checkpoint("final.safetensors");
  const resume = await readIfThere(checkpointFile, readCheckpoint);
  if (resume !== null) {
    await run.noteResumed("final", resume.losses.length, resume.seconds);
    // The adapter is written behind the last checkpoint.
    if ((await readIfThere(adapterFile, readAdapter)) !== null) {
      const bestStep = resume.best?.step ?? resume.losses.length;
      return {
        kind: "tuned",
        snapshot: resume,
        bestStep,
        early: resume.losses.length < manifest.settings.steps,
      };
    }
  }
  const session = await run.openSession();
  try {
    const outcome = await train(
      {
        session,
        layout,
        fit: itemsOf(loaded.task, layout, base, parts.fit),
        heldOut: itemsOf(loaded.task, layout, base, parts.heldOut),
        settings: manifest.settings,
        budget: run.budget,
        resume,
      },
      trainingHooks(run, checkpointFile, "tune", "Tuning"),
    );
    if (outcome.kind === "paused") return { kind: "paused", step: outcome.snapshot.losses.length };
    if (outcome.kind === "trouble") return { kind: "trouble", ...outcome.trouble };
    const { snapshot, best, early } = outcome;
    const { parameters, values } = await adapterOf(session, best.parameters, manifest.settings);
    await writing(adapterFile, () => writeAdapter(adapterFile, run.adapterInfo(null), parameters, values));
    return { kind: "tuned", snapshot, bestStep: best.step, early };
  } finally {
    session.close();
  }
}

/** What is kept of a tuned session: of an encoder of the prompt nothing but the vectors that it makes. */
async function adapterOf(session: Session, best: Float32Array, settings: TuningSettings) {
  if (methodSpec(settings).promptEncoder === undefined)
    return { parameters: session.parameters, values: best };
  await session.write(best);
  const values = await session.prompt();
  const { left, right } = vectorsOf(settings);
  return { parameters: promptParameters(settings, values.length / (left + right)), values };
}
