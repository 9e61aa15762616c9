import { existsSync } from "node:fs";
import path from "node:path";
import { shownPath } from "../data";
import { describeFirst } from "../data/issue";
import { PlumbError } from "../errors";
import { readText } from "../files";
import { BaseTraining } from "../schema";

/** A list of a base training with its paths absolute. */
export interface OpenedList {
  readonly file: string;
  readonly list: BaseTraining;
  /** Undefined for the default model. */
  readonly base: string | undefined;
  readonly tasks: readonly { readonly file: string; readonly license: string | null }[];
  readonly benchmarks: readonly string[];
}

/** @throws PlumbError where the file is no list, by field. */
export async function readTrainingList(file: string): Promise<OpenedList> {
  const shown = shownPath(file);
  const fail = (what: string) => new PlumbError("base-list", `${shown}: ${what}`);
  let json: unknown;
  try {
    json = JSON.parse(await readText(file));
  } catch (error) {
    const what = error instanceof SyntaxError ? "not JSON" : "cannot be read";
    throw fail(
      `${what} (${(error as Error).message}). Name a list of tasks; docs/base-training.md says what stands in one.`,
    );
  }
  const parsed = BaseTraining.safeParse(json);
  if (!parsed.success) {
    throw fail(
      `${describeFirst(parsed.error, json).message} Correct it; docs/base-training.md lists the fields.`,
    );
  }
  return openList(parsed.data, file, fail);
}

/** Paths of a list that was read before. */
export function openList(
  list: BaseTraining,
  file: string,
  fail = (what: string) => new PlumbError("base-list", `${shownPath(file)}: ${what}`),
): OpenedList {
  const folder = path.dirname(path.resolve(file));
  const tasks = list.tasks.map((entry) => {
    const { task, license = null } = typeof entry === "string" ? { task: entry } : entry;
    return { file: path.resolve(folder, task), license };
  });
  const benchmarks = list.benchmarks.map((benchmark) => path.resolve(folder, benchmark));
  for (const [field, files] of [
    ["tasks", tasks.map((task) => task.file)],
    ["benchmarks", benchmarks],
  ] as const) {
    const twice = files.find((one, i) => files.indexOf(one) !== i);
    if (twice !== undefined) throw fail(`field "${field}" names ${shownPath(twice)} twice. Remove one.`);
  }
  const both = tasks.find((task) => benchmarks.includes(task.file));
  if (both !== undefined) {
    throw fail(
      `${shownPath(both.file)} is to be learned and is a benchmark at once. Take it out of "tasks" or of "benchmarks".`,
    );
  }
  const beside = list.base === undefined ? undefined : path.resolve(folder, list.base);
  const base = beside !== undefined && existsSync(beside) ? beside : list.base;
  return { file: path.resolve(file), list, base, tasks, benchmarks };
}
