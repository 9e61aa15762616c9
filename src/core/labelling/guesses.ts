import { readFile } from "node:fs/promises";
import path from "node:path";
import { Prediction, Report, type Task } from "../schema";
import { readManifest, RUN_FILES } from "../tuning/run-folder";

/** What a run's model said of an example. */
export interface ModelAnswer {
  /** `out-of-fold`, `held-out` and `test`: the model was not fitted to the text. */
  readonly part: Prediction["part"];
  /** Hash of the text that was judged: another under the same id was not. */
  readonly text: string;
  /** P(label | text) in the order of the task's labels as they are now; null for generation. */
  readonly scores: readonly number[] | null;
  readonly output: string | null;
}

/** What a finished run says of a task's examples, by id. */
export interface RunGuesses {
  readonly folder: string;
  /** Labels of the task as it is now. */
  readonly labels: readonly string[];
  /** Multi-label tasks: from which probability on each label applies; else null. */
  readonly thresholds: readonly number[] | null;
  readonly answers: ReadonlyMap<string, ModelAnswer>;
  /** Whether there are predictions of models that had not seen the text. */
  readonly folds: boolean;
  /** Ids that the run's adapter was fitted to. */
  readonly fitted: ReadonlySet<string>;
  /** Ids of the run's test part. */
  readonly test: ReadonlySet<string>;
}

const DEFAULT_THRESHOLD = 0.5;

/**
 * Reads what a run predicted. A label that the run did not know has probability 0.
 * @throws where the run's files are missing or of another form.
 */
export async function readGuesses(folder: string, task: Pick<Task, "kind" | "labels">): Promise<RunGuesses> {
  const manifest = await readManifest(folder);
  const text = await readFile(path.join(folder, RUN_FILES.predictions), "utf8");
  const report = Report.parse(JSON.parse(await readFile(path.join(folder, RUN_FILES.report), "utf8")));
  const labels = (task.labels ?? []).map(({ name }) => name);
  const known = (manifest.task.content.labels ?? []).map(({ name }) => name);
  const places = labels.map((name) => known.indexOf(name));
  const answers = new Map<string, ModelAnswer>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const { id, part, scores, output } = Prediction.parse(JSON.parse(line));
    const judged = manifest.texts?.[id];
    if (judged === undefined) continue; // of an older run: nobody can tell which text it was
    // A text of the held-out part has an out-of-fold prediction too, which stands later and counts.
    answers.set(id, {
      part,
      text: judged,
      scores: scores === undefined ? null : places.map((at) => scores[at] ?? 0),
      output: output ?? null,
    });
  }
  const thresholds = new Map(
    (report.classification?.classes ?? []).map(({ label, threshold }) => [label, threshold?.value]),
  );
  return {
    folder,
    labels,
    thresholds:
      task.kind === "multi" ? labels.map((label) => thresholds.get(label) ?? DEFAULT_THRESHOLD) : null,
    answers,
    folds: [...answers.values()].some(({ part }) => part === "out-of-fold"),
    fitted: new Set(manifest.split.train),
    test: new Set(manifest.split.test),
  };
}
