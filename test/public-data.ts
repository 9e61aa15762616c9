import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");

/** Folder of the public data sets: environment variable PLUMB_DATA, else `../shared/data` beside the repository. */
export function publicDataFolder(): string {
  return path.resolve(root, process.env.PLUMB_DATA ?? "../shared/data");
}

/** Folder of one public data set with `train.jsonl` and `test.jsonl`, or null where it is not on this machine. */
export function publicData(task: string): string | null {
  const folder = path.join(publicDataFolder(), task);
  return existsSync(path.join(folder, "train.jsonl")) ? folder : null;
}

/** Names of all public data sets on this machine; empty where there are none. */
export function publicTasks(): string[] {
  const folder = publicDataFolder();
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => publicData(name) !== null)
    .sort();
}

/** A task over a public data set, its label set in order of first appearance in the training file. */
export function publicTask(name: string): Record<string, unknown> | null {
  const folder = publicData(name);
  if (folder === null) return null;
  const labels = new Set<string>();
  let kind = "generation";
  for (const line of readFileSync(path.join(folder, "train.jsonl"), "utf8").split("\n")) {
    if (line === "") continue;
    const example = JSON.parse(line) as { label?: string; labels?: string[] };
    if (example.label !== undefined) {
      kind = "single";
      labels.add(example.label);
    } else if (example.labels !== undefined) {
      kind = "multi";
      for (const label of example.labels) labels.add(label);
    }
  }
  return {
    version: 1,
    name,
    kind,
    ...(kind === "generation" ? {} : { labels: [...labels].map((label) => ({ name: label })) }),
    examples: { train: path.join(folder, "train.jsonl"), test: path.join(folder, "test.jsonl") },
  };
}

/** Skips the running test with a printed reason, where a public data set is missing. */
export function needPublicData(test: Mocha.Context, task: string): string {
  const folder = publicData(task);
  if (folder !== null) return folder;
  console.log(`      skipped: ${path.join(publicDataFolder(), task)} is not here (see PLUMB_DATA)`);
  test.skip();
}
