import { existsSync } from "node:fs";
import path from "node:path";
import { PlumbError } from "../errors";
import { readText } from "../files";
import { shownPath } from "../data";
import { describeFirst } from "../data/issue";
import { type Measures, Suite, type MethodName } from "../schema";
import { DEFAULT_MEASURES } from "./result";
import type { TuningOptions } from "../tuning/settings";

/** A suite with its names filled in and its paths absolute. */
export interface OpenedSuite {
  readonly file: string;
  readonly name: string;
  readonly tasks: readonly { readonly name: string; readonly file: string }[];
  /** `model` is undefined for the default model. */
  readonly bases: readonly { readonly name: string; readonly model: string | undefined }[];
  readonly methods: readonly {
    readonly name: string;
    readonly method: MethodName;
    readonly options: TuningOptions;
  }[];
  readonly regimes: readonly {
    readonly name: string;
    readonly examples: number | "all";
    readonly tasks: readonly string[];
  }[];
  readonly seeds: readonly number[];
  readonly measures: Measures;
}

/** @throws PlumbError where the file is no suite, by field. */
export async function readSuite(file: string): Promise<OpenedSuite> {
  const shown = shownPath(file);
  const fail = (what: string) => new PlumbError("suite", `${shown}: ${what}`);
  let json: unknown;
  try {
    json = JSON.parse(await readText(file));
  } catch (error) {
    const what = error instanceof SyntaxError ? "not JSON" : "cannot be read";
    throw fail(
      `${what} (${(error as Error).message}). Name a suite file; docs/bench.md says what stands in one.`,
    );
  }
  const parsed = Suite.safeParse(json);
  if (!parsed.success) {
    throw fail(`${describeFirst(parsed.error, json).message} Correct it; docs/bench.md lists the fields.`);
  }
  const suite = parsed.data;
  const folder = path.dirname(path.resolve(file));
  const tasks = suite.tasks.map((task) => ({
    name: path.basename(task).replace(/(\.plumb)?\.json$/, ""),
    file: path.resolve(folder, task),
  }));
  const known = new Map(suite.tasks.map((task, i) => [task, tasks[i]!.name]));
  const bases = (suite.bases ?? [{ name: "default", model: null }]).map((base) => {
    if (typeof base !== "string" && base.model === null) return { name: base.name, model: undefined };
    const model = typeof base === "string" ? base : base.model;
    const beside = path.resolve(folder, model);
    return {
      name: typeof base === "string" ? path.basename(base) : base.name,
      model: existsSync(beside) ? beside : model,
    };
  });
  const methods = suite.methods.map((entry) =>
    typeof entry === "string"
      ? { name: entry, method: entry, options: {} }
      : { name: entry.name, method: entry.method, options: entry.options ?? {} },
  );
  const regimes = suite.regimes.map((regime) => ({
    name: regime.name,
    examples: regime.examples,
    tasks: (regime.tasks ?? suite.tasks).map((task) => {
      const found = known.get(task);
      if (found !== undefined) return found;
      throw fail(
        `regime "${regime.name}" names task "${task}", which does not stand under "tasks". Add it there.`,
      );
    }),
  }));
  const lists = {
    tasks,
    bases,
    methods,
    regimes,
    seeds: suite.seeds.map((seed) => ({ name: String(seed) })),
  };
  for (const [field, entries] of Object.entries(lists)) {
    const names = entries.map((entry) => entry.name);
    const twice = names.find((each, i) => names.indexOf(each) !== i);
    if (twice !== undefined)
      throw fail(`field "${field}" has "${twice}" twice. Give each entry a name of its own.`);
  }
  return {
    file: path.resolve(file),
    name: suite.name,
    tasks,
    bases,
    methods,
    regimes,
    seeds: suite.seeds,
    measures: suite.measures ?? DEFAULT_MEASURES,
  };
}
