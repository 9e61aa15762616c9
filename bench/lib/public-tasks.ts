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

interface PublicRow {
  readonly line: string;
  readonly row: z.infer<typeof Row>;
}

async function readRows(file: string): Promise<PublicRow[]> {
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
 * that also stand in the test, apart from case and punctuation, are passed over. Several sets, their names joined by "+",
 * are one task with the labels of all: no set alone has 5,000 examples.
 * @returns Path of the task file.
 */
export async function writePublicTask(name: string, folder: string, draw: Draw): Promise<string> {
  const sets = await Promise.all(name.split("+").map(readSet));
  const [first, ...others] = sets;
  if (others.some(({ known }) => known.kind !== first!.known.kind))
    throw new Error(`${name}: the sets are not of one kind.`);
  const train = sets.flatMap((set) => set.train);
  const test = sets.flatMap((set) => set.test);
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
    kind: first!.known.kind,
    instruction: sets.map(({ known }) => known.instruction).join(" "),
    ...(first!.known.kind === "generation" ? {} : { labels: sets.flatMap(labelsOf) }),
    examples,
    seed: draw.seed,
  };
  const file = path.join(folder, `${name}.plumb.json`);
  await writeFile(file, `${JSON.stringify(task, null, 2)}\n`);
  return file;
}

interface PublicSet {
  readonly known: PublicTask;
  readonly train: readonly PublicRow[];
  readonly test: readonly PublicRow[];
}

async function readSet(name: string): Promise<PublicSet> {
  const known = (await knownTasks())[name];
  if (known === undefined) throw new Error(`bench/tasks.json has no task "${name}".`);
  const data = publicData(name);
  if (data === null) throw new Error(`${path.join(publicDataFolder(), name)} is not here (see PLUMB_DATA).`);
  const [train, test] = await Promise.all(
    ["train.jsonl", "test.jsonl"].map((file) => readRows(path.join(data, file))),
  );
  return { known, train: train!, test: test! };
}

function labelsOf({ known, train, test }: PublicSet) {
  const rows = [...train, ...test];
  const found = new Set(
    rows.flatMap(({ row }) => row.labels ?? (row.label === undefined ? [] : [row.label])),
  );
  const words = known.words ?? Object.fromEntries([...found].sort().map((label) => [label, label]));
  const without = [...found].filter((label) => !(label in words));
  if (without.length > 0) throw new Error(`bench/tasks.json has no word for ${without.join(", ")}.`);
  return Object.entries(words).map(([name, word]) => (name === word ? { name } : { name, word }));
}
