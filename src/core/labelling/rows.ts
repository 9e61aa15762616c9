import { answerField, parseExampleSoon } from "../data";
import type { Example, TaskKind } from "../schema";
import { say } from "../say";

/** One line of an examples file that is being labelled. `line` counts from 0, as editors count. */
export type ExampleRow = BlankRow | BrokenRow | ReadRow;

interface BlankRow {
  readonly state: "blank";
}

/** A line that is no example: shown as it stands and left alone. */
export interface BrokenRow {
  readonly state: "broken";
  readonly raw: string;
  /** What is wrong with it, in a sentence. */
  readonly problem: string;
}

export interface ReadRow {
  readonly state: "open" | "answered" | "skipped";
  readonly id: string;
  readonly text: string;
  /** Labels given, or the one text in answer; none where the example is open. */
  readonly answer: readonly string[];
  readonly note: string;
  readonly test: boolean;
}

/** A change of a text, as editors tell it: lines `first` to `last` have become `count` lines. */
export interface LinesChange {
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

/** Reads one line, without its end. */
export function readRow(text: string, kind: TaskKind): ExampleRow {
  if (text.trim() === "") return { state: "blank" };
  const problems: string[] = [];
  const example = parseExampleSoon(text, (code, message) => {
    if (code !== "field-twice") problems.push(message);
  });
  if (example === null) return { state: "broken", raw: text, problem: problems[0] ?? say`not an example.` };
  const answer = answerOfRow(example, kind);
  return {
    state: example.status === "skipped" ? "skipped" : answer === null ? "open" : "answered",
    id: example.id,
    text: example.text,
    answer: answer ?? [],
    note: example.note ?? "",
    test: example.split === "test",
  };
}

/** The answer even of an example that was set aside: it comes back with it. */
function answerOfRow(example: Example, kind: TaskKind): readonly string[] | null {
  const value = example[answerField[kind]];
  return value === undefined ? null : typeof value === "string" ? [value] : value;
}

/** The lines of a text under labelling, kept in step with it: only lines that changed are read again. */
export class Rows {
  private rows: (ExampleRow | null)[] = [];

  constructor(
    private readonly kind: TaskKind,
    private readonly lineAt: (line: number) => string,
    count: number,
  ) {
    this.rows = new Array<ExampleRow | null>(count).fill(null);
    this.readMissing();
  }

  get length(): number {
    return this.rows.length;
  }

  /** A line past the end counts as blank. */
  at(line: number): ExampleRow {
    return this.rows[line] ?? { state: "blank" };
  }

  /**
   * Takes changes in, in the order told: each in terms of the text after those before it.
   * @param count Lines of the text as it is now.
   * @returns Lines that were read again, or null where lines have come, gone or moved.
   */
  change(changes: readonly LinesChange[], count: number): readonly number[] | null {
    let moved = false;
    for (const { first, last, count: fresh } of changes) {
      if (last - first + 1 !== fresh) moved = true;
      this.rows = [
        ...this.rows.slice(0, first),
        ...new Array<null>(fresh).fill(null),
        ...this.rows.slice(last + 1),
      ];
    }
    if (this.rows.length !== count) {
      this.rows = new Array<null>(count).fill(null);
      moved = true;
    }
    const read = this.readMissing();
    return moved ? null : read;
  }

  /** Line of an example by its id; the one at `near` where it stands there, null where it is gone. */
  find(id: string, near: number): number | null {
    const here = this.at(near);
    if ("id" in here && here.id === id) return near;
    const found = this.rows.findIndex((row) => row !== null && "id" in row && row.id === id);
    return found < 0 ? null : found;
  }

  /**
   * Line of a text that is no example, by what it begins with: the one at `near` where it stands there; null where it is gone.
   * Elsewhere it is the whole line, since many may begin alike.
   */
  findBroken(raw: string, near: number): number | null {
    const here = this.at(near);
    if (here.state === "broken" && here.raw.startsWith(raw)) return near;
    const found = this.rows.findIndex((row) => row?.state === "broken" && row.raw === raw);
    return found < 0 ? null : found;
  }

  private readMissing(): number[] {
    const read: number[] = [];
    this.rows.forEach((row, line) => {
      if (row !== null) return;
      this.rows[line] = readRow(this.lineAt(line), this.kind);
      read.push(line);
    });
    return read;
  }
}
