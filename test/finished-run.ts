import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { buildReport } from "../src/core/report";
import type { Example, Manifest, Prediction, Task } from "../src/core/schema";
import { RUN_FILES, textHash } from "../src/core/tuning/run-folder";
import { resolveSettings } from "../src/core/tuning/settings";
import { run } from "./unit/report/samples";

/**
 * Writes a finished run beside a task, as a run with folds leaves it, without any tuning.
 * @param parts Labelled examples of the task.
 * @param scores What the model, not fitted to the text, made of an example.
 * @param options.texts Whether the run names its texts by hash, as older ones do not.
 * @returns The run folder.
 */
export async function writeFinishedRun(
  taskFile: string,
  task: Task,
  parts: { readonly train: Example[]; readonly test: Example[] },
  scores: (example: Example) => number[],
  options: {
    readonly id?: string;
    readonly startedAt?: string;
    readonly folds?: boolean;
    readonly texts?: boolean;
  } = {},
): Promise<string> {
  const { id = run.id, startedAt = run.startedAt, folds = true, texts = true } = options;
  const used = [...parts.train, ...parts.test];
  const folder = path.join(path.dirname(taskFile), ".plumb", "runs", id);
  const predict = (part: Prediction["part"]) => (example: Example) => ({
    id: example.id,
    part,
    scores: scores(example),
  });
  const heldOut = parts.train.slice(0, Math.ceil(parts.train.length / 5));
  const predictions = {
    test: parts.test.map(predict("test")),
    heldOut: heldOut.map(predict("held-out")),
    outOfFold: folds ? parts.train.map(predict("out-of-fold")) : [],
  };
  const report = buildReport({
    task,
    train: parts.train,
    test: parts.test,
    predictions: predictions.test,
    untuned: null,
    heldOut: { examples: heldOut, predictions: predictions.heldOut },
    outOfFold: folds ? { examples: parts.train, predictions: predictions.outOfFold } : null,
    run: { ...run, id, startedAt },
    testLooks: 1,
  });
  const manifest: Manifest = {
    version: 1,
    id,
    createdAt: startedAt,
    program: "0.1.0",
    status: "finished",
    reason: null,
    task: { file: path.relative(folder, taskFile), hash: "", content: task },
    data: [],
    split: {
      made: "given",
      seed: null,
      testShare: null,
      train: parts.train.map((example) => example.id),
      test: parts.test.map((example) => example.id),
    },
    heldOut: heldOut.map((example) => example.id),
    contents: {},
    ...(texts ? { texts: Object.fromEntries(used.map(({ id, text }) => [id, textHash(text)])) } : {}),
    folds: null,
    settings: resolveSettings({}, { kind: task.kind, examples: parts.train.length, contextLength: 2048 }),
    answerRoom: 8,
    baseModel: {
      name: "Tiny",
      path: "tiny.gguf",
      format: "gguf",
      family: "llama",
      fingerprint: "",
      license: null,
      parameterCount: 1,
    },
    engine: {
      device: "cpu",
      place: "cpu",
      precision: "float32",
      threads: 1,
      weights: "keep",
      checkpoint: false,
      optimizer: "adamw",
      trainRows: 1,
      scoreRows: 1,
    },
    cutTexts: 0,
    decisions: [],
    resumed: [],
    bestStep: 1,
    seconds: 1,
  };
  await mkdir(folder, { recursive: true });
  const write = (name: string, text: string) => writeFile(path.join(folder, name), text);
  await write(RUN_FILES.manifest, JSON.stringify(manifest));
  await write(RUN_FILES.report, JSON.stringify(report));
  const rows = [...predictions.test, ...predictions.heldOut, ...predictions.outOfFold];
  await write(RUN_FILES.predictions, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return folder;
}
