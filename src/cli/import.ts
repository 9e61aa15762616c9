import { InvalidArgumentError, Option, type Command } from "commander";
import {
  countLabels,
  joinSpellings,
  encodings,
  formats,
  guessForm,
  inspect,
  prepareTask,
  writeTask,
  type AnswerChoices,
  type Encoding,
  type Format,
  type Inspection,
  type NewTask,
  type ReadChoices,
  type ReadHooks,
  type TaskChoices,
} from "../core/import";
import { PlumbError } from "../core/errors";
import { shownPath } from "../core/data";
import { TaskKind } from "../core/schema";
import { renderPreview, renderWritten } from "./import-text";
import { openShare, wholeNumber } from "./options";
import { Progress } from "./progress";

interface ImportFlags {
  text?: string;
  label?: string[] | false;
  kind?: TaskKind;
  labelSet?: string[];
  separator?: string;
  join: boolean;
  id?: string;
  group?: string;
  split?: string;
  keep?: string[];
  name?: string;
  instruction?: string;
  out?: string;
  format?: Format;
  encoding?: Encoding;
  delimiter?: string;
  header?: boolean;
  sheet?: string;
  asIs?: true;
  testShare?: number;
  seed?: number;
  preview?: true;
  json?: true;
  all?: true;
}

/** `plumb import`: a task and its examples from a table or an export. */
export function register(program: Command): void {
  program
    .command("import")
    .summary("make a task from a table, a spreadsheet or an export")
    .description(
      "Reads texts with or without labels from CSV, TSV, Excel (.xlsx), Parquet, JSON, JSON Lines, plain text (a text a line), a folder (a text a file), or an export of Prodigy, Label Studio, doccano or Argilla, and writes NAME.plumb.json and NAME.jsonl beside it. The test part is drawn there and then. Encoding, delimiter, header and columns are found out; each can be said. The source stays as it is, nothing is written over.",
    )
    .argument("<file>", "file or folder of texts")
    .option("--text <column>", "column of the texts (default: found out)")
    .option(
      "--label <column...>",
      "column of the labels, or several that say 1 or 0 for a label each (default: found out)",
    )
    .option("--no-label", "leave the texts without an answer")
    .addOption(
      new Option("--kind <kind>", "what is asked of a text (default: found out)").choices(TaskKind.options),
    )
    .option("--label-set <labels>", "labels that a text may get, in order, with commas between them", list)
    .option("--separator <text>", "what stands between several labels in one value (default: found out)")
    .option(
      "--no-join",
      "leave answers that differ by case, blanks or dashes alone as they are (default: taken for the commonest of them, or for one of the label set)",
    )
    .option("--id <column>", "column that names each text (default: found out, else numbers)")
    .option(
      "--group <column>",
      "column of author, thread or channel: stays on one side of the split (default: found out)",
    )
    .option(
      "--split <column>",
      "column that says train or test (default: found out, else the test part is drawn)",
    )
    .option("--keep <column...>", "columns to keep beside text and label")
    .option("--name <name>", "what people call the task (default: the file's name)")
    .option("--instruction <sentence>", "what is asked of the text, in a sentence or two")
    .option("--out <path>", "path of the new files without their endings (default: beside the source)")
    .option("--test-share <share>", "share drawn for the test (default: 0.2)", openShare)
    .option("--seed <number>", "seed of the draw (default: 0)", wholeNumber)
    .addOption(new Option("--format <format>", "what the file is (default: found out)").choices(formats))
    .addOption(
      new Option("--encoding <name>", "how its characters are stored (default: found out)").choices(
        encodings,
      ),
    )
    .option(
      "--delimiter <character>",
      "what stands between two values; tab for a tabulator (default: found out)",
      delimiter,
    )
    .option("--header", "the first row names the columns (default: found out)")
    .option("--no-header", "the first row is a text like the others")
    .option("--sheet <name>", "page of a spreadsheet (default: the first)")
    .option("--as-is", "take the fields as they stand, whichever program wrote them")
    .option("--preview", "say what is in the file and what would be made of it; write nothing")
    .option("--all", "list every problem, not only the first few")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
Examples:
  plumb import messages.csv --preview
  plumb import messages.xlsx --text message --label technique
  plumb import topics.csv --text comment --label politics economy sport --kind multi
  plumb import reviews.txt --label-set "good,bad" --instruction "Is the review good or bad?"

Exit code: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.`,
    )
    .action(async (file: string, flags: ImportFlags) => {
      const stop = new AbortController();
      const onSignal = () => stop.abort();
      process.once("SIGINT", onSignal);
      const progress = new Progress(process.stderr);
      try {
        await carryOut(file, flags, stop.signal, progress);
      } finally {
        process.off("SIGINT", onSignal);
        progress.finish();
      }
    });
}

async function carryOut(
  file: string,
  flags: ImportFlags,
  signal: AbortSignal,
  progress: Progress,
): Promise<void> {
  const hooks = (reading: string): ReadHooks => ({
    signal,
    onProgress: ({ phase, done, total, rows }) => {
      if (!process.stderr.isTTY) return;
      const title = { reading, drawing: "Drawing the test part", writing: "Writing" }[phase];
      progress.update({ title, done, total, details: [`${rows} rows`] });
    },
  });
  const read = readChoices(flags);
  const found = await inspect(file, read, hooks("Looking"));
  const task = newTask(found, read, flags);
  const render = {
    from: process.cwd(),
    all: flags.all === true,
    color: process.stdout.isTTY && process.env.NO_COLOR === undefined,
  };
  if (flags.preview === true) {
    // What stands in the way of a task is part of what a preview is for.
    const prepared = await prepareTask(file, task, hooks("Reading")).catch((error: unknown) => {
      if (error instanceof PlumbError && error.code !== "interrupted") return error;
      throw error;
    });
    progress.finish();
    const labels = countLabels(found.columns, task.choices);
    if (flags.json === true) {
      const { examples: _, ...made } =
        prepared instanceof PlumbError
          ? { examples: [], error: prepared.message }
          : { ...prepared, first: prepared.examples.slice(0, 5) };
      const columns = found.columns.map(({ values, ...column }) => ({
        ...column,
        values: values?.length ?? null,
      }));
      const { first: _rows, ...told } = found;
      process.stdout.write(
        `${JSON.stringify({ ...told, columns, choices: task.choices, labels, joined: joinedIn(task), made }, null, 2)}\n`,
      );
    } else process.stdout.write(renderPreview(found, task, prepared, render));
    if (prepared instanceof PlumbError) process.exitCode = 1;
    return;
  }
  const written = await writeTask(file, task, hooks("Reading"));
  progress.finish();
  if (flags.json === true) {
    const { examples: _, ...rest } = written;
    process.stdout.write(
      `${JSON.stringify({ ...rest, choices: task.choices, joined: joinedIn(task) }, null, 2)}\n`,
    );
  } else process.stdout.write(renderWritten(found, task, written, render));
}

function readChoices(flags: ImportFlags): ReadChoices {
  return {
    ...(flags.format === undefined ? {} : { format: flags.format }),
    ...(flags.encoding === undefined ? {} : { encoding: flags.encoding }),
    ...(flags.delimiter === undefined ? {} : { delimiter: flags.delimiter }),
    ...(flags.header === undefined ? {} : { header: flags.header }),
    ...(flags.sheet === undefined ? {} : { sheet: flags.sheet }),
    ...(flags.asIs === true ? { tool: null } : {}),
  };
}

function newTask(found: Inspection, read: ReadChoices, flags: ImportFlags): NewTask {
  const text = flags.text ?? found.guess?.text;
  if (text === undefined)
    throw new PlumbError(
      "no-text",
      `${shownPath(found.file)}: no column seems to hold texts. Name it with --text.`,
    );
  const { guess } = found;
  // A column that was named for one thing is not guessed to be another.
  const named = new Set([
    text,
    ...(flags.label === undefined || flags.label === false ? [] : flags.label),
    ...[flags.id, flags.group, flags.split].filter((name) => name !== undefined),
  ]);
  const free = (name: string | null | undefined) =>
    name === undefined || name === null || named.has(name) ? null : name;
  const form = answerForm(found, flags.label, named);
  const kind = flags.kind ?? form.kind;
  const choices: TaskChoices = {
    text,
    kind,
    labels: form.labels,
    flags: form.flags,
    separator: flags.separator ?? (kind === "single" ? null : form.separator),
    id: flags.id ?? free(guess?.id),
    group: flags.group ?? free(guess?.group),
    split: flags.split ?? free(guess?.split),
  };
  const counted = flags.join ? countLabels(found.columns, choices) : null;
  const names = joinSpellings(counted ?? [], flags.labelSet ?? []);
  const labelSet = [...(flags.labelSet ?? []), ...names.values()];
  return {
    read,
    choices,
    renamed: new Map([...names].filter(([label, name]) => label !== name)),
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.instruction === undefined ? {} : { instruction: flags.instruction }),
    ...(labelSet.length === 0 ? {} : { labelSet }),
    ...(flags.keep === undefined ? {} : { keep: flags.keep }),
    ...(flags.testShare === undefined ? {} : { testShare: flags.testShare }),
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
    ...(flags.out === undefined ? {} : { out: flags.out }),
  };
}

/** The label that an answer was taken for, by each answer that is spelled otherwise. */
const joinedIn = ({ renamed }: NewTask) => Object.fromEntries(renamed ?? []);

/** Where the answers stand: in the columns that were named, else in those that look like it. */
function answerForm(
  { guess, columns }: Inspection,
  label: ImportFlags["label"],
  named: ReadonlySet<string>,
): AnswerChoices {
  const none: AnswerChoices = { kind: "single", labels: [], flags: false, separator: null };
  if (label === false) return none;
  if (label !== undefined) return guessForm(columns, label);
  return guess === null || guess.labels.some((name) => named.has(name)) ? none : guess;
}

function list(text: string): string[] {
  const labels = text
    .split(",")
    .map((label) => label.trim())
    .filter((label) => label !== "");
  if (labels.length === 0) throw new InvalidArgumentError("Expected labels with commas between them.");
  return labels;
}

function delimiter(text: string): string {
  const character = text === "tab" || text === "\\t" ? "\t" : text;
  if (character.length !== 1 || /["\r\n]/.test(character))
    throw new InvalidArgumentError("Expected one character, or tab.");
  return character;
}
