/** Turns public data sets into tasks as a person would set them up, with instruction and label words of tasks.json. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { comparedText } from "../../src/core/data/duplicates";
import { seededRandom, shuffled } from "../../src/core/random";
import { TaskKind, type Task } from "../../src/core/schema";
import { publicData, publicDataFolder } from "../../test/public-data";

const PublicTask = z.strictObject({
  kind: TaskKind,
  benchmark: z
    .literal(true)
    .optional()
    .describe("One of the fifteen benchmarks: no setting is chosen by it."),
  instruction: z.string(),
  words: z
    .record(z.string(), z.string())
    .optional()
    .describe(
      "What the model reads and writes for each label. Absent: the labels as they stand in the data.",
    ),
});
type PublicTask = z.infer<typeof PublicTask>;

/** The public data sets that a task is known for. */
export async function knownTasks(): Promise<Record<string, PublicTask>> {
  const file = path.join(__dirname, "..", "tasks.json");
  return z.record(z.string(), PublicTask).parse(JSON.parse(await readFile(file, "utf8")));
}

/** What is read of a line of public data. */
const Row = z.looseObject({
  id: z.string(),
  text: z.string(),
  label: z.string().optional(),
  labels: z.array(z.string()).optional(),
});

async function readRows(file: string): Promise<{ line: string; row: z.infer<typeof Row> }[]> {
  const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
  return lines.map((line) => ({ line, row: Row.parse(JSON.parse(line)) }));
}

export interface Draw {
  /** Training examples to draw; all where absent. */
  readonly train?: number;
  /** Test examples to draw; all where absent. */
  readonly test?: number;
  /** Test examples to take as they stand, from the first. */
  readonly firstTest?: number;
  readonly seed: number;
}

/**
 * Writes `NAME.plumb.json` and the drawn examples (`NAME.train.jsonl`, `NAME.test.jsonl`) into a folder. Training texts
 * that also stand in the test, apart from case and punctuation, are passed over.
 * @returns Path of the task file.
 */
export async function writePublicTask(name: string, folder: string, draw: Draw): Promise<string> {
  const known = (await knownTasks())[name];
  if (known === undefined) throw new Error(`bench/tasks.json has no task "${name}".`);
  const data = publicData(name);
  if (data === null) throw new Error(`${path.join(publicDataFolder(), name)} is not here (see PLUMB_DATA).`);
  const train = await readRows(path.join(data, "train.jsonl"));
  const test = await readRows(path.join(data, "test.jsonl"));
  const tested = new Set(test.map(({ row }) => comparedText(row.text)));
  const random = seededRandom(draw.seed);
  const drawn = shuffled(train, random)
    .filter(({ row }) => !tested.has(comparedText(row.text)))
    .slice(0, draw.train);
  const asked =
    draw.test === undefined ? test.slice(0, draw.firstTest) : shuffled(test, random).slice(0, draw.test);

  await mkdir(folder, { recursive: true });
  const write = (file: string, rows: readonly { line: string }[]) =>
    writeFile(path.join(folder, file), rows.map(({ line }) => `${line}\n`).join(""));
  const examples = { train: `${name}.train.jsonl`, test: `${name}.test.jsonl` };
  await write(examples.train, drawn);
  await write(examples.test, asked);
  const task: Task = {
    version: 1,
    name,
    kind: known.kind,
    instruction: known.instruction,
    ...(known.kind === "generation" ? {} : { labels: labelsOf(known, [...train, ...test]) }),
    examples,
    seed: draw.seed,
  };
  const file = path.join(folder, `${name}.plumb.json`);
  await writeFile(file, `${JSON.stringify(task, null, 2)}\n`);
  return file;
}

function labelsOf(known: PublicTask, rows: readonly { row: z.infer<typeof Row> }[]) {
  const found = new Set(
    rows.flatMap(({ row }) => row.labels ?? (row.label === undefined ? [] : [row.label])),
  );
  const words = known.words ?? Object.fromEntries([...found].sort().map((label) => [label, label]));
  const without = [...found].filter((label) => !(label in words));
  if (without.length > 0) throw new Error(`bench/tasks.json has no word for ${without.join(", ")}.`);
  return Object.entries(words).map(([name, word]) => (name === word ? { name } : { name, word }));
}
