/** Writes docs/quality.md from measured cells. */
import type { Cell, Figures } from "./quality-cell";

type Estimate = Figures["main"];

const fixed = (value: number | null | undefined) => value?.toFixed(2) ?? "–";
const withInterval = ({ value, low, high }: Estimate) =>
  value === null ? "–" : `${fixed(value)} [${fixed(low)}, ${fixed(high)}]`;
const signed = (value: number) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");

function mean(values: readonly (number | null | undefined)[]): number | null {
  const defined = values.flatMap((value) => value ?? []);
  return defined.length === 0 || defined.length < values.length
    ? null
    : defined.reduce((sum, value) => sum + value, 0) / defined.length;
}

function standardError(values: readonly number[]): number {
  const center = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - center) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}

const RIVALS: Readonly<Record<string, string>> = {
  "word-counts": "word counts",
  untuned: "untuned",
  majority: "majority",
  "every-label": "every label",
  "copy-input": "copy",
};

/** How near the means must come. */
const WANTED = 0.01;

/** How far Plumb and PyTorch are apart, over all runs and by task; nothing where there is too little to say. */
export function agreementOfMeans(
  tasks: readonly { task: string; differences: readonly number[] }[],
  all: readonly number[],
): string {
  const average = mean(all);
  if (average === null || all.length < 2) return "";
  const measured = tasks.flatMap(({ task, differences }) => {
    const center = mean(differences);
    return center === null || differences.length < 2
      ? []
      : [{ task, center, error: standardError(differences) }];
  });
  const beyond = measured
    .filter(({ center }) => Math.abs(center) >= WANTED)
    .map(({ task, center, error }) => `${task} (${signed(center)}, standard error ${error.toFixed(3)})`);
  return `Over all ${all.length} runs the difference is ${signed(average)} on average (standard error ${standardError(all).toFixed(3)}). Wanted is less than ${WANTED}:
${Math.abs(average) < WANTED ? "met" : "missed"} over all runs, and by ${measured.length - beyond.length} of ${measured.length} tasks by themselves${beyond.length === 0 ? "" : `; not by ${beyond.join(" and ")}`}.
`;
}

/** @param cells In the order of the page: by task, then by seed. */
export function qualityPage(cells: readonly Cell[], command: string): string {
  const tasks = [...new Set(cells.map(({ task }) => task))];
  const ofTask = (task: string) => cells.filter((cell) => cell.task === task);
  const [first] = cells;
  if (first === undefined) throw new Error("Nothing was measured yet.");
  const { settings } = first;
  const percent = ({ settings: { heldOutShare } }: Cell) => `${Math.round(heldOutShare * 100)} %`;
  const multi = cells.find(({ kind }) => kind === "multi");
  const heldOut = percent(first) + (multi === undefined ? "" : ` (multi-label: ${percent(multi)})`);

  const means = tasks.map((task) => {
    const own = ofTask(task);
    const main = mean(own.map(({ plumb }) => plumb?.figures?.main.value));
    const right = mean(own.map(({ plumb }) => plumb?.figures?.right.value));
    const torchMain = mean(own.map(({ torch }) => torch?.figures.main.value));
    const torchRight = mean(own.map(({ torch }) => torch?.figures.right.value));
    const rival = (name: string) => {
      const values = own.map(
        ({ plumb }) => plumb?.figures?.rivals.find((candidate) => candidate.name === name)?.main.value,
      );
      return fixed(mean(values));
    };
    const simplest =
      own[0]?.kind === "generation" ? "copy-input" : own[0]?.kind === "multi" ? "every-label" : "majority";
    const both = (a: number | null, b: number | null) => `${fixed(a)} / ${fixed(b)}`;
    return [
      task,
      String(own.length),
      both(main, right),
      both(torchMain, torchRight),
      main === null || torchMain === null ? "–" : signed(main - torchMain),
      rival("untuned"),
      rival("word-counts"),
      `${rival(simplest)} (${RIVALS[simplest] ?? simplest})`,
    ];
  });

  const differencesOf = (of: readonly Cell[]) =>
    of.flatMap(({ plumb, torch }) => {
      const own = plumb?.figures?.main.value ?? null;
      const other = torch?.figures.main.value ?? null;
      return own === null || other === null ? [] : [own - other];
    });
  const overall = agreementOfMeans(
    tasks.map((task) => ({ task, differences: differencesOf(ofTask(task)) })),
    differencesOf(cells),
  );

  const details = cells.map((cell) => {
    const { plumb, torch } = cell;
    const figures = plumb?.figures ?? null;
    return [
      cell.task,
      String(cell.seed),
      figures === null ? (plumb?.trouble ?? "–") : withInterval(figures.main),
      figures === null ? "–" : withInterval(figures.right),
      torch === null ? "–" : withInterval(torch.figures.main),
      torch === null ? "–" : withInterval(torch.figures.right),
      plumb === null ? "–" : `${plumb.bestStep ?? "–"} / ${torch?.bestStep ?? "–"}`,
      figures?.verdict ?? "–",
    ];
  });

  const agreement = cells.flatMap(({ task, seed, plumb, torch }) => {
    if (plumb === null || torch === null || torch.float64Losses.length === 0) return [];
    const exact = torch.float64Losses;
    const worst = (losses: readonly number[], steps: number) => {
      const relative = exact.slice(0, steps).map((loss, i) => Math.abs((losses[i] ?? NaN) - loss) / loss);
      return relative.some(Number.isNaN) ? "–" : Math.max(...relative).toExponential(0);
    };
    const inSteps = (of: (steps: number) => string) => [1, 5, 20].map(of).join(" / ");
    const column = (losses: readonly number[]) => inSteps((steps) => worst(losses, steps));
    const ends = (steps: number) => {
      const sorted = [torch.losses, ...torch.repeatedLosses].map((losses) => worst(losses, steps));
      sorted.sort((a, b) => Number(a) - Number(b));
      return `${sorted[0]} to ${sorted.at(-1)}`;
    };
    const spread = torch.repeatedLosses.length === 0 ? "–" : inSteps(ends);
    return [
      [task, String(seed), column(plumb.float32Losses), column(torch.losses), spread, column(plumb.losses)],
    ];
  });

  const precisions = [...new Set(cells.flatMap(({ plumb }) => plumb?.precision ?? []))].join(" and ");
  const threads = [...new Set(cells.flatMap(({ plumb }) => plumb?.threads ?? []))].join(" and ");
  const processors = [...new Set(cells.map(({ processor }) => processor))].join("; ");
  const versions = Object.entries(cells.find(({ torch }) => torch !== null)?.torch?.versions ?? {})
    .map(([name, version]) => `${name} ${version}`)
    .join(", ");
  return `# Quality

Measured by \`${command}\`; what each run gave is in \`bench/results/quality/\`. The page is written by that command.

Every seed draws its own ${first.train} examples from a public data set's training file and is tested on the whole test file. All
settings are the defaults: method \`${settings.method}\`, ${settings.promptLength} prompt vectors at rate ${settings.promptRate}, biases at rate ${settings.biasRate}, ${settings.steps} steps of
${settings.batch} texts, ${heldOut} of the examples held out to choose the best step. Instructions and label words: \`bench/tasks.json\`. Base model:
${first.baseModel}. Processor: ${processors}, ${threads} threads, products in ${precisions}.

${
  versions === ""
    ? "PyTorch doing the same (`bench/python/same_steps.py`) has not been run for these cells yet."
    : `PyTorch does the same in float32 (${versions}; \`bench/python/same_steps.py\`): the same base weights, initial prompt,
examples in the same order, rates and held-out part, but its own arithmetic.`
}

## Means over seeds

Macro F1 / accuracy; for generation ROUGE-L / exact match. \`multi\`: accuracy counts texts with exactly the right labels.
The difference is that of the first figure. Rivals, first figure only: the base model asked without tuning, TF-IDF with
logistic regression on the same examples, and the simplest answer.

${table(["task", "seeds", "Plumb", "PyTorch", "difference", "untuned", "word counts", "simplest"], means)}

${overall}
## Each run

With 95 % intervals: bootstrap over test texts for F1 and ROUGE-L, Wilson for accuracy and exact match. They tell how far another
test part could differ, not another draw of training texts: for that, compare the seeds.

${table(["task", "seed", "Plumb F1 / ROUGE-L", "accuracy / exact", "PyTorch F1 / ROUGE-L", "accuracy / exact", "best step, Plumb / PyTorch", "verdict of the report"], details)}
${agreement.length === 0 ? "" : losses(agreement)}`;
}

const losses = (agreement: string[][]) => `
## The first 20 losses

Largest relative distance from the same steps in float64, over 1 / 5 / 20 steps, for the first seed of each task. AdamW divides each gradient by its own size, so a
rounding of a gradient near zero moves a parameter as far as a large gradient would: distances grow from step to
step in any implementation. How far PyTorch's float32 comes is the measure of how far Plumb's may. One run of it is one draw of roundings: the
next column has the least and the greatest distance of six, five of them from an initial prompt whose numbers are moved by one unit in their
last place, up or down at random.

${table(["task", "seed", "Plumb float32", "PyTorch float32", "PyTorch float32, six starts", "Plumb as run"], agreement)}
`;
