import { randomUUID } from "node:crypto";
import { link, open, rm, stat } from "node:fs/promises";
import path from "node:path";
import { PlumbError } from "../errors";
import { replace } from "../files";
import { read, type Cell, type ReadChoices } from "../import";
import { headOf, predictedCells, type AnswersWith, type PredictedRow } from "./rows";
import { say } from "../say";

export interface FileToPredict {
  readonly file: string;
  /** Column that holds the texts. */
  readonly column: string;
  /** All columns, in their order. */
  readonly columns: readonly string[];
  readonly choices?: ReadChoices;
  readonly answers: AnswersWith;
  /** Asks the adapter about some texts. */
  readonly predict: (texts: readonly string[]) => Promise<readonly PredictedRow[]>;
  readonly signal?: AbortSignal;
  /** Called with the number of rows that are done. */
  readonly onProgress?: (done: number) => void;
}

export interface PredictedFile {
  /** Written beside the source, which stays as it is. */
  readonly file: string;
  readonly rows: number;
  /** Rows without a text: kept, without an answer. */
  readonly empty: number;
  /** Rows that could not be read and are not in the file. */
  readonly unread: number;
}

/** Texts that are asked about together: enough to keep the engine busy, few enough to stop soon. */
const AT_ONCE = 64;
/** Programs for spreadsheets take a file with this mark for UTF-8. */
const BYTE_ORDER_MARK = "\ufeff";

/**
 * Writes a table with the rows of a file and what an adapter says of each: `NAME.predicted.csv`, or another number where
 * there is such a file. It is there whole or not at all.
 * @throws {PlumbError} where the file cannot be read or written, or ("interrupted") the signal stopped it.
 */
export async function predictFile(job: FileToPredict): Promise<PredictedFile> {
  const { file, column, columns, answers, predict } = job;
  const folder = path.dirname(file);
  const temporary = path.join(folder, `.${path.basename(file)}.${randomUUID()}.tmp`);
  const counts = { rows: 0, empty: 0, unread: 0 };
  try {
    const out = await open(temporary, "wx").catch((error: unknown) => {
      throw cannotWrite(folder, error);
    });
    try {
      await out.writeFile(BYTE_ORDER_MARK + csvLine([...columns, ...headOf(answers, columns)]));
      let batch: ReadonlyMap<string, Cell>[] = [];
      const flush = async () => {
        const texts = batch.map((cells) => cellText(cells.get(column) ?? null));
        const full = texts.flatMap((text, at) => (text.trim() === "" ? [] : [at]));
        const rows = full.length === 0 ? [] : await predict(full.map((at) => texts[at]!));
        if (job.signal?.aborted === true) throw stopped();
        const found = new Map(full.map((at, place) => [at, rows[place] ?? null]));
        const lines = batch.map((cells, at) =>
          csvLine([
            ...columns.map((name) => cellText(cells.get(name) ?? null)),
            ...predictedCells(found.get(at) ?? null, answers),
          ]),
        );
        await out.writeFile(lines.join(""));
        counts.rows += batch.length;
        counts.empty += batch.length - full.length;
        batch = [];
        job.onProgress?.(counts.rows);
      };
      const hooks = job.signal === undefined ? {} : { signal: job.signal };
      for await (const item of read(file, job.choices, hooks)) {
        if (item.type === "row") batch.push(item.row.cells);
        else if (item.problem.severity === "error") counts.unread++;
        if (batch.length >= AT_ONCE) await flush();
      }
      if (batch.length > 0) await flush();
      await out.sync();
    } finally {
      await out.close();
    }
    return { file: await putBeside(temporary, file), ...counts };
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

const stopped = () => new PlumbError("interrupted", say`Stopped. Nothing was written.`);

function cannotWrite(folder: string, error: unknown): PlumbError {
  const code = (error as NodeJS.ErrnoException).code ?? say`unknown error`;
  return new PlumbError(
    "write",
    say`Cannot write in ${folder}: ${code}. Copy the file to a folder that can be written to.`,
    { cause: error },
  );
}

/** Gives the file its name, the first of NAME.predicted.csv, NAME.predicted-2.csv … that is free. */
async function putBeside(temporary: string, source: string): Promise<string> {
  const stem = path.join(path.dirname(source), path.parse(source).name);
  for (let number = 1; ; number++) {
    const target = `${stem}.predicted${number === 1 ? "" : `-${number}`}.csv`;
    try {
      await link(temporary, target); // unlike a rename, it never replaces anything
      await rm(temporary);
      return target;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") continue;
      if (await stat(target).catch(() => null)) continue;
      await replace(temporary, target); // a file system without links
      return target;
    }
  }
}

const cellText = (cell: Cell): string =>
  cell === null ? "" : typeof cell === "string" ? cell : cell.join("; ");

function csvLine(cells: readonly string[]): string {
  const quoted = cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell));
  return `${quoted.join(",")}\r\n`;
}
