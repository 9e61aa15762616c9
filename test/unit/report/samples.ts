import type { ReportInput } from "../../../src/core/report";
import { seededRandom } from "../../../src/core/random";
import type { Example, Prediction, Task } from "../../../src/core/schema";

const WORDS = [
  "now",
  "last",
  "price",
  "please",
  "dear",
  "never",
  "your",
  "street",
  "скидка",
  "только",
  "today",
];

export const run: ReportInput["run"] = {
  id: "2026-01-02T03-04-05Z-ptuning-bias",
  method: "ptuning-bias",
  baseModel: "Tiny",
  seed: 7,
  startedAt: "2026-01-02T03:04:05Z",
  seconds: 61,
  tokensPerSecond: 1500,
  peakBytes: 812e6,
  trainedParameters: 1000,
  totalParameters: 1_000_000,
  device: "cpu",
  precision: "float32",
  history: [
    { step: 1, loss: 1.4 },
    { step: 2, loss: 0.9, heldOutLoss: 1.1, heldOutScore: 0.4 },
  ],
};

/**
 * Random texts that nothing in their words explains, and predictions right as often as asked.
 * @param skill how often the run is right; the untuned base model is right as often as chance has it
 */
export function sample(
  kind: "single" | "multi",
  options: { labels: number; train: number; test: number; skill: number; seed?: number },
): ReportInput {
  const random = seededRandom(options.seed ?? 1);
  const names = Array.from({ length: options.labels }, (_, index) => `label ${index}`);
  const pick = () => names[Math.floor(random() * names.length)]!;
  const answer = () =>
    kind === "single" ? { label: pick() } : { labels: names.filter(() => random() < 0.4) };
  const example = (part: "train" | "test", index: number): Example => ({
    id: `${part}-${index}`,
    text: Array.from({ length: 6 }, () => WORDS[Math.floor(random() * WORDS.length)]!).join(" "),
    ...answer(),
  });
  const train = Array.from({ length: options.train }, (_, index) => example("train", index));
  const test = Array.from({ length: options.test }, (_, index) => example("test", index));
  const predict =
    (skill: number, part: Prediction["part"]) =>
    (one: Example): Prediction => {
      const given =
        random() < skill
          ? (one.labels ?? [one.label!])
          : kind === "single"
            ? [pick()]
            : names.filter(() => random() < 0.4);
      const scores = names.map((name) => (given.includes(name) ? 0.6 + 0.4 * random() : 0.3 * random()));
      const sum = scores.reduce((total, score) => total + score, 0);
      return { id: one.id, part, scores: kind === "single" ? scores.map((score) => score / sum) : scores };
    };
  const heldOut = train.slice(0, Math.ceil(train.length / 4));
  const task: Task = {
    version: 1,
    name: "sample",
    kind,
    labels: names.map((name) => ({ name })),
    examples: "x.jsonl",
  };
  return {
    task,
    train,
    test,
    predictions: test.map(predict(options.skill, "test")),
    untuned: test.map(predict(0, "test")),
    heldOut: { examples: heldOut, predictions: heldOut.map(predict(options.skill, "held-out")) },
    outOfFold: null,
    run,
    testLooks: 1,
  };
}

/** A generation task whose outputs are the wanted ones, every n-th time the input itself. */
export function generationSample(test: number, copied: number): ReportInput {
  const examples = Array.from({ length: test }, (_, index): Example => ({
    id: `g-${index}`,
    text: `Вот какой текст номер ${index} был`,
    target: `ответ ${index} по делу`,
    references: [`ответ ${index} по делу`, `по делу ответ ${index}`],
  }));
  return {
    task: { version: 1, name: "rewrite", kind: "generation", examples: "x.jsonl" },
    train: [],
    test: examples,
    predictions: examples.map(({ id, text, references }, index) => ({
      id,
      part: "test",
      output: index % copied === 0 ? text : references![index % 2]!,
    })),
    untuned: null,
    heldOut: { examples: [], predictions: [] },
    outOfFold: null,
    run,
    testLooks: 1,
  };
}
