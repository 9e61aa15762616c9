import { defaultTestShare } from "../../core/data";
import {
  editLine,
  Rows,
  type LineEdit,
  type LinesChange,
  type RunGuesses,
  type Suggested,
  wholeLine,
} from "../../core/labelling";
import { LONGEST_ANSWERS } from "../../core/reach";
import { decide } from "../../core/report/thresholds";
import type { Task } from "../../core/schema";
import type { FromLabel, LabelView, Suggestion, ToLabel } from "../../protocol";
import { arrange, heldFor, isTest, stateLetters, type Arrangement } from "./arrange";
import { presentRow } from "./present";
import { progressOf } from "./progress";
import type { Answered } from "./suggester";

/** A text in lines, as editors have it. */
export interface Lines {
  readonly lineCount: number;
  lineAt(line: number): string;
}

export interface DeskOptions {
  readonly task: Pick<Task, "kind" | "labels" | "testShare">;
  /** Which part the file is where the task names one for each. */
  readonly part: "train" | "test" | null;
  /** The task's latest run, and the latest with out-of-fold predictions. */
  readonly latest: RunGuesses | null;
  readonly folded: RunGuesses | null;
  /** Suggestions that were asked for beforehand, by id. */
  readonly held?: ReadonlyMap<string, Suggested>;
  /** Runs whose adapters made them, by the run's id. */
  readonly judges?: ReadonlyMap<string, RunGuesses>;
  /** Of the random order. */
  readonly seed: number;
}

export type EditMessage = Extract<
  FromLabel,
  { type: "answer" | "skip" | "note" | "remove" | "remove-broken" }
>;
/** Characters `edit.start` of a line to `edit.end` of line `to` become `edit.text`. */
interface WantedEdit {
  readonly line: number;
  readonly to: number;
  readonly edit: LineEdit;
}
type Asked = { readonly text: string } | { readonly refusal: Suggestion } | null;

/** Rows told one by one at most; past these the page asks for what it shows. */
const MOST_TOLD = 500;

/** What a label editor knows of its file, and what it says to its page. Knows no editor. */
export class Desk {
  private readonly rows: Rows;
  private seed: number;
  private view: LabelView = { order: "file", filter: { show: "all" }, search: "" };
  private current: { readonly line: number; readonly id: string } | null = null;
  /** As `fixed`; null where it has to be looked for anew. */
  private testFixed: boolean | null = null;

  constructor(
    private readonly lines: Lines,
    private readonly options: DeskOptions,
  ) {
    this.seed = options.seed;
    this.rows = new Rows(options.task.kind, (line) => lines.lineAt(line), lines.lineCount);
  }

  /** Whether the files say which texts are the test part: only then may a model have a say in what is labelled, and how. */
  get fixed(): boolean {
    const { rows, options } = this;
    const says = () => {
      for (let line = 0; line < rows.length; line++) {
        const row = rows.at(line);
        if ("test" in row && row.test) return true;
      }
      return false;
    };
    return (this.testFixed ??= options.part !== null || says());
  }

  /** Lists the file as a view has it. Choosing the random order draws anew. */
  choose(view: LabelView, keep: number | null): ToLabel {
    if (view.order === "random" && this.view.order !== "random") this.seed++;
    this.view = view;
    return this.arranged(keep);
  }

  /** The page shows a line now. */
  moveTo(line: number): void {
    const row = this.rows.at(line);
    this.current = { line, id: "id" in row ? row.id : "" };
  }

  tell(lines: readonly number[], whole: boolean): ToLabel {
    const arrangement = this.arrangement();
    return { type: "rows", rows: lines.flatMap((line) => presentRow(line, whole, arrangement) ?? []) };
  }

  /**
   * The text has changed.
   * @param again Whether it was undone or redone: the page then shows where.
   */
  changed(changes: readonly LinesChange[], again: boolean): ToLabel {
    const changed = this.rows.change(changes, this.lines.lineCount);
    this.testFixed = null;
    if (changed === null || changed.length > MOST_TOLD) {
      const here = this.current === null ? null : this.rows.find(this.current.id, this.current.line);
      return this.arranged(here, again ? (changes[0]?.first ?? null) : null);
    }
    const arrangement = this.arrangement();
    const rows = changed.flatMap((line) => presentRow(line, true, arrangement) ?? []);
    if (rows.length < changed.length) return this.arranged(this.current?.line ?? null);
    return { type: "changed", rows, show: again ? (rows[0]?.line ?? null) : null, progress: this.progress() };
  }

  /** The edit that a message asks for; null where it changes nothing, "gone" where the example is not in the file any more. */
  edit(message: EditMessage): WantedEdit | null | "gone" {
    const broken = message.type === "remove-broken";
    const line = broken
      ? this.rows.findBroken(message.raw, message.line)
      : this.rows.find(message.id, message.line);
    if (line === null) return "gone";
    if (broken || message.type === "remove") {
      const { to, end } = wholeLine(line, this.lines);
      return { line, to, edit: { start: 0, end, text: "" } };
    }
    const edit = editLine(this.lines.lineAt(line), message, this.options.task.kind);
    return edit === null ? null : { line, to: line, edit };
  }

  /** Finds an example by its id, else by the number of its line. */
  jump(to: string): ToLabel {
    const line = this.rows.find(to, -1);
    if (line !== null) return { type: "jumped", line, to };
    return { ...this.jumpToLine(/^\d+$/.test(to) ? Number(to) - 1 : -1), to };
  }

  /** Finds what stands in a line, whatever ids look like one. */
  jumpToLine(line: number): Extract<ToLabel, { type: "jumped" }> {
    const blank = this.rows.at(line).state === "blank";
    return { type: "jumped", line: blank ? null : line, to: String(line + 1) };
  }

  /** What was suggested for an example beforehand; null where nothing was, or its text has changed since. */
  held(line: number, id: string): Suggestion | null {
    const row = this.rows.at(line);
    if (!("id" in row) || row.id !== id) return null;
    const held = heldFor(row, this.arrangement());
    return held && { state: "ready", labels: held.labels, chosen: held.chosen, output: held.output };
  }

  /** The text to ask the last adapter about, or why it may not be asked. Null where there is nothing to ask. */
  askable(line: number, id: string): Asked {
    const { latest } = this.options;
    const row = this.rows.at(line);
    if (latest === null || !("id" in row) || row.id !== id) return null;
    if (!this.fixed) return { refusal: { state: "none", reason: "drawn" } };
    if (isTest(row, this.arrangement())) return { refusal: { state: "none", reason: "test" } };
    if (latest.fitted.has(id)) return { refusal: { state: "none", reason: "fitted" } };
    return { text: row.text };
  }

  /** A text as it stands, to see how far the model reads it; null where the line is no example. */
  readable(line: number): { readonly id: string; readonly text: string } | null {
    const row = this.rows.at(line);
    return "id" in row ? { id: row.id, text: row.text } : null;
  }

  /** Generation: the longest answers, for which a run keeps room. */
  longestAnswers(): string[] {
    const { rows, options } = this;
    if (options.task.kind !== "generation") return [];
    const answers: string[] = [];
    for (let line = 0; line < rows.length; line++) {
      const row = rows.at(line);
      if (row.state === "answered") answers.push(row.answer[0] ?? "");
    }
    return answers.sort((a, b) => b.length - a.length).slice(0, LONGEST_ANSWERS);
  }

  /** What the adapter's answer comes to. */
  suggestion({ labels, output }: Omit<Answered, "cut">): Suggestion {
    const { latest } = this.options;
    if (latest === null || output !== null) return { state: "ready", labels: [], chosen: [], output };
    const of = new Map(labels.map(({ label, probability }) => [label, probability]));
    const thresholds = latest.thresholds?.map((value) => ({ value })) ?? null;
    const scores = latest.labels.map((label) => of.get(label) ?? 0);
    return {
      state: "ready",
      labels: labels.filter(({ label }) => latest.labels.includes(label)),
      chosen: decide(scores, thresholds).map((at) => latest.labels[at]!),
      output,
    };
  }

  private arrangement(): Arrangement {
    const { latest, folded, part, held = new Map(), judges = new Map() } = this.options;
    const { view, rows, seed } = this;
    const parts = { testFile: part === "test", testFixed: this.fixed };
    return { view, rows, latest, folded, held, judges, seed, ...parts };
  }

  /** @param rather Line to show instead of `keep` where it is listed. */
  private arranged(keep: number | null, rather: number | null = null): ToLabel {
    const lines = arrange(this.arrangement());
    return {
      type: "arranged",
      view: this.view,
      lines,
      states: stateLetters(this.rows),
      keep: rather !== null && lines.includes(rather) ? rather : keep,
      progress: this.progress(),
    };
  }

  private progress() {
    const { task, part } = this.options;
    const labels = (task.labels ?? []).map(({ name }) => name);
    const share = part === null ? (task.testShare ?? defaultTestShare) : null;
    return progressOf(this.rows, labels, { share, testFile: part === "test" });
  }
}
