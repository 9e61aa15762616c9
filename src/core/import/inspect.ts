import type { Problem } from "../data";
import { countLabels, type LabelCount } from "./answers";
import { ColumnCounter, type Column } from "./columns";
import { guessTask, type TaskChoices } from "./guess";
import { openRows } from "./read";
import type { Encoding, Format, ReadChoices, ReadHooks, Row, Tool } from "./types";

/** Problems that are listed one by one; beyond them they are counted. */
const mostProblems = 10_000;
/** Rows that show how the file was understood. */
const firstRows = 20;

/** What a file of texts holds, as far as it says so itself. All of it can be changed by choices. */
export interface Inspection {
  file: string;
  format: Format;
  /** Null where the format has its own; of a folder each file is looked at by itself. */
  encoding: Encoding | null;
  /** Null but for `csv`. */
  delimiter: string | null;
  /** Whether a row names the columns; null where the format names its fields itself. */
  header: boolean | null;
  sheet: string | null;
  sheets: string[];
  tool: Tool | null;
  rows: number;
  /** The first few of them. */
  first: Row[];
  columns: Column[];
  /** Null where no column holds texts. */
  guess: TaskChoices | null;
  /** Labels of the guessed columns; null where there are none. */
  labels: LabelCount[] | null;
  problems: Problem[];
  /** How many problems there are, listed or not. */
  problemCount: number;
}

/**
 * Reads a file once and says what it is, what its columns hold and what is wrong in it. Writes nothing.
 * @throws {PlumbError} as `read` does.
 */
export async function inspect(
  file: string,
  choices: ReadChoices = {},
  hooks: ReadHooks = {},
): Promise<Inspection> {
  const { opened, batches } = await openRows(file, choices, hooks);
  const counter = new ColumnCounter();
  const problems: Problem[] = [];
  const first: Row[] = [];
  let problemCount = 0;
  for await (const batch of batches) {
    for (const item of batch) {
      if (item.type === "row") {
        counter.add(item.row);
        if (first.length < firstRows) first.push(item.row);
      } else if (++problemCount <= mostProblems) problems.push(item.problem);
    }
  }
  const columns = counter.summary();
  const guess = guessTask(columns, counter.rows);
  return {
    file,
    format: opened.format,
    encoding: opened.encoding,
    delimiter: opened.dialect?.delimiter ?? null,
    header: opened.header,
    sheet: opened.sheet,
    sheets: opened.sheets,
    tool: opened.tool,
    rows: counter.rows,
    first,
    columns,
    guess,
    labels: guess === null || guess.labels.length === 0 ? null : countLabels(columns, guess),
    problems,
    problemCount,
  };
}
