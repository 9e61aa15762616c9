import { bytes } from "../report/format";
import { INTERVALS } from "./average";
import type { Costs, Difference, Mean, MethodRow, Tables } from "./tables";

const CLASSIFICATION = {
  "macro-f1": "macro-F1",
  "micro-f1": "micro-F1",
  accuracy: "the share of texts with exactly the right labels",
} as const;
const GENERATION = {
  "rouge-l-and-chrf": "the mean of ROUGE-L and chrF / 100",
  "rouge-l": "ROUGE-L",
  chrf: "chrF / 100",
  "exact-match": "the share of answers that are right to the letter",
} as const;

/** What quality means in the tables. */
export const qualityText = ({ measures }: Pick<Tables, "measures">): string =>
  `Quality of a task: ${CLASSIFICATION[measures.classification]} for single and multi; for generation ${GENERATION[measures.generation]}. Means are over tasks, each the mean over its seeds.`;

const three = (value: number) => value.toFixed(3).replace("-", "\u2212");

/** `0.512 [0.480, 0.544]`, with how much of it there is where something is missing. */
export function meanText(mean: Mean): string {
  if (mean.ofCells === 0) return "";
  const missing = mean.cells === mean.ofCells ? "" : ` (${mean.cells} of ${mean.ofCells} cells)`;
  if (mean.value === null) return `–${missing}`;
  const range = mean.low === null || mean.high === null ? "" : ` [${three(mean.low)}, ${three(mean.high)}]`;
  return `${three(mean.value)}${range}${missing}`;
}

/** A table as rows of texts, for any form. */
export interface TextTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A table in columns, for a terminal. */
export function alignedText({ title, head, rows }: TextTable): string {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) =>
    `  ${row.map((text, i) => text.padEnd(widths[i]!)).join("  ")}`.trimEnd();
  return [`${title}:`, line(head), ...rows.map(line)].join("\n");
}

/** `1,234`. */
export const whole = (value: number): string => Math.round(value).toLocaleString("en-GB");

/** Something of each device of a row, in the order of its devices. */
function byDevice({ costs }: MethodRow, text: (on: Costs) => string | undefined): string {
  const texts = costs.map(text);
  return texts.every((found) => found === undefined) ? "" : texts.map((found) => found ?? "–").join("; ");
}

/** All tables of a suite. */
export function textTables(tables: Tables): TextTable[] {
  const { regimes, methods, tasks, differences, bases, baseDifferences, failed } = tables;
  const named = regimes.map(({ name, examples }) => `${name} (${examples})`);
  const found: TextTable[] = [
    {
      title: "Table 1: methods",
      head: [
        "base",
        "method",
        ...named.map((regime) => `quality, ${regime}`),
        ...named.map((regime) => `mean rank, ${regime}`),
        "device",
        ...named.map((regime) => `hours a run, ${regime}`),
        "peak memory",
        "trained parameters",
        "tokens/s",
      ],
      rows: methods.map((row) => [
        row.base,
        row.rival ? `${row.method} (rival)` : row.method,
        ...row.regimes.map(({ quality }) => meanText(quality)),
        ...row.regimes.map(({ rank, rankedTasks }) =>
          rank === null ? "" : `${rank.toFixed(2)} (${rankedTasks} ${rankedTasks === 1 ? "task" : "tasks"})`,
        ),
        byDevice(row, ({ device }) => (/^\d+ × /.test(device) ? device : `1 × ${device}`)),
        ...regimes.map((_, i) => byDevice(row, ({ hours }) => hours[i]?.toPrecision(3))),
        byDevice(row, ({ peakBytes }) => bytes(peakBytes)),
        row.trainedParameters === null ? "" : whole(row.trainedParameters),
        byDevice(row, ({ tokensPerSecond }) => whole(tokensPerSecond)),
      ]),
    },
  ];
  const several = bases.length > 0;
  found.push({
    title: "Quality and rank of each task",
    head: [
      "regime",
      ...(several ? ["base"] : []),
      "task",
      ...(tasks[0]?.values ?? []).map(({ method }) => method),
    ],
    rows: tasks.map(({ base, regime, task, values }) => [
      regime,
      ...(several ? [base] : []),
      task,
      ...values.map(({ quality, cells, ofCells, rank }) => {
        if (ofCells === 0) return "";
        const missing = cells === ofCells ? "" : ` (${cells} of ${ofCells} cells)`;
        const place = rank === null ? "" : ` (${Number.isInteger(rank) ? rank : rank.toFixed(1)})`;
        return `${quality === null ? "–" : three(quality)}${place}${missing}`;
      }),
    ]),
  });
  const paired = (title: string, of: string, list: readonly Difference[]) => {
    if (list.length === 0) return;
    found.push({
      title,
      head: ["regime", of, "first", "second", "first minus second", "pairs"],
      rows: list
        .filter(({ ofCells }) => ofCells > 0)
        .map((each) => [
          each.regime,
          each.of,
          each.first,
          each.second,
          meanText(each),
          `${each.cells} on ${each.tasks} ${each.tasks === 1 ? "task" : "tasks"}`,
        ]),
    });
  };
  paired("Methods against each other, on the same tasks and seeds", "base", differences);
  if (bases.length > 0) {
    found.push({
      title: "Table 2: base against base",
      head: ["method", "benchmarks", ...bases[0]!.values.map(({ regime, base }) => `${base}, ${regime}`)],
      rows: bases.map(({ method, benchmarks, values }) => [
        method,
        benchmarks,
        ...values.map(({ quality }) => meanText(quality)),
      ]),
    });
  }
  paired("Bases against each other, on the same tasks and seeds", "method", baseDifferences);
  if (failed.length > 0) {
    found.push({
      title: "Failed cells",
      head: ["cell", "reason"],
      rows: failed.map(({ cell, reason }) => [cell, reason]),
    });
  }
  return found;
}

/** How far the suite is, in a sentence. */
export function stateText({ total, done, pending, failed }: Tables): string {
  return `${done} of ${total} cells are done, ${failed.length} failed, ${pending} are still to do.`;
}

const cellText = (text: string) => text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|");

export function renderMarkdown(tables: Tables): string {
  const parts = textTables(tables).map(({ title, head, rows }) =>
    [
      `## ${title}`,
      "",
      `| ${head.map(cellText).join(" | ")} |`,
      `| ${head.map(() => "---").join(" | ")} |`,
      ...rows.map((row) => `| ${row.map(cellText).join(" | ")} |`),
    ].join("\n"),
  );
  return `# ${cellText(tables.name)}\n\n${stateText(tables)} ${qualityText(tables)} ${INTERVALS}\n\n${parts.join("\n\n")}\n`;
}

const field = (value: string) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
const csvRow = (values: readonly (string | number | null)[]) =>
  `${values.map((value) => field(String(value ?? ""))).join(",")}\r\n`;

/** Table 1 in full precision, a line for each base, method and regime, and for each device that its runs were done on. */
export function renderCsv({ methods }: Tables): string {
  const head =
    "base,method,rival,regime,quality,low,high,cells,of_cells,tasks,of_tasks,mean_rank,ranked_tasks,hours";
  return [
    `${head},device,peak_bytes,trained_parameters,tokens_per_second\r\n`,
    ...methods.flatMap((row) =>
      row.regimes.flatMap(({ regime, quality: q, rank, rankedTasks }, i) =>
        (row.costs.length === 0 ? [null] : row.costs).map((on) =>
          csvRow([
            row.base,
            row.method,
            String(row.rival),
            regime,
            ...[q.value, q.low, q.high, q.cells, q.ofCells, q.tasks, q.ofTasks],
            ...[rank, rankedTasks, on?.hours[i] ?? null, on?.device ?? null, on?.peakBytes ?? null],
            ...[row.trainedParameters, on?.tokensPerSecond ?? null],
          ]),
        ),
      ),
    ),
  ].join("");
}
