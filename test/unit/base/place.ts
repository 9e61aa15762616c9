/** Small tasks and a list of them in a temporary folder, and a base model of the fake engine that can be written. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Task } from "../../../src/core/schema";
import type { JobTools } from "../../../src/core/tuning/job-tools";
import { fakeBaseModel, fakeTable, type FakeBehaviour } from "../tuning/fake-engine";
import { fakeTools, rows } from "../tuning/fake-task";

/** As the fake session names its one matrix. */
const base = fakeBaseModel({
  parameterCount: 4096,
  table: {
    ...fakeTable,
    tensors: [{ name: "model.embed_tokens.weight", type: "f32", shape: [64, 64], file: 0, offset: 0 }],
  },
});

export const baseTools = (behaviour: FakeBehaviour = {}, change: Partial<JobTools> = {}) =>
  fakeTools(behaviour, { openBaseModel: () => Promise.resolve(base), ...change });

export interface Place {
  readonly folder: string;
  /** Path of the list. */
  readonly list: string;
  readonly out: string;
  task(name: string, kind: Task["kind"], examples: readonly object[], more?: object): Promise<string>;
  write(more?: object): Promise<void>;
  remove(): Promise<void>;
}

const LABELS = { labels: ["happy", "sad", "angry"].map((name) => ({ name })) };

/** Three tasks of different kinds and sizes, and a list that learns them in a moment. */
export async function makePlace(): Promise<Place> {
  const folder = await mkdtemp(path.join(tmpdir(), "plumb-base-"));
  const list = path.join(folder, "all.base-training.json");
  const task: Place["task"] = async (name, kind, examples, more = {}) => {
    const file = path.join(folder, `${name}.plumb.json`);
    const content = {
      version: 1,
      name,
      kind,
      instruction: `the mood, ${name}`,
      ...(kind === "generation" ? {} : LABELS),
      examples: `${name}.jsonl`,
      ...more,
    };
    await writeFile(file, JSON.stringify(content));
    await writeFile(
      path.join(folder, `${name}.jsonl`),
      examples.map((row) => `${JSON.stringify(row)}\n`).join(""),
    );
    return file;
  };
  const write: Place["write"] = (more = {}) =>
    writeFile(
      list,
      JSON.stringify({
        version: 1,
        name: "trained",
        tasks: ["one.plumb.json", "many.plumb.json", "told.plumb.json"],
        steps: 24,
        evaluateEvery: 6,
        batch: 8,
        rate: 0.05,
        heldOutShare: 0.2,
        ...more,
      }),
    );
  await task("one", "single", rows("single", 120, 1));
  await task("many", "multi", rows("multi", 60, 2));
  await task("told", "generation", rows("generation", 40, 3));
  await write();
  return {
    folder,
    list,
    out: path.join(folder, "out"),
    task,
    write,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
