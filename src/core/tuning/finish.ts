import type { LoadedExample } from "../data";
import type { MethodSpec, Session } from "../engine";
import { writeFileAtomic } from "../files";
import type { Prediction, Report } from "../schema";
import { loadAdapter, readAdapter, writeAdapter } from "./adapter";
import type { Snapshot } from "./checkpoint";
import { scoringHook } from "./job-tools";
import { predictExamples } from "./predict";
import { untunedLayout } from "./prepare";
import { repeatCommand } from "./repeat";
import { parameterCount, reportRun, totalParameters } from "./result";
import type { Run } from "./run";
import { adapterSpec } from "./methods";
import { countTestLook, jsonLines, writing } from "./run-folder";

/**
 * Scores the held-out and the test part, the latter also with the base model untuned; writes predictions, report and, for
 * a multi-label task, the adapter once more with its thresholds.
 */
export async function finishRun(
  run: Run,
  snapshot: Snapshot,
  outOfFold: Prediction[] | null,
): Promise<Report> {
  // A session of its own: one that has trained still holds its activations.
  const method = adapterSpec(run.manifest.settings);
  return withSession(run, method, async (session) => {
    await loadAdapter(await readAdapter(run.file("adapter")), session);
    return scoreAndReport(run, session, snapshot, outOfFold);
  });
}

async function scoreAndReport(
  run: Run,
  session: Session,
  snapshot: Snapshot,
  outOfFold: Prediction[] | null,
): Promise<Report> {
  const { manifest, loaded, base, layout, parts, tools } = run;
  const score = (
    part: Prediction["part"],
    examples: readonly LoadedExample[],
    title: string,
    by = { session, layout },
  ) =>
    predictExamples(
      { ...by, base, budget: run.budget.score, part },
      examples,
      scoringHook(run.channel, title, examples.length),
    );
  const heldOut = await score("held-out", parts.heldOut, "Scoring the held-out part");
  const testLooks = await countTestLook(loaded.folder, manifest.id, manifest.split.test, tools.now());
  const test = await score("test", parts.test, "Scoring the test part");
  const untuned = await withSession(run, { promptLength: 0, biases: [] }, (plain) =>
    score("test", parts.test, "Asking the base model untuned", {
      session: plain,
      layout: untunedLayout(loaded.task, base, manifest.settings, manifest.answerRoom),
    }),
  );
  const file = run.file("predictions");
  await writing(file, () => writeFileAtomic(file, jsonLines([...test, ...heldOut, ...(outOfFold ?? [])])));

  const trainedParameters = parameterCount(session);
  const { report, thresholds } = await reportRun(run.folder, {
    task: loaded.task,
    parts,
    predictions: test,
    untuned,
    heldOut,
    outOfFold,
    testLooks,
    run: {
      id: manifest.id,
      method: manifest.settings.method,
      baseModel: base.name,
      seed: manifest.settings.seed,
      startedAt: manifest.createdAt,
      seconds: run.seconds,
      tokensPerSecond: snapshot.tokens / Math.max(1e-3, snapshot.seconds),
      peakBytes: tools.peakMemory(),
      trainedParameters,
      totalParameters: totalParameters(base.parameterCount, trainedParameters, manifest.settings),
      device: manifest.engine.device,
      precision: manifest.engine.precision,
      repeat: repeatCommand(manifest, base.table.config.contextLength),
      history: historyOf(snapshot),
    },
  });
  if (thresholds !== null) {
    const adapterFile = run.file("adapter");
    const values = await session.read();
    await writing(adapterFile, () =>
      writeAdapter(adapterFile, run.adapterInfo(thresholds), session.parameters, values),
    );
  }
  run.log({ event: "finished", at: tools.now().toISOString(), seconds: run.seconds });
  return report;
}

/** A session for scoring, for as long as the work takes. */
async function withSession<T>(
  run: Run,
  method: MethodSpec,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await run.model.openSession({ method });
  try {
    return await work(session);
  } finally {
    session.close();
  }
}

function historyOf(snapshot: Snapshot): Report["run"]["history"] {
  const looks = new Map(snapshot.evaluations.map((look) => [look.step, look]));
  return snapshot.losses.map((loss, i) => {
    const { loss: heldOutLoss, score } = looks.get(i + 1) ?? {};
    return {
      step: i + 1,
      loss,
      ...(heldOutLoss === undefined ? {} : { heldOutLoss }),
      ...(score === undefined || score === null ? {} : { heldOutScore: score }),
    };
  });
}
