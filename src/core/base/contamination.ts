import path from "node:path";
import { answerOf, shownPath, type LoadedExample, type LoadedTask } from "../data";
import { comparedText, Sketches } from "../data/duplicates";
import { PlumbError } from "../errors";
import type { Contamination, Overlap } from "../schema";
import { Passages } from "./passages";

/** An answer shorter than this (as it is compared) is a word or a phrase that any text may hold. */
const LEAST_ANSWER = 24;

/** What one example says: its text, and in a generation task its answers. Each is compared with each. */
function textsOf(loaded: LoadedTask, example: LoadedExample): string[] {
  const { target, references = [] } = example;
  const answers =
    loaded.task.kind === "generation" ? [...(target === undefined ? [] : [target]), ...references] : [];
  return [
    comparedText(example.text),
    ...answers.map(comparedText).filter((answer) => answer.length >= LEAST_ANSWER),
  ];
}

interface Compared {
  readonly owner: number;
  readonly example: LoadedExample;
  readonly text: string;
}

function all(tasks: readonly { loaded: LoadedTask; examples: readonly LoadedExample[] }[]): Compared[] {
  return tasks.flatMap(({ loaded, examples }, owner) =>
    examples.flatMap((example) => textsOf(loaded, example).map((text) => ({ owner, example, text }))),
  );
}

/**
 * Compares what is to be learned with what the model will be judged on: every text and every written answer, exactly, nearly
 * and by longer passages.
 * @param tasks With the examples of their training parts.
 * @param benchmarks With all their examples: their training parts too are learned from only later, by whoever is judged.
 */
export function compareWithBenchmarks(
  tasks: readonly { readonly loaded: LoadedTask; readonly examples: readonly LoadedExample[] }[],
  benchmarks: readonly LoadedTask[],
): Contamination {
  const judged = all(benchmarks.map((loaded) => ({ loaded, examples: loaded.examples })));
  const learned = all(tasks);
  const exact = new Map<string, number>();
  judged.forEach(({ text }, at) => {
    if (!exact.has(text)) exact.set(text, at);
  });
  const sketches = Sketches.of([...judged, ...learned].map(({ text }) => text));
  const near = new Map(
    sketches
      .closest(
        learned.map((_, at) => judged.length + at),
        judged.map((_, at) => at),
      )
      .map((pair) => [pair.first - judged.length, pair] as const),
  );
  const passages = new Passages(judged.map(({ text }) => text));

  const leftOut: Map<string, Overlap>[] = tasks.map(() => new Map<string, Overlap>());
  learned.forEach(({ owner, example, text }, at) => {
    const found = leftOut[owner]!;
    if (found.has(example.id)) return;
    const say = (kind: Overlap["kind"], other: number, similarity: number) => {
      const { owner: benchmark, example: known } = judged[other]!;
      found.set(example.id, {
        id: example.id,
        file: example.file,
        line: example.line,
        benchmark: benchmarks[benchmark]!.task.name,
        benchmarkId: known.id,
        kind,
        similarity,
      });
    };
    const same = exact.get(text);
    if (same !== undefined) {
      say("same", same, 1);
      return;
    }
    const pair = near.get(at);
    if (pair !== undefined) {
      say("near", pair.second, pair.similarity);
      return;
    }
    const passage = passages.find(text);
    if (passage !== null) say("passage", passage.text, passage.words);
  });
  return {
    version: 1,
    benchmarks: benchmarks.map(({ task, path: file, examples }) => ({
      name: task.name,
      file,
      texts: examples.length,
    })),
    sharedSources: tasks.flatMap(({ loaded }) => benchmarks.flatMap((other) => sharedSources(loaded, other))),
    tasks: tasks.map(({ loaded, examples }, i) => ({
      name: loaded.task.name,
      examples: examples.length,
      leftOut: [...leftOut[i]!.values()],
    })),
  };
}

/** Where the examples say that they come from; a line's number behind it is no part of that. */
const sourcesOf = (loaded: LoadedTask) =>
  new Set(
    loaded.examples.flatMap(({ source }) => (source === undefined ? [] : [source.replace(/[:#]\d+$/, "")])),
  );

function sharedSources(task: LoadedTask, benchmark: LoadedTask): Contamination["sharedSources"] {
  const shared = (by: "name" | "examples file" | "source", what: string) => ({
    task: task.task.name,
    benchmark: benchmark.task.name,
    by,
    what,
  });
  const nameOf = (loaded: LoadedTask) => comparedText(loaded.task.name);
  const files = new Set(benchmark.files.map(({ path: file }) => file));
  const sources = sourcesOf(benchmark);
  return [
    ...(nameOf(task) === nameOf(benchmark) ? [shared("name", task.task.name)] : []),
    ...task.files.filter((file) => files.has(file.path)).map((file) => shared("examples file", file.path)),
    ...[...sourcesOf(task)].filter((source) => sources.has(source)).map((source) => shared("source", source)),
  ];
}

/** What was found, a sentence each. */
export function contaminationSentences({
  tasks,
  benchmarks,
  sharedSources: shared,
}: Contamination): string[] {
  const count = tasks.reduce((sum, { leftOut }) => sum + leftOut.length, 0);
  const most = tasks
    .filter(({ leftOut }) => leftOut.length > 0)
    .sort((a, b) => b.leftOut.length - a.leftOut.length);
  const listed = most.map(({ name, leftOut, examples }) => `${name} ${leftOut.length} of ${examples}`);
  return [
    benchmarks.length === 0
      ? 'No benchmark is named, so nothing was compared. Name those that the model will be judged on under "benchmarks".'
      : count === 0
        ? `None of the training texts stands in the ${benchmarks.length} benchmarks.`
        : `${count} training ${count === 1 ? "example is" : "examples are"} left out because of the benchmarks: ${listed.join(", ")}.`,
    ...shared.map(
      ({ task, benchmark, by, what }) =>
        `Task ${task} and benchmark ${benchmark} share ${by === "name" ? "their name" : `the ${by} ${by === "source" ? what : path.basename(what)}`}.`,
    ),
  ];
}

/** @throws PlumbError where a task has next to nothing left. */
export function refuseOverlapping(
  loaded: LoadedTask,
  { examples, leftOut }: Contamination["tasks"][number],
  least: number,
): void {
  if (examples - leftOut.length >= least) return;
  const other = leftOut[0]?.benchmark;
  throw new PlumbError(
    "base-overlap",
    other === undefined
      ? `${shownPath(loaded.path)} has ${examples} examples to learn from, and at least ${least} are needed. Take it out of the list, or label more texts.`
      : `${shownPath(loaded.path)} cannot be learned: ${leftOut.length} of its ${examples} training examples stand in benchmarks (${other} first). Take it out of "tasks", or the benchmark out of "benchmarks".`,
  );
}

/** The examples that are not left out. */
export function cleanExamples(
  loaded: LoadedTask,
  examples: readonly LoadedExample[],
  { leftOut }: Contamination["tasks"][number],
): LoadedExample[] {
  const out = new Set(leftOut.map(({ id }) => id));
  return examples.filter((example) => !out.has(example.id) && answerOf(loaded.task, example) !== null);
}
