import { access, rm } from "node:fs/promises";
import path from "node:path";
import { defaultTestShare, drawSides, shownPath, type LoadedExample, type Problem } from "../data";
import { quoted } from "../data/problem";
import { PlumbError } from "../errors";
import { writeNewFileAtomic } from "../files";
import type { Example, Label, LabelColor, Task } from "../schema";
import { inTurns } from "../slices";
import { answerIn, brokenCharacter, inOrder, type Answer, type LabelCount } from "./answers";
import { isEmpty, shown } from "./columns";
import { partOf, type TaskChoices } from "./guess";
import { isReserved, leastLabels, mostLabels } from "./limits";
import { importError, stopped } from "./problems";
import { openRows } from "./read";
import type { ReadChoices, ReadHooks, Row } from "./types";
import { counted, say } from "../say";

const mostProblems = 10_000;
/** Lines that are put together at once. */
const linesAtOnce = 5000;

export interface NewTask {
  read: ReadChoices;
  choices: TaskChoices;
  /** What people call the task; the file's name by default. */
  name?: string;
  instruction?: string;
  /** Labels beside those that stand in the file, and before them: all that a text may get. */
  labelSet?: readonly string[];
  /** Labels of the file that get another name: the new one by the one that stands there. Two may get the same. */
  renamed?: ReadonlyMap<string, string>;
  /** Labels of the file that the task does not have: texts are left without them. */
  dropped?: ReadonlySet<string>;
  /** What belongs under a label, by its name in the task. */
  descriptions?: ReadonlyMap<string, string>;
  /** Colour of a label, by its name in the task; null for the one that follows from its place. */
  colors?: ReadonlyMap<string, LabelColor | null>;
  /** Name or path of the base model; left out for the default one. */
  baseModel?: string;
  /** Columns that are kept under their names. */
  keep?: readonly string[];
  /** Share drawn for the test, in (0, 1); 0.2 by default. */
  testShare?: number;
  /** 0 by default. */
  seed?: number;
  /** Path of the new files without their endings; beside the source and with its name by default. */
  out?: string;
}

/** A task that could be written, and what would be in it. */
export interface PreparedTask {
  taskFile: string;
  examplesFile: string;
  task: Task;
  examples: Example[];
  labels: LabelCount[];
  counts: {
    /** Rows that were read. */
    rows: number;
    examples: number;
    answered: number;
    train: number;
    test: number;
  };
  /** Who said which texts are in the test part; null where there are too few answers to have one. */
  split: "given" | "drawn" | null;
  problems: Problem[];
  problemCount: number;
}

/**
 * What a task would hold, without the draw of its test part: counts, labels, and every row that cannot be taken as it is.
 * Writes nothing.
 * @throws {PlumbError} as `prepareTask` does.
 */
export async function surveyTask(file: string, options: NewTask, hooks: ReadHooks = {}): Promise<Survey> {
  return surveyOf((await collect(file, options, hooks)).collector);
}

/** What the rows of a file come to. */
export interface Survey {
  /** Rows that were read. */
  rows: number;
  examples: number;
  answered: number;
  labels: LabelCount[];
  problems: Problem[];
  problemCount: number;
}

const surveyOf = (collector: Collector): Survey => ({
  rows: collector.rows,
  examples: collector.examples.length,
  answered: collector.answered,
  labels: collector.labelCounts(),
  problems: collector.problems,
  problemCount: collector.problemCount,
});

/**
 * Reads a file into examples, and draws the test part: class by class, near duplicates and groups on one side, among texts
 * without an answer too. Writes nothing; `writePrepared` does.
 * @throws {PlumbError} where the choices do not fit the file, or there is nothing to make a task of.
 */
export async function prepareTask(
  file: string,
  options: NewTask,
  hooks: ReadHooks = {},
): Promise<PreparedTask> {
  const { base, taskFile, examplesFile, collector } = await collect(file, options, hooks);
  const { examples } = collector;
  const labels = collector.labelCounts();
  const task = taskOf(file, base, options, labels);
  const { split, alike } = await giveSplit(examples, options, collector.rows, hooks);
  const part = (name: "train" | "test") => examples.filter((example) => example.split === name).length;
  const groups = examples.flatMap(({ group }) => group ?? []);
  /** Texts that a group binds to others. */
  const bound = groups.length - new Set(groups).size;
  const warn = (code: string, message: string) =>
    collector.tell({ ...collector.about(null), severity: "warning", code, message });
  if (split === null && alike)
    warn(
      "alike",
      say`too many texts follow one pattern to draw a test part: it would ask what the model was told, and a run would be refused. Add texts that differ more.`,
    );
  else if (split === null && bound > 0)
    warn(
      "no-split",
      say`no test part can be drawn: texts with the same ${quoted(options.choices.group!)} stay together, and these are too many. Leave that column out, or keep it, but not as the group.`,
    );
  else if (split === null)
    warn("no-split", say`there are too few texts to draw a test part; it will be drawn when there are more.`);
  else if (alike)
    warn(
      "alike",
      say`many texts follow one pattern. They stay together, so that the test asks nothing that the model was told; it has ${counted(part("test"), "text", "texts")} of ${examples.length}.`,
    );
  return {
    taskFile,
    examplesFile,
    task,
    examples: examples.map(({ file: _, line: __, ...example }) => example),
    labels,
    counts: {
      rows: collector.rows,
      examples: examples.length,
      answered: collector.answered,
      train: part("train"),
      test: part("test"),
    },
    split,
    problems: collector.problems,
    problemCount: collector.problemCount,
  };
}

/** Reads a file into examples. */
async function collect(file: string, options: NewTask, hooks: ReadHooks) {
  const base = baseOf(file, options.out);
  const examplesFile = `${base}.jsonl`;
  const collector = new Collector(file, examplesFile, options);
  const { batches } = await openRows(file, options.read, hooks);
  for await (const batch of batches) {
    for (const item of batch) {
      if (item.type === "row") collector.add(item.row);
      else collector.tell(item.problem);
    }
  }
  checkColumns(file, options, collector.seen);
  if (collector.examples.length === 0)
    throw importError(
      file,
      "no-text",
      say`column ${quoted(options.choices.text)} holds no text. Name the column that does.`,
    );
  return { base, taskFile: `${base}.plumb.json`, examplesFile, collector };
}

/** Writes both files, or none. @throws {PlumbError} where one of that name is there already. */
export async function writePrepared(
  prepared: PreparedTask,
  { signal, onProgress }: ReadHooks = {},
): Promise<void> {
  const { taskFile, examplesFile, task, examples } = prepared;
  for (const file of [examplesFile, taskFile]) await expectFree(file);
  const parts: Buffer[] = [];
  for (let at = 0; at < examples.length; at += linesAtOnce) {
    parts.push(
      Buffer.from(
        examples
          .slice(at, at + linesAtOnce)
          .map((example) => `${JSON.stringify(example)}\n`)
          .join(""),
      ),
    );
    await new Promise(setImmediate);
    if (signal?.aborted === true) throw stopped();
    onProgress?.({
      phase: "writing",
      done: Math.min(1, (at + linesAtOnce) / examples.length),
      total: 1,
      rows: prepared.counts.rows,
    });
  }
  await put(examplesFile, Buffer.concat(parts));
  try {
    await put(taskFile, `${JSON.stringify(task, null, 2)}\n`);
  } catch (error) {
    await rm(examplesFile, { force: true });
    throw error;
  }
}

/** `prepareTask` and `writePrepared`. */
export async function writeTask(
  file: string,
  options: NewTask,
  hooks: ReadHooks = {},
): Promise<PreparedTask> {
  const base = baseOf(file, options.out);
  // Said before a long file is read.
  for (const ending of [".jsonl", ".plumb.json"]) await expectFree(base + ending);
  const prepared = await prepareTask(file, options, hooks);
  await writePrepared(prepared, hooks);
  return prepared;
}

/** Path of the new files without their endings: beside the source, with its name and, where that is taken, a number. */
export async function freeBase(file: string): Promise<string> {
  const base = baseOf(file, undefined);
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? base : `${base}-${number}`;
    const taken = await Promise.all([`${candidate}.jsonl`, `${candidate}.plumb.json`].map(isThere));
    if (!taken.includes(true)) return candidate;
  }
}

/** Path of the new files without their endings. A source that is JSON Lines itself keeps its name for itself. */
function baseOf(file: string, out: string | undefined): string {
  if (out !== undefined) return path.resolve(out.replace(/\.(jsonl|plumb\.json)$/, ""));
  const { dir, name, ext } = path.parse(path.resolve(file));
  return path.join(dir, ext.toLowerCase() === ".jsonl" ? `${name}-task` : name);
}

async function expectFree(file: string): Promise<void> {
  if (await isThere(file)) throw alreadyThere(file);
}

const isThere = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

const alreadyThere = (file: string) =>
  new PlumbError(
    "file-exists",
    say`${shownPath(file)} is there already and was left as it is. Choose another name, or move it away.`,
  );

async function put(file: string, content: string | Uint8Array): Promise<void> {
  try {
    await writeNewFileAtomic(file, content);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw alreadyThere(file);
    const reason =
      code === "ENOENT"
        ? say`there is no such folder`
        : code === "ENOSPC"
          ? say`the disk is full`
          : code === "EACCES" || code === "EPERM" || code === "EROFS"
            ? say`no permission to write there`
            : message;
    throw new PlumbError(
      "cannot-write",
      say`Cannot write ${shownPath(file)}: ${reason}. Choose another place.`,
      { cause: error },
    );
  }
}

/** Turns rows into examples. */
class Collector {
  readonly examples: LoadedExample[] = [];
  readonly labels = new Map<string, number>();
  /** Names of columns that any row has. */
  readonly seen = new Set<string>();
  readonly problems: Problem[] = [];
  problemCount = 0;
  rows = 0;
  answered = 0;
  /** Names that are taken, with the number that the next row of that name tries. */
  private readonly ids = new Map<string, number>();
  private readonly keep: readonly string[];
  private readonly named: readonly string[];
  private readonly renamed: ReadonlyMap<string, string>;

  constructor(
    private readonly file: string,
    private readonly examplesFile: string,
    private readonly options: NewTask,
  ) {
    this.keep = (options.keep ?? []).filter((name) => name !== options.choices.text);
    const reserved = this.keep.find(isReserved);
    if (reserved !== undefined)
      throw importError(
        file,
        "reserved-column",
        say`column ${quoted(reserved)} cannot be kept: an example has a field of that name with a meaning of its own.`,
      );
    this.named = namedLabels(options);
    this.renamed = options.renamed ?? new Map();
    for (const label of this.named) this.labels.set(label, 0);
  }

  /** Labels that were named come first, in their order. */
  labelCounts(): LabelCount[] {
    const named = this.named.map((label) => ({ label, count: this.labels.get(label) ?? 0 }));
    return [...named, ...inOrder(this.labels).filter(({ label }) => !this.named.includes(label))];
  }

  tell(problem: Problem): void {
    if (++this.problemCount <= mostProblems) this.problems.push(problem);
  }

  about(line: number | null): Pick<Problem, "file" | "line"> {
    return { file: this.file, line };
  }

  add(row: Row): void {
    this.rows++;
    for (const name of row.cells.keys()) this.seen.add(name);
    const { choices } = this.options;
    const { line } = row;
    const text = row.cells.get(choices.text) ?? null;
    const tell = (severity: Problem["severity"], code: string, message: string) =>
      this.tell({ ...this.about(line), severity, code, message });
    const whole = shown(text);
    const bad = brokenCharacter(whole);
    if (isEmpty(text) || bad !== null) {
      const what = bad === null ? say`no text in column ${quoted(choices.text)}` : say`the text holds ${bad}`;
      tell("error", bad === null ? "no-text" : "broken-text", say`${what}; the row was left out.`);
      return;
    }
    const example: LoadedExample = {
      id: this.idOf(row, tell),
      text: whole,
      file: this.examplesFile,
      line: this.examples.length + 1,
    };
    const answer = answerIn(row, choices);
    if (answer !== null) this.answer(example, answer, tell);
    this.beside(example, row, tell);
    this.examples.push(example);
  }

  private answer(example: LoadedExample, answer: Answer, tell: Tell): void {
    if ("fault" in answer) {
      tell("error", "no-answer", say`${answer.fault}; the text is left without an answer.`);
      return;
    }
    const words =
      "target" in answer
        ? [answer.target, ...(answer.references ?? [])]
        : "label" in answer
          ? [answer.label]
          : answer.labels;
    const bad = words.map(brokenCharacter).find((found) => found !== null);
    if (bad !== undefined) {
      tell("error", "broken-text", say`the answer holds ${bad}; the text is left without one.`);
      return;
    }
    if ("target" in answer) {
      this.answered++;
      Object.assign(example, answer);
      return;
    }
    const { dropped } = this.options;
    const left = words.filter((label) => dropped?.has(label) !== true);
    // What was none of the task's labels says nothing about them.
    if (words.length > 0 && left.length === 0) return;
    this.answered++;
    const labels = [...new Set(left.map((label) => this.renamed.get(label) ?? label))];
    Object.assign(example, "label" in answer ? { label: labels[0] } : { labels });
    for (const label of labels) this.labels.set(label, (this.labels.get(label) ?? 0) + 1);
  }

  /** Fields beside text and answer. */
  private beside(example: LoadedExample, row: Row, tell: Tell): void {
    const { choices } = this.options;
    const one = (name: string | null) => (name === null ? "" : shown(row.cells.get(name) ?? null).trim());
    const group = one(choices.group);
    if (group !== "") example.group = group;
    const part = one(choices.split);
    const side = partOf(part);
    if (side !== null) example.split = side;
    else if (part !== "")
      tell(
        "warning",
        "unknown-part",
        say`${quoted(part)} in column ${quoted(choices.split ?? "")} is neither train nor test; the text is for training.`,
      );
    example.source =
      row.cells.get("file") !== undefined && row.cells.get("folder") !== undefined
        ? one("file")
        : `${path.basename(this.file)}:${row.line}`;
    for (const name of this.keep) {
      const cell = row.cells.get(name) ?? null;
      if (cell !== null) example[name] = name === "note" || name === "annotator" ? shown(cell) : cell;
    }
  }

  private idOf(row: Row, tell: Tell): string {
    const { id: column } = this.options.choices;
    const number = String(this.rows);
    const given = column === null ? number : shown(row.cells.get(column) ?? null).trim();
    let id = given === "" || brokenCharacter(given) !== null ? number : given;
    if (column !== null && id !== given)
      tell("info", "no-id", say`no usable name in column ${quoted(column)}; the row's number is taken.`);
    const wanted = id;
    let next = this.ids.get(wanted) ?? 2;
    for (; this.ids.has(id); next++) id = `${wanted}-${next}`;
    this.ids.set(wanted, next);
    if (id !== wanted)
      tell(
        "warning",
        "id-twice",
        say`${quoted(wanted)} names an earlier row too; this one is called ${quoted(id)}.`,
      );
    if (id !== wanted) this.ids.set(id, 2);
    return id;
  }
}

/** The labels that are known before any row is read. */
function namedLabels({ labelSet = [], choices, renamed, dropped }: NewTask): string[] {
  const flags = (choices.flags ? choices.labels.map((label) => label.trim()) : []).filter(
    (label) => dropped?.has(label) !== true,
  );
  const names = [
    ...labelSet.map((label) => label.trim()),
    ...flags.map((label) => renamed?.get(label) ?? label),
  ];
  return [...new Set(names)].filter((label) => label !== "");
}

type Tell = (severity: Problem["severity"], code: string, message: string) => void;

function checkColumns(file: string, { choices, keep = [] }: NewTask, seen: ReadonlySet<string>): void {
  const wanted = [
    choices.text,
    ...choices.labels,
    ...keep,
    ...[choices.id, choices.group, choices.split].filter((name) => name !== null),
  ];
  const missing = wanted.find((name) => !seen.has(name));
  if (missing === undefined) return;
  const there = [...seen].slice(0, 30).map(quoted).join(", ");
  throw importError(
    file,
    "no-column",
    say`there is no column ${quoted(missing)}. There are: ${there}${seen.size > 30 ? ", …" : ""}.`,
  );
}

function taskOf(file: string, base: string, options: NewTask, labels: readonly LabelCount[]): Task {
  const { kind } = options.choices;
  return {
    version: 1,
    name: options.name ?? path.basename(base),
    kind,
    ...(options.instruction === undefined ? {} : { instruction: options.instruction }),
    ...(kind === "generation" ? {} : { labels: labelsFor(file, options, labels) }),
    examples: `${path.basename(base)}.jsonl`,
    ...(options.baseModel === undefined ? {} : { baseModel: options.baseModel }),
    ...(options.testShare === undefined ? {} : { testShare: options.testShare }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
  };
}

function labelsFor(
  file: string,
  { choices, descriptions, colors }: NewTask,
  labels: readonly LabelCount[],
): Label[] {
  const { kind } = choices;
  const needed = leastLabels(kind);
  if (labels.length < needed) {
    const found =
      labels.length === 0
        ? say`there are no labels`
        : say`there is only the label ${quoted(labels[0]!.label)}`;
    const columns =
      choices.labels.length === 0
        ? ""
        : say` in ${choices.labels.map((name) => say`column ${quoted(name)}`).join(", ")}`;
    throw importError(
      file,
      "wrong-labels",
      say`${found}${columns}; a ${kind} task needs at least ${needed}. Name another column, or the labels that a text may get.`,
    );
  }
  if (labels.length > mostLabels)
    throw importError(
      file,
      "wrong-labels",
      say`${counted(labels.length, "different label is", "different labels are")} too many for a choice. If they are answers in words, choose the kind generation; else name another column.`,
    );
  return labels.map(({ label }) => {
    const description = descriptions?.get(label) ?? "";
    const color = colors?.get(label) ?? null;
    return {
      name: label,
      ...(description === "" ? {} : { description }),
      ...(color === null ? {} : { color }),
    };
  });
}

/** Writes into the examples who is in the test part; `split` is null where nobody is. `alike` as in `DrawnSides`. */
async function giveSplit(
  examples: LoadedExample[],
  options: NewTask,
  rows: number,
  { signal, onProgress }: ReadHooks,
): Promise<Pick<PreparedTask, "split"> & { alike: boolean }> {
  if (examples.some(({ split }) => split === "test")) {
    for (const example of examples) example.split ??= "train";
    return { split: "given", alike: false };
  }
  const { seed = 0, testShare = defaultTestShare } = options;
  const { sides, alike } = await inTurns(drawSides(examples, { seed, testShare }), (done) => {
    if (signal?.aborted === true) throw stopped();
    onProgress?.({ phase: "drawing", done, total: 1, rows });
  });
  if (sides === null) return { split: null, alike };
  for (const [at, example] of examples.entries()) example.split = sides[at]!;
  return { split: "drawn", alike };
}
