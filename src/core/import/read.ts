import type { Problem } from "../data";
import { cannotRead } from "../data/read";
import { DelimitedReader } from "./csv";
import { planOf, type Plan } from "./detect";
import { chunksOf, textOf } from "./encoding";
import { JsonLinesReader, JsonListReader } from "./json";
import { readParquet } from "./parquet";
import { importError, stopped } from "./problems";
import { flatten } from "./records";
import { nameCells, shapeOf, type TableShape } from "./table";
import { TextLineReader, readFolder } from "./texts";
import { convertRecord, recogniseTool } from "./tools";
import type { Cell, Fault, RawBatches, RawItem, ReadChoices, ReadHooks, ReadItem, Tick, Tool } from "./types";
import { readSheet } from "./xlsx";
import { inQuotes, say } from "../say";

/** So many rows tell where the header is and which program wrote them. */
const sampleSize = 200;
const progressEvery = 100;

/** What was found out about a file before its rows: see `ReadChoices`. */
export interface Opened extends Plan {
  /** Null where the format names its fields itself. */
  header: boolean | null;
  tool: Tool | null;
}

/**
 * Reads the rows of a file, in order, with what could not be read or was read with doubt. Holds a piece of the file at a
 * time (of a Parquet file a row group, of a spreadsheet also the texts that its cells share).
 * @throws {PlumbError} where the file cannot be read at all, or ("interrupted") the signal stopped it.
 */
export async function* read(
  file: string,
  choices: ReadChoices = {},
  hooks: ReadHooks = {},
): AsyncGenerator<ReadItem, void, void> {
  const { batches } = await openRows(file, choices, hooks);
  for await (const batch of batches) yield* batch;
}

/** The same, with what was found out, and rows in batches. */
export async function openRows(
  file: string,
  choices: ReadChoices,
  hooks: ReadHooks,
): Promise<{ opened: Opened; batches: AsyncGenerator<ReadItem[], void, void> }> {
  let rows = 0;
  let told = -Infinity;
  let total = 0;
  const tick: Tick = (done) => {
    if (hooks.signal?.aborted === true) throw stopped();
    const now = performance.now();
    if (total === 0 || (now - told < progressEvery && done < total)) return;
    told = now;
    hooks.onProgress?.({ phase: "reading", done: Math.min(done, total), total, rows });
  };
  try {
    const plan = await planOf(file, choices, tick);
    total = plan.size;
    const raw = rawRows(file, plan, tick);
    const { sample, rest } = await takeSample(raw);
    const aligned = plan.format !== "csv";
    const shape = tableShape(sample, choices, aligned);
    const opened: Opened = { ...plan, header: shape?.header ?? null, tool: toolOf(sample, choices) };
    const convert = new Converter(file, opened, shape, aligned);
    const batches = (async function* () {
      try {
        for await (const batch of rest) {
          const items = batch.flatMap((item) => convert.items(item));
          rows += items.length;
          if (items.length > 0) yield items;
          // Between batches others have their turn, the one who stops among them.
          await new Promise(setImmediate);
          if (hooks.signal?.aborted === true) throw stopped();
        }
        if (rows === 0) throw importError(file, "no-rows", say`there is no row in it.`);
      } catch (error) {
        throw cannotRead(file, error);
      }
    })();
    return { opened, batches };
  } catch (error) {
    throw cannotRead(file, error);
  }
}

function rawRows(file: string, plan: Plan, tick: Tick): RawBatches {
  switch (plan.format) {
    case "folder":
      return readFolder(file, plan.encoding ?? undefined, tick);
    case "xlsx":
      return readSheet(file, plan.sheet ?? undefined, tick);
    case "parquet":
      return readParquet(file, tick);
    case "csv":
      return fromText(file, plan, tick, new DelimitedReader(plan.dialect!));
    case "json":
      return fromJson(file, plan, tick);
    case "jsonl":
      return fromText(file, plan, tick, new JsonLinesReader());
    case "text":
      return fromText(file, plan, tick, new TextLineReader());
  }
}

interface TextReader {
  push(piece: string, final?: boolean): RawItem[];
}

async function* fromText(file: string, plan: Plan, tick: Tick, reader: TextReader): RawBatches {
  for await (const piece of textOf(chunksOf(file, tick), plan.encoding ?? "utf-8")) yield reader.push(piece);
  yield reader.push("", true);
}

async function* fromJson(file: string, plan: Plan, tick: Tick): RawBatches {
  const reader = new JsonListReader();
  yield* fromText(file, plan, tick, reader);
  if (reader.found) return;
  throw importError(
    file,
    "no-list",
    say`expected a list of objects ([{…}, {…}]) or an object that holds one. From pandas, write it with orient="records".`,
  );
}

/** The first rows, and all rows again. */
async function takeSample(raw: RawBatches): Promise<{ sample: RawItem[]; rest: RawBatches }> {
  const sample: RawItem[] = [];
  while (sample.length < sampleSize) {
    const next = await raw.next();
    if (next.done === true) break;
    for (const item of next.value) sample.push(item);
  }
  async function* rest(): RawBatches {
    yield sample;
    yield* raw;
  }
  return { sample: sample.slice(0, sampleSize), rest: rest() };
}

function tableShape(sample: readonly RawItem[], choices: ReadChoices, aligned: boolean): TableShape | null {
  const tables = sample.flatMap(({ value }) => (isTable(value) ? [value] : []));
  return tables.length === 0 ? null : shapeOf(tables, choices.header, aligned);
}

function toolOf(sample: readonly RawItem[], choices: ReadChoices): Tool | null {
  if (choices.tool !== undefined) return choices.tool;
  return recogniseTool(sample.flatMap(({ value }) => (value === null || isTable(value) ? [] : [value])));
}

const isTable = (value: RawItem["value"]): value is readonly Cell[] => Array.isArray(value);

class Converter {
  private tables = 0;

  constructor(
    private readonly file: string,
    private readonly opened: Opened,
    private readonly shape: TableShape | null,
    private readonly aligned: boolean,
  ) {}

  items(item: RawItem): ReadItem[] {
    const faults = [...(item.faults ?? [])];
    const cells = this.cells(item, faults);
    const items: ReadItem[] = faults.map((fault) => ({ type: "problem", problem: this.problem(fault) }));
    if (cells !== null) items.push({ type: "row", row: { line: item.line, cells } });
    return items;
  }

  private cells(item: RawItem, faults: Fault[]): Map<string, Cell> | null {
    const { value, line } = item;
    if (value === null) return null;
    let cells: Map<string, Cell> | null;
    if (isTable(value)) {
      const at = this.tables++;
      const shape = this.shape ?? { titles: 0, header: false, columns: [] };
      if (at < shape.titles) {
        const title = value.filter((cell) => cell !== null && cell !== "").join(" ");
        if (!/^sep=.$/i.test(title))
          faults.push({
            line,
            severity: "info",
            code: "title-line",
            message: say`taken for a title above the table: ${inQuotes(title.slice(0, 60))}.`,
          });
        return null;
      }
      if (shape.header && at === shape.titles) return null;
      const named = nameCells({ ...item, value }, shape.columns, this.aligned);
      faults.push(...named.faults);
      cells = named.cells;
    } else if (this.opened.tool !== null) {
      const converted = convertRecord(this.opened.tool, value);
      faults.push(...converted.faults.map((fault) => ({ ...fault, line })));
      cells = converted.cells;
    } else cells = flatten(value);
    if (
      cells !== null &&
      this.opened.encoding !== null &&
      [...cells.values()].some((cell) => typeof cell === "string" && cell.includes("\ufffd"))
    )
      faults.push({
        line,
        severity: "warning",
        code: "wrong-character",
        message: say`holds a character that is not ${this.opened.encoding}, or was lost before (�). If there are many, choose another encoding.`,
      });
    return cells;
  }

  private problem({ line, severity, code, message }: Fault): Problem {
    return { file: this.file, line, severity, code, message };
  }
}
