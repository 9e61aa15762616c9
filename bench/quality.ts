/**
 * Quality on public data, tuned by Plumb with default settings and by PyTorch doing the same:
 *
 *     npm run build && npx tsx bench/quality.ts
 *
 * Each cell (task and seed) is kept as one file in bench/results/quality; cells that are there are not measured again, and a
 * run that was stopped goes on. Needs the public data (PLUMB_DATA) and Python with bench/python/requirements.txt:
 * --python, else PLUMB_PYTHON, else the cache's virtual environment. At the end it writes docs/quality.md,
 * where the results are kept in their usual place.
 */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { format, resolveConfig } from "prettier";
import { cacheFolder } from "../scripts/lib/places.mjs";
import { writeFileAtomic } from "../src/core/files";
import { cellFile, measureCell, readCell, type Cell } from "./lib/quality-cell";
import { qualityPage } from "./lib/quality-page";

const TASKS = ["darkpattern-en", "polar-en", "fallacy-en", "clickbait-en", "polar-manifest-en", "detox-en"];
const SEEDS = [1, 2, 3];
const root = path.join(__dirname, "..");
const RESULTS = path.join(root, "bench", "results", "quality");

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      tasks: { type: "string", default: TASKS.join() },
      seeds: { type: "string", default: SEEDS.join() },
      results: { type: "string", default: RESULTS },
      work: { type: "string", default: path.join(cacheFolder(), "bench", "quality") },
      python: { type: "string" },
      /** Plumb's side alone. */
      "no-torch": { type: "boolean", default: false },
      /** Forget what was measured of these cells. */
      fresh: { type: "boolean", default: false },
      /** Only write the page. */
      page: { type: "boolean", default: false },
    },
  });
  const { results, work } = values;
  const wanted = values.tasks
    .split(",")
    .flatMap((task) => values.seeds.split(",").map((seed) => ({ task, seed: Number(seed) })));
  const python = values["no-torch"]
    ? null
    : (values.python ?? process.env.PLUMB_PYTHON ?? path.join(cacheFolder(), "python", "bin", "python"));
  if (!values.page && python !== null && !existsSync(python)) {
    throw new Error(
      `${python} is not there. Make it: python3 -m venv ${path.dirname(path.dirname(python))} && ` +
        `${path.join(path.dirname(python), "pip")} install -r bench/python/requirements.txt, or leave PyTorch out with --no-torch.`,
    );
  }

  const cells: Cell[] = [];
  const failed: string[] = [];
  for (const [at, { task, seed }] of wanted.entries()) {
    const title = `${task}, seed ${seed} (${at + 1} of ${wanted.length})`;
    if (values.page) {
      const cell = await readCell(cellFile({ task, seed, results }));
      if (cell !== null) cells.push(cell);
      continue;
    }
    if (values.fresh) {
      await rm(cellFile({ task, seed, results }), { force: true });
      await rm(path.join(work, `${task}-${seed}`), { recursive: true, force: true });
    }
    try {
      const say = (what: string) => console.log(`${new Date().toISOString()} ${title}: ${what}`);
      const cell = await measureCell({ task, seed, results, work, python, say });
      cells.push(cell);
      const { plumb, torch } = cell;
      const shown = (value: number | null | undefined) => value?.toFixed(3) ?? "–";
      say(`Plumb ${shown(plumb?.figures?.main.value)}, PyTorch ${shown(torch?.figures.main.value)}`);
    } catch (error) {
      // The others go on; what fails here can be tried again by the same command.
      failed.push(title);
      const { message, stderr } = error as Error & { stderr?: string };
      console.error(`${title} failed: ${message}\n${stderr ?? ""}`);
    }
  }
  if (results === RESULTS) {
    const page = path.join(root, "docs", "quality.md");
    const content = qualityPage(cells, "npx tsx bench/quality.ts");
    await writeFileAtomic(
      page,
      await format(content, { ...(await resolveConfig(page)), parser: "markdown" }),
    );
  }
  if (failed.length > 0) throw new Error(`Not measured: ${failed.join("; ")}`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
