import { columnsOf, type Terminal } from "./terminal";

/** What stands behind the bar; the first ones stay longest where the terminal is narrow. */
export interface ProgressState {
  readonly title: string;
  readonly done: number;
  readonly total: number;
  /** Already worded, in the order of their worth. */
  readonly details: readonly string[];
}

const BAR = 20;
/** Milliseconds between two plain lines in a pipe, and between two drawings on a terminal. */
const PLAIN_EVERY = 10_000;
const DRAW_EVERY = 80;

/** One line of progress, at most `width` characters: details, then the bar, give way to a narrow terminal. */
export function progressLine(state: ProgressState, width: number): string {
  const share = state.total === 0 ? 1 : Math.min(1, state.done / state.total);
  const percent = `${Math.floor(share * 100)} %`.padStart(5);
  const filled = Math.round(share * BAR);
  const bar = `${"█".repeat(filled)}${"░".repeat(BAR - filled)}`;
  for (const parts of [
    [state.title, bar, percent],
    [state.title, percent],
  ]) {
    for (let count = state.details.length; count >= 0; count--) {
      const line = [...parts, ...state.details.slice(0, count)].join("  ");
      if (line.length <= width && (count > 0 || parts.length === 2 || state.details.length === 0))
        return line;
    }
  }
  return `${state.title} ${percent.trim()}`.slice(0, Math.max(0, width));
}

/** Where progress is written: standard error, or a test's own. */
export interface ProgressStream extends Terminal {
  write(text: string): unknown;
}

/**
 * Progress on a terminal: one line, drawn over itself. In a pipe: a plain line now and then, and at the end of each part.
 * Words that are not progress go through `say`, above the line.
 */
export class Progress {
  private shown = "";
  private last: ProgressState | null = null;
  private at = -Infinity;
  /** `done` of what was written last. */
  private printed = -1;

  constructor(
    private readonly stream: ProgressStream,
    private readonly now: () => number = Date.now,
  ) {}

  update(state: ProgressState): void {
    const next = this.last?.title !== state.title;
    if (next && this.last !== null) this.finish();
    this.last = state;
    const over = state.done >= state.total && (next || state.done !== this.printed);
    const every = this.stream.isTTY === true ? DRAW_EVERY : PLAIN_EVERY;
    if (!next && !over && this.now() - this.at < every) return;
    this.at = this.now();
    this.printed = state.done;
    if (this.stream.isTTY === true) this.draw(progressLine(state, columnsOf(this.stream) - 1));
    else this.plain(state);
  }

  /** A line of words. */
  say(line: string): void {
    this.draw("");
    this.stream.write(`${line}\n`);
    if (this.last !== null && this.stream.isTTY === true) {
      this.draw(progressLine(this.last, columnsOf(this.stream) - 1));
    }
  }

  /** The part is over: its line stays, what comes next begins below. */
  finish(): void {
    if (this.last !== null && this.stream.isTTY === true) {
      this.draw(progressLine(this.last, columnsOf(this.stream) - 1));
      this.stream.write("\n");
    }
    this.shown = "";
    this.last = null;
    this.at = -Infinity;
  }

  private draw(line: string): void {
    if (this.stream.isTTY !== true || line === this.shown) return;
    this.stream.write(`\r\u001b[2K${line}`);
    this.shown = line;
  }

  private plain(state: ProgressState): void {
    const counted = `${state.done} of ${state.total}`;
    this.stream.write(`${[`${state.title}: ${counted}`, ...state.details].join(", ")}\n`);
  }
}

/** `3,400`. */
export const grouped = (value: number) => Math.round(value).toLocaleString("en-US");

/** `8 s left`, `3 min left`, `2.5 h left`. */
export function timeLeft(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s left`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min left` : `${(seconds / 3600).toFixed(1)} h left`;
}
