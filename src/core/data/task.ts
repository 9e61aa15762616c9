import { readFile, stat } from "node:fs/promises";
import { isUtf8 } from "node:buffer";
import path from "node:path";
import { PlumbError } from "../errors";
import { isSamePath } from "../files";
import { Task, type Label } from "../schema";
import { describeIssue, fieldPath } from "./issue";
import { isFault, placeIn, scanObject } from "./json-scan";
import { brokenCharacter, quoted, shownPath, type Problem, type TaskFix } from "./problem";
import { cannotRead, expectFile, filesIn, mostOffered, readExamples, type LoadedExample } from "./read";
import { findExampleProblems } from "./examine";
import { fold, nearestWord } from "./spelling";
import { say } from "../say";

/** A task with all its examples that could be read, and what is wrong with its files. */
export interface LoadedTask {
  /** Absolute path of the task file. */
  path: string;
  folder: string;
  task: Task;
  /** In the order of the files; `split` is filled in where the task names a file for each part. */
  examples: LoadedExample[];
  /** In the order of the files. */
  problems: Problem[];
  /** Absolute paths of the examples files, with the lines in each that hold something. */
  files: { path: string; lines: number }[];
}

/** A task file that cannot be used. `line` counts from 1; null where the whole file is meant. */
export class TaskError extends PlumbError {
  constructor(
    code: string,
    message: string,
    readonly line: number | null,
    options: ErrorOptions & {
      /** Changes in the task file that would mend it, the likeliest first. */
      readonly fixes?: readonly TaskFix[];
    } = {},
  ) {
    super(code, message, options);
    this.fixes = options.fixes ?? [];
  }

  readonly fixes: readonly TaskFix[];
}

/** A task file is a page of text: whatever is larger is another kind of file. */
const largestTask = 8 * 1024 * 1024;

/**
 * Reads a task file and its examples.
 * @throws {PlumbError} where the task file or an examples file cannot be used at all. Single broken lines and answers
 *   that do not fit the task are `problems`.
 */
export async function loadTask(file: string): Promise<LoadedTask> {
  const taskFile = path.resolve(file);
  const { task, problems, lineOf } = await readTask(taskFile);
  const folder = path.dirname(taskFile);
  const parts: { part?: "train" | "test"; field: string; file: string }[] =
    typeof task.examples === "string"
      ? [{ field: "examples", file: task.examples }]
      : [
          { part: "train", field: "examples.train", file: task.examples.train },
          { part: "test", field: "examples.test", file: task.examples.test },
        ];
  const loaded: LoadedTask = { path: taskFile, folder, task, examples: [], problems, files: [] };
  for (const { part, field, file: name } of parts) {
    const examplesFile = path.resolve(folder, name);
    if (loaded.files.some((other) => isSamePath(other.path, examplesFile))) {
      throw taskError(
        taskFile,
        "same-file",
        say`fields "examples.train" and "examples.test" name the same file. Name two files, or one as "examples".`,
        lineOf(["examples", "test"]),
      );
    }
    const read = await readExamples(examplesFile).catch(async (error: unknown) => {
      if (error instanceof PlumbError) {
        const line = lineOf(field.split("."));
        const others = parts.flatMap(({ file: other }) =>
          other === name ? [] : [path.resolve(folder, other)],
        );
        const beside = error.code === "no-such-file" ? await examplesBeside(folder, name, others) : [];
        const elsewhere = path.dirname(examplesFile) !== folder && beside.length > 0;
        const hint = elsewhere ? ` ${say`JSON Lines beside the task: ${beside.join(", ")}.`}` : "";
        throw new TaskError(
          error.code,
          say`${shownPath(taskFile)}, field "${field}": ${error.message}` + hint,
          line,
          { cause: error, fixes: beside.map((to) => ({ what: "examples", from: field, to })) },
        );
      }
      throw error;
    });
    loaded.files.push({ path: examplesFile, lines: read.lines });
    problems.push(...read.problems);
    for (const example of read.examples) {
      if (part !== undefined) {
        if (example.split !== undefined && example.split !== part) {
          problems.push({
            file: example.file,
            line: example.line,
            field: "split",
            severity: "error",
            code: "split-contradicts",
            message: say`field "split" says "${example.split}", but the task names this file as "${part}". Remove the field or move the line.`,
          });
        }
        example.split = part;
      }
      loaded.examples.push(example);
    }
  }
  problems.push(...findExampleProblems(loaded));
  const placeOf = ({ file }: Problem) => loaded.files.findIndex((each) => each.path === file);
  problems.sort((a, b) => placeOf(a) - placeOf(b) || (a.line ?? 0) - (b.line ?? 0));
  return loaded;
}

/** JSON Lines beside a task that may be meant where its examples file is missing: what is called nearly so first. */
async function examplesBeside(folder: string, missing: string, others: readonly string[]): Promise<string[]> {
  const names = (await filesIn(folder, ".jsonl")).filter((name) => !others.includes(path.join(folder, name)));
  const near = nearestWord(path.basename(missing), names);
  return [...new Set([...(near === null ? [] : [near]), ...names])].slice(0, mostOffered);
}

/** Line of the value at a path in a task file, from 1; of what is around it where it is not there. */
export type LineOf = (path: readonly PropertyKey[]) => number;

/** Reads and checks the task file alone. */
export async function readTask(file: string): Promise<{ task: Task; problems: Problem[]; lineOf: LineOf }> {
  const text = await readTaskText(file);
  const scanned = scanObject(text);
  if (isFault(scanned)) {
    if (text.trim() === "") {
      throw taskError(
        file,
        "empty-file",
        say`the file is empty. Expected a task: {"version": 1, "name": …, "kind": …, "examples": …}.`,
      );
    }
    const before = text.slice(0, scanned.at).split("\n");
    const line = before.length;
    const column = Array.from(before[before.length - 1] ?? "").length + 1;
    // A whole object and then another one: most likely the examples themselves.
    const examples = scanned.expected === say`nothing more on this line`;
    const hint =
      examples && /^\s*\{[^\n]*\}\s*\n\s*\{/.test(text)
        ? say` Is this the examples file? Name the task file.`
        : "";
    const expected = examples ? say`the end of the file` : scanned.expected;
    throw new TaskError(
      "not-json",
      say`${shownPath(file)}, line ${line}, column ${column}: not JSON: found ${scanned.found}, expected ${expected}.${hint}`,
      line,
    );
  }
  const lineOf: LineOf = (path) => {
    const place = placeIn(text, path as (string | number)[]);
    if (place === null) return lineOf(path.slice(0, -1));
    return path.length === 0 ? 1 : text.slice(0, place.start).split("\n").length;
  };
  const value = JSON.parse(text.slice(scanned.start, scanned.end + 1)) as Record<string, unknown>;
  if (value.kind === undefined && value.text !== undefined && value.id !== undefined) {
    throw taskError(
      file,
      "not-a-task",
      say`this is an example, not a task. Name the task file that names this file as its examples.`,
    );
  }
  const twice = scanned.members.find(({ key }, at) =>
    scanned.members.slice(0, at).some((other) => other.key === key),
  );
  if (twice !== undefined)
    throw taskError(
      file,
      "field-twice",
      say`field ${quoted(twice.key)} stands twice. Remove one.`,
      lineOf([twice.key]),
    );

  const parsed = Task.safeParse(value);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => describeIssue(issue, value).message);
    const more = faults.length > 5 ? say` And ${faults.length - 5} more.` : "";
    const path = parsed.error.issues[0]?.path ?? [];
    throw taskError(file, "wrong-field", faults.slice(0, 5).join(" ") + more, lineOf(path));
  }
  const task = parsed.data;
  const known = Object.keys(Task.shape);
  for (const [path, text] of textsIn(known.map((key) => [[key], task[key]] as const))) {
    const broken = brokenCharacter(fieldPath(path), text);
    if (broken !== null) throw taskError(file, broken.code, broken.message, lineOf(path));
  }
  checkLabels(file, task, lineOf);

  const problems: Problem[] = [];
  for (const key of Object.keys(value)) {
    const near = known.includes(key)
      ? null
      : nearestWord(
          key,
          known.filter((name) => value[name] === undefined),
        );
    if (near === null) continue;
    problems.push({
      file,
      line: lineOf([key]),
      field: key,
      severity: "warning",
      code: "unknown-field",
      message: say`unknown field ${quoted(key)} is not used. Was "${near}" meant?`,
      fixes: [{ what: "rename-field", from: key, to: near }],
    });
  }
  const seen = new Map<string, string>();
  for (const [at, { name }] of (task.labels ?? []).entries()) {
    const other = seen.get(fold(name));
    seen.set(fold(name), name);
    if (other === undefined) continue;
    problems.push({
      file,
      line: lineOf(["labels", at, "name"]),
      field: `labels[${at}].name`,
      severity: "warning",
      code: "labels-alike",
      message: say`field "labels[${at}].name": ${quoted(name)} and ${quoted(other)} count as two labels. If one is meant, keep one.`,
    });
  }
  return { task, problems, lineOf };
}

/** All texts among values and inside them, each with its path. */
function* textsIn(
  values: readonly (readonly [path: readonly PropertyKey[], value: unknown])[],
): Generator<readonly [path: readonly PropertyKey[], text: string]> {
  for (const [path, value] of values) {
    if (typeof value === "string") yield [path, value];
    else if (Array.isArray(value)) yield* textsIn(value.map((item, at) => [[...path, at], item] as const));
    else if (typeof value === "object" && value !== null)
      yield* textsIn(Object.entries(value).map(([key, item]) => [[...path, key], item] as const));
  }
}

async function readTaskText(file: string): Promise<string> {
  await expectFile(file, "task file");
  let bytes: Buffer;
  try {
    const { size } = await stat(file);
    if (size > largestTask) {
      throw taskError(
        file,
        "too-large",
        say`${Math.round(size / 1048576)} MiB are too much for a task file (a few lines of JSON). Is it another kind of file?`,
      );
    }
    bytes = await readFile(file);
  } catch (error) {
    throw cannotRead(file, error);
  }
  const zero = bytes.indexOf(0);
  if (zero >= 0) {
    throw taskError(
      file,
      "nul-byte",
      say`a NUL byte at byte ${zero + 1}. The file is damaged, or was not saved as UTF-8. Save it as UTF-8 or remove the byte.`,
    );
  }
  if (!isUtf8(bytes)) {
    throw taskError(
      file,
      "not-utf8",
      say`this is not a text in UTF-8. A task file is JSON in UTF-8; save it so, or name another file.`,
    );
  }
  const text = bytes.toString("utf8");
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** What a label set must be beyond its shape. */
function checkLabels(file: string, task: Task, lineOf: LineOf): void {
  const fail = (message: string, ...path: PropertyKey[]): never => {
    throw taskError(file, "wrong-labels", message, lineOf(["labels", ...path]));
  };
  if (task.kind === "generation") {
    if (task.labels !== undefined) {
      fail(
        say`field "labels": a generation task answers with a text and has no labels. Remove the field or change "kind".`,
      );
    }
    return;
  }
  const needed = task.kind === "single" ? 2 : 1;
  if (task.labels === undefined) {
    fail(
      say`field "labels" is missing; a ${task.kind} task lists its labels: "labels": [{"name": "…"}, {"name": "…"}].`,
    );
  }
  const labels = task.labels ?? [];
  if (labels.length < needed) {
    fail(
      say`field "labels": found ${labels.length === 0 ? say`none` : say`only one`}, expected at least ${needed}.`,
    );
  }
  const unique = (what: "name" | "word", of: (label: Label) => string) => {
    const seen = new Map<string, number>();
    labels.forEach((label, at) => {
      const value = of(label);
      if (value !== value.trim())
        fail(
          say`field "labels[${at}].${what}": ${quoted(value)} begins or ends with white space. Remove it.`,
          at,
          what,
        );
      const other = seen.get(value);
      if (other !== undefined) {
        fail(
          say`field "labels[${at}].${what}": ${quoted(value)} is also the ${what} of labels[${other}]. Every label needs its own.`,
          at,
          what,
        );
      }
      seen.set(value, at);
    });
  };
  unique("name", (label) => label.name);
  unique("word", (label) => label.word ?? label.name);
}

function taskError(file: string, code: string, message: string, line: number | null = null): TaskError {
  return new TaskError(code, `${shownPath(file)}: ${message}`, line);
}
