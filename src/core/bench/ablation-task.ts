import path from "node:path";
import { writeFileAtomic } from "../files";
import { readAdapter } from "../tuning/adapter";
import { RUN_FILES, writing } from "../tuning/run-folder";
import { ablationOf, PARTS, WHOLE, type Ablation } from "./ablation";
import { renderAblationPage } from "./ablation-page";
import { openForOption, type Cell } from "./cells";
import { movementOf } from "./movement";
import { DEFAULT_MEASURES } from "./result";
import { readReport, runOf } from "./run-cells";
import type { OpenedSuite } from "./suite";
import { readCells } from "./write";

/** The parts of the method on one task, as a suite. */
export async function ablationSuite(
  file: string,
  wishes: {
    readonly seeds: readonly number[];
    readonly base?: string;
    readonly steps?: number;
    readonly trainLimit?: number;
  },
): Promise<OpenedSuite> {
  const { trainLimit } = wishes;
  await openForOption(file, "--train-limit", trainLimit === undefined ? [] : [trainLimit]);
  const name = path.basename(file).replace(/(\.plumb)?\.json$/, "");
  const steps = wishes.steps === undefined ? {} : { steps: wishes.steps };
  return {
    file,
    name,
    tasks: [{ name, file }],
    bases: [{ name: "base", model: wishes.base }],
    methods: PARTS.map(({ name: part, method, biases }) => ({
      name: part,
      method,
      options: { ...steps, ...(biases === undefined ? {} : { biases: [...biases] }) },
    })),
    regimes: [{ name: "train", examples: trainLimit ?? "all", tasks: [name] }],
    seeds: wishes.seeds,
    measures: DEFAULT_MEASURES,
  };
}

/** Compares the runs that are done, and writes ablation.json and ablation.html. */
export async function writeAblation(
  out: string,
  cells: readonly Cell[],
): Promise<{ ablation: Ablation; page: string }> {
  const ended = await readCells(out, cells);
  const failed = ended.flatMap(({ cell, result }) =>
    result?.status === "failed" ? [{ cell: cell.id, reason: result.reason }] : [],
  );
  const done = ended.flatMap(({ cell, result }) => (result?.status === "done" ? [cell] : []));
  const fileOf = (cell: Cell, file: keyof typeof RUN_FILES) => path.join(runOf(out, cell), RUN_FILES[file]);
  const runs = await Promise.all(
    done.map(async (cell) => ({
      part: cell.method,
      seed: cell.seed,
      report: await readReport(fileOf(cell, "report")),
    })),
  );
  const adapters = await Promise.all(
    done
      .filter(({ method }) => method === WHOLE)
      .map(async (cell) => (await readAdapter(fileOf(cell, "adapter"))).tensors),
  );
  const ablation = ablationOf(runs, { movement: movementOf(adapters), failed });
  const page = path.join(out, "ablation.html");
  const json = path.join(out, "ablation.json");
  await writing(page, () => writeFileAtomic(page, renderAblationPage(ablation)));
  await writing(json, () => writeFileAtomic(json, `${JSON.stringify(ablation, null, 2)}\n`));
  return { ablation, page };
}
