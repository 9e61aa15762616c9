import type { Session } from "../engine";
import { PlumbError } from "../errors";
import { loadAdapter, readAdapter, writeAdapter } from "./adapter";
import { readCheckpoint, type Snapshot } from "./checkpoint";
import { finishRun } from "./finish";
import { tuneFolds } from "./folds";
import { Interrupted } from "./job-tools";
import { itemsOf } from "./prepare";
import { readIfThere, type Run } from "./run";
import { writing } from "./run-folder";
import { trainingHooks } from "./hooks";
import { train } from "./trainer";

/** Tunes what is not tuned yet, scores, reports. Sends `done` or `paused`. */
export async function carryOut(run: Run): Promise<void> {
  const { channel } = run;
  const pausedAt = async (step: number) => {
    await run.update({ status: "paused", reason: "Stopped by the user." });
    channel.send({ type: "paused", folder: run.folder, step });
  };
  try {
    const tuned = await tuneFinal(run);
    if (tuned.kind === "paused") {
      await pausedAt(tuned.step);
      return;
    }
    if (tuned.kind === "trouble") {
      await run.update({ status: "trouble", reason: tuned.message });
      throw new PlumbError(tuned.code, tuned.message);
    }
    const { session, snapshot, bestStep, early } = tuned;
    try {
      const outOfFold = await tuneFolds(run);
      const report = await finishRun(run, session, snapshot, outOfFold);
      await run.update({ status: "finished", reason: null, seconds: run.seconds, bestStep });
      channel.send({ type: "done", result: { folder: run.folder, report, early } });
    } finally {
      session.close();
    }
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    await pausedAt(run.manifest.settings.steps);
  }
}

type Tuned =
  | { kind: "tuned"; session: Session; snapshot: Snapshot; bestStep: number; early: boolean }
  | { kind: "paused"; step: number }
  | { kind: "trouble"; code: string; message: string };

/** The adapter of the run: trained, or read where it was trained already. */
async function tuneFinal(run: Run): Promise<Tuned> {
  const { loaded, base, layout, parts, manifest } = run;
  const adapterFile = run.file("adapter");
  const checkpointFile = run.checkpoint("final.safetensors");
  const session = await run.openSession();
  let keep = false;
  try {
    const resume = await readIfThere(checkpointFile, readCheckpoint);
    const adapter = resume === null ? null : await readIfThere(adapterFile, readAdapter);
    if (resume !== null) {
      run.secondsBefore = resume.seconds;
      await run.noteResumed("final", resume.losses.length);
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
        budget: run.budget,
        resume,
      },
      trainingHooks(run, checkpointFile, "tune", "Tuning"),
    );
    if (outcome.kind === "paused") return { kind: "paused", step: outcome.snapshot.losses.length };
    if (outcome.kind === "trouble") return { kind: "trouble", ...outcome.trouble };
    const { snapshot, best, early } = outcome;
    await writing(adapterFile, () =>
      writeAdapter(adapterFile, run.adapterInfo(null), session.parameters, best.parameters),
    );
    keep = true;
    return { kind: "tuned", session, snapshot, bestStep: best.step, early };
  } finally {
    if (!keep) session.close();
  }
}
