import type { Estimate } from "../schema";
import { average, ranks } from "./average";
import type { Cell } from "./cells";
import type { CellResult } from "./result";

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
    /** Mean of a run. */
    readonly hours: number | null;
  }[];
  readonly device: string | null;
  /** Most of any run. */
  readonly peakBytes: number | null;
  readonly trainedParameters: number | null;
  readonly tokensPerSecond: number | null;
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
  readonly total: number;
  readonly done: number;
  readonly pending: number;
  readonly failed: readonly { readonly cell: string; readonly reason: string }[];
  readonly regimes: readonly { readonly name: string; readonly examples: number | "all" }[];
  readonly methods: readonly MethodRow[];
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
  name: string,
  regimes: readonly { readonly name: string; readonly examples: number | "all" }[],
  entries: readonly Ended[],
): Tables {
  const bases = distinct(entries.map(({ cell }) => cell.base));
  const methods = distinct(entries.map(({ cell }) => cell.method));
  const at = (base: string, method: string, regime?: string) =>
    entries.filter(
      ({ cell }) =>
        cell.base === base && cell.method === method && (regime === undefined || cell.regime === regime),
    );
  return {
    name,
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
            const own = at(base, method, regime.name);
            const seconds = mean(own.flatMap((ended) => doneOf(ended)?.seconds ?? []));
            return {
              regime: regime.name,
              quality: qualityOf(own),
              ...rankOf(method, methods, (each) => at(base, each, regime.name)),
              hours: seconds === null ? null : seconds / 3600,
            };
          }),
          device: distinct(done.map(({ device }) => device)).join(", ") || null,
          peakBytes: done.length === 0 ? null : Math.max(...done.map(({ peakBytes }) => peakBytes)),
          trainedParameters: mean(done.map(({ trainedParameters }) => trainedParameters)),
          tokensPerSecond: mean(done.map(({ tokensPerSecond }) => tokensPerSecond)),
        };
      }),
    ]),
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
    hours: null,
  }));
  if (row.every(({ quality }) => quality.cells === 0)) return [];
  return [
    {
      base,
      method: rival,
      rival: true,
      regimes: row,
      device: null,
      peakBytes: null,
      trainedParameters: null,
      tokensPerSecond: null,
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

/** Over the tasks on which every method has a value for every seed: else a method would gain by what it failed at. */
function rankOf(
  method: string,
  methods: readonly string[],
  of: (method: string) => readonly Ended[],
): { rank: number | null; rankedTasks: number } {
  if (methods.length < 2) return { rank: null, rankedTasks: 0 };
  const found: number[] = [];
  for (const task of distinct(of(method).map(({ cell }) => cell.task))) {
    const values = methods.map((each) => {
      const own = of(each).filter(({ cell }) => cell.task === task);
      const known = own.flatMap((ended) => doneOf(ended)?.quality ?? []);
      return known.length === own.length ? mean(known) : null;
    });
    if (values.some((value) => value === null)) continue;
    found.push(ranks(values as number[])[methods.indexOf(method)]!);
  }
  return { rank: mean(found), rankedTasks: found.length };
}
