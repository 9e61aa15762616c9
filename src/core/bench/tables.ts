import type { Estimate, Measures } from "../schema";
import { average, ranks } from "./average";
import type { Cell } from "./cells";
import type { CellResult } from "./result";
import type { OpenedSuite } from "./suite";

export interface Ended {
  readonly cell: Cell;
  /** Null where the cell is still to be done. */
  readonly result: CellResult | null;
}

/** A mean with what stands behind it. */
export interface Mean extends Estimate {
  readonly tasks: number;
  readonly ofTasks: number;
  /** Cells with a value, of those that there should be. */
  readonly cells: number;
  readonly ofCells: number;
}

/** What runs have cost on one device: hours of another one are no part of the same mean. */
export interface Costs {
  readonly device: string;
  /** Mean of a run, by regime; null where none was done on the device. */
  readonly hours: readonly (number | null)[];
  /** Most of any run. */
  readonly peakBytes: number;
  readonly tokensPerSecond: number;
}

export interface MethodRow {
  readonly base: string;
  readonly method: string;
  readonly rival: boolean;
  readonly regimes: readonly {
    readonly regime: string;
    readonly quality: Mean;
    /** Mean over tasks among the methods of the base model; null where fewer than two can be compared. */
    readonly rank: number | null;
    readonly rankedTasks: number;
  }[];
  /** By device, that with the most cells first; empty for a rival, and where nothing is done. */
  readonly costs: readonly Costs[];
  readonly trainedParameters: number | null;
}

/** A task under every method. */
export interface TaskRow {
  readonly base: string;
  readonly regime: string;
  readonly task: string;
  readonly values: readonly {
    readonly method: string;
    /** Mean over the cells that have a value. */
    readonly quality: number | null;
    readonly cells: number;
    readonly ofCells: number;
    /** From 1, the best; null where the methods cannot be ranked on the task. */
    readonly rank: number | null;
  }[];
}

/** First minus second on the same tasks and seeds. */
export interface Difference extends Mean {
  readonly regime: string;
  readonly of: string;
  readonly first: string;
  readonly second: string;
}

export interface BaseRow {
  readonly method: string;
  readonly benchmarks: "classification" | "generation" | "together";
  readonly values: readonly { readonly regime: string; readonly base: string; readonly quality: Mean }[];
}

/** What a suite has come to. */
export interface Tables {
  readonly name: string;
  readonly measures: Measures;
  readonly total: number;
  readonly done: number;
  readonly pending: number;
  readonly failed: readonly { readonly cell: string; readonly reason: string }[];
  readonly regimes: readonly { readonly name: string; readonly examples: number | "all" }[];
  readonly methods: readonly MethodRow[];
  readonly tasks: readonly TaskRow[];
  readonly differences: readonly Difference[];
  /** Empty where there is one base model. */
  readonly bases: readonly BaseRow[];
  readonly baseDifferences: readonly Difference[];
}

const RIVALS = ["majority", "every-label", "word-counts", "copy-input", "untuned"] as const;

const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];
const mean = (values: readonly number[]) =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
const doneOf = ({ result }: Ended) => (result?.status === "done" ? result : null);

/** Mean of what there is; what is missing is counted. */
function meanOf(entries: readonly { task: string; value: number | null }[]): Mean {
  const byTask = new Map<string, number[]>();
  for (const { task, value } of entries) {
    const values = byTask.get(task) ?? [];
    byTask.set(task, values);
    if (value !== null) values.push(value);
  }
  const known = [...byTask.values()].filter((values) => values.length > 0);
  return {
    ...average(byTask),
    tasks: known.length,
    ofTasks: byTask.size,
    cells: known.reduce((sum, values) => sum + values.length, 0),
    ofCells: entries.length,
  };
}

const qualityOf = (entries: readonly Ended[]): Mean =>
  meanOf(entries.map((ended) => ({ task: ended.cell.task, value: doneOf(ended)?.quality ?? null })));

/** Makes the tables of a suite from its cells, those without a result included. */
export function tablesOf(
  { name, regimes, measures }: Pick<OpenedSuite, "name" | "regimes" | "measures">,
  entries: readonly Ended[],
): Tables {
  const bases = distinct(entries.map(({ cell }) => cell.base));
  const methods = distinct(entries.map(({ cell }) => cell.method));
  const at = (base: string, method: string, regime?: string) =>
    entries.filter(
      ({ cell }) =>
        cell.base === base && cell.method === method && (regime === undefined || cell.regime === regime),
    );
  const byTask = bases.flatMap((base) =>
    regimes.flatMap((regime) => taskRows(base, regime.name, methods, at)),
  );
  return {
    name,
    measures,
    total: entries.length,
    done: entries.filter((ended) => doneOf(ended) !== null).length,
    pending: entries.filter(({ result }) => result === null).length,
    failed: entries.flatMap(({ cell, result }) =>
      result?.status === "failed" ? [{ cell: cell.id, reason: result.reason }] : [],
    ),
    regimes: regimes.map((regime) => ({ name: regime.name, examples: regime.examples })),
    methods: bases.flatMap((base) => [
      ...RIVALS.flatMap((rival) => rivalRow(entries, regimes, base, rival)),
      ...methods.map((method): MethodRow => {
        const done = at(base, method).flatMap((ended) => doneOf(ended) ?? []);
        return {
          base,
          method,
          rival: false,
          regimes: regimes.map((regime) => {
            return {
              regime: regime.name,
              quality: qualityOf(at(base, method, regime.name)),
              ...rankOf(
                method,
                byTask.filter((row) => row.base === base && row.regime === regime.name),
              ),
            };
          }),
          costs: costsOf(at(base, method), regimes),
          trainedParameters: mean(done.map(({ trainedParameters }) => trainedParameters)),
        };
      }),
    ]),
    tasks: byTask,
    differences: bases.flatMap((base) =>
      regimes.flatMap((regime) =>
        pairs(methods).map(([first, second]) => ({
          regime: regime.name,
          of: base,
          first,
          second,
          ...pairedDifference(at(base, first, regime.name), at(base, second, regime.name)),
        })),
      ),
    ),
    bases: bases.length < 2 ? [] : methods.flatMap((method) => baseRows(method, bases, regimes, at)),
    baseDifferences: methods.flatMap((method) =>
      regimes.flatMap((regime) =>
        pairs(bases).map(([second, first]) => ({
          regime: regime.name,
          of: method,
          first,
          second,
          ...pairedDifference(at(first, method, regime.name), at(second, method, regime.name)),
        })),
      ),
    ),
  };
}

function costsOf(entries: readonly Ended[], regimes: readonly { readonly name: string }[]): Costs[] {
  const done = entries.flatMap((ended) => {
    const result = doneOf(ended);
    return result === null ? [] : [{ regime: ended.cell.regime, ...result }];
  });
  const byDevice = distinct(done.map(({ device }) => device)).map((device) =>
    done.filter((each) => each.device === device),
  );
  return byDevice
    .sort((a, b) => b.length - a.length)
    .map((own) => ({
      device: own[0]!.device,
      hours: regimes.map(({ name }) => {
        const seconds = mean(own.filter(({ regime }) => regime === name).map((each) => each.seconds));
        return seconds === null ? null : seconds / 3600;
      }),
      peakBytes: Math.max(...own.map(({ peakBytes }) => peakBytes)),
      tokensPerSecond: mean(own.map(({ tokensPerSecond }) => tokensPerSecond))!,
    }));
}

const pairs = (names: readonly string[]) =>
  names.flatMap((first, i) => names.slice(i + 1).map((second) => [first, second] as const));

function baseRows(
  method: string,
  bases: readonly string[],
  regimes: readonly { readonly name: string }[],
  at: (base: string, method: string, regime: string) => Ended[],
): BaseRow[] {
  return (["classification", "generation", "together"] as const).flatMap((benchmarks) => {
    const values = regimes.flatMap((regime) =>
      bases.map((base) => ({
        regime: regime.name,
        base,
        quality: qualityOf(
          at(base, method, regime.name).filter(
            ({ cell }) =>
              benchmarks === "together" || (cell.kind === "generation") === (benchmarks === "generation"),
          ),
        ),
      })),
    );
    return values.every(({ quality }) => quality.ofCells === 0) ? [] : [{ method, benchmarks, values }];
  });
}

/** A rival is the same for every method: each task and seed has it from the first cell that is done. */
function rivalRow(
  entries: readonly Ended[],
  regimes: readonly { readonly name: string }[],
  base: string,
  rival: string,
): MethodRow[] {
  const inRegime = (regime: string) => {
    const found = new Map<string, { task: string; value: number | null }>();
    for (const ended of entries) {
      const { cell } = ended;
      if (cell.base !== base || cell.regime !== regime) continue;
      const key = JSON.stringify([cell.task, cell.seed]);
      const value = doneOf(ended)?.rivals[rival] ?? null;
      if (found.get(key)?.value === undefined || found.get(key)?.value === null)
        found.set(key, { task: cell.task, value });
    }
    return meanOf([...found.values()]);
  };
  const row = regimes.map((regime) => ({
    regime: regime.name,
    quality: inRegime(regime.name),
    rank: null,
    rankedTasks: 0,
  }));
  if (row.every(({ quality }) => quality.cells === 0)) return [];
  return [
    {
      base,
      method: rival,
      rival: true,
      regimes: row,
      costs: [],
      trainedParameters: null,
    },
  ];
}

function pairedDifference(first: readonly Ended[], second: readonly Ended[]): Mean {
  const others = new Map(second.map((ended) => [JSON.stringify([ended.cell.task, ended.cell.seed]), ended]));
  return meanOf(
    first.map((ended) => {
      const other = others.get(JSON.stringify([ended.cell.task, ended.cell.seed]));
      const [a, b] = [doneOf(ended)?.quality, other === undefined ? null : doneOf(other)?.quality];
      return { task: ended.cell.task, value: typeof a === "number" && typeof b === "number" ? a - b : null };
    }),
  );
}

/**
 * Quality of each method on each task of a base and a regime, the mean over its seeds, and its rank. Ranked is only where
 * every method has a value for every seed: else a method would gain by what it failed at.
 */
function taskRows(
  base: string,
  regime: string,
  methods: readonly string[],
  at: (base: string, method: string, regime: string) => readonly Ended[],
): TaskRow[] {
  const tasks = distinct(methods.flatMap((method) => at(base, method, regime)).map(({ cell }) => cell.task));
  return tasks.map((task) => {
    const found = methods.map((method) => {
      const own = at(base, method, regime).filter(({ cell }) => cell.task === task);
      const known = own.flatMap((ended) => doneOf(ended)?.quality ?? []);
      return { method, quality: mean(known), cells: known.length, ofCells: own.length };
    });
    const whole = methods.length > 1 && found.every(({ cells, ofCells }) => cells === ofCells && cells > 0);
    const places = whole ? ranks(found.map(({ quality }) => quality!)) : null;
    return { base, regime, task, values: found.map((each, i) => ({ ...each, rank: places?.[i] ?? null })) };
  });
}

/** Mean rank over the tasks that are ranked. */
function rankOf(method: string, rows: readonly TaskRow[]): { rank: number | null; rankedTasks: number } {
  const found = rows.flatMap(({ values }) => values.find((each) => each.method === method)?.rank ?? []);
  return { rank: mean(found), rankedTasks: found.length };
}
