import path from "node:path";
import { PlumbError } from "../errors";
import { writeFileAtomic } from "../files";
import type { MethodName } from "../schema";
import { DEFAULT_METHOD } from "../tuning/methods";
import { RUN_FILES, writing } from "../tuning/run-folder";
import { openForOption, type Cell } from "./cells";
import { defaultSizes, learningCurve, type Curve } from "./curve";
import { renderCurvePage } from "./curve-page";
import { DEFAULT_MEASURES } from "./result";
import { readReport, runOf } from "./run-cells";
import type { OpenedSuite } from "./suite";
import { readCells } from "./write";

/** The curve of a task as a suite: a regime for each size. */
export async function curveSuite(
  file: string,
  wishes: {
    readonly seeds: readonly number[];
    readonly sizes?: readonly (number | "all")[];
    readonly method?: MethodName;
    readonly base?: string;
    readonly steps?: number;
  },
): Promise<OpenedSuite> {
  const asked = (wishes.sizes ?? []).filter((size) => size !== "all");
  const { task, train } = await openForOption(file, "--sizes", asked);
  const sizes = wishes.sizes ?? defaultSizes(train);
  const name = path.basename(file).replace(/(\.plumb)?\.json$/, "");
  const method = wishes.method ?? task.method ?? DEFAULT_METHOD;
  const unique = [...new Set(sizes.map((size) => (size === train ? "all" : size)))];
  return {
    file,
    name: task.name,
    tasks: [{ name, file }],
    bases: [{ name: "base", model: wishes.base }],
    methods: [{ name: method, method, options: wishes.steps === undefined ? {} : { steps: wishes.steps } }],
    regimes: unique.map((size) => ({ name: String(size), examples: size, tasks: [name] })),
    seeds: wishes.seeds,
    measures: DEFAULT_MEASURES,
  };
}

/** Fits the curve from runs that are done, and writes curve.json and curve.html. */
export async function curveOf(
  out: string,
  cells: readonly Cell[],
): Promise<{ curve: Curve; page: string; failed: { cell: string; reason: string }[] }> {
  const ended = await readCells(out, cells);
  const failed = ended.flatMap(({ cell, result }) =>
    result?.status === "failed" ? [{ cell: cell.id, reason: result.reason }] : [],
  );
  const done = ended.filter(({ result }) => result?.status === "done");
  if (new Set(done.map(({ cell }) => cell.examples)).size < 3 && failed.length > 0) {
    const reasons = failed.map(({ cell, reason }) => `  ${cell}: ${reason}`).join("\n");
    throw new PlumbError(
      "curve",
      `Too few runs ended well for a curve. These failed; correct what they say, or leave their sizes out with --sizes:\n${reasons}`,
    );
  }
  const curve = learningCurve(
    await Promise.all(
      done.map(async ({ cell }) => ({
        examples: cell.examples,
        seed: cell.seed,
        report: await readReport(path.join(runOf(out, cell), RUN_FILES.report)),
      })),
    ),
  );
  const page = path.join(out, "curve.html");
  const json = path.join(out, "curve.json");
  await writing(page, () => writeFileAtomic(page, renderCurvePage(curve)));
  await writing(json, () => writeFileAtomic(json, `${JSON.stringify(curve, null, 2)}\n`));
  return { curve, page, failed };
}
