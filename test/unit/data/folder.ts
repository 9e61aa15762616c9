import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { seededRandom } from "../../../src/core/random";

/** A folder that is gone after the test, and what tests write into it. */
export class TestFolder {
  private constructor(readonly path: string) {}

  static async make(): Promise<TestFolder> {
    return new TestFolder(await mkdtemp(path.join(os.tmpdir(), "plumb-data-")));
  }

  at(name: string): string {
    return path.join(this.path, name);
  }

  /** Writes a file and returns its path. */
  async write(name: string, content: string | Uint8Array): Promise<string> {
    const file = this.at(name);
    await writeFile(file, content);
    return file;
  }

  async writeLines(name: string, values: readonly unknown[]): Promise<string> {
    return this.write(name, values.map((value) => `${JSON.stringify(value)}\n`).join(""));
  }

  /** A task file over `examples.jsonl`, and that file. */
  async writeTask(examples: readonly unknown[], task: Record<string, unknown> = {}): Promise<string> {
    await this.writeLines("examples.jsonl", examples);
    return this.write("t.plumb.json", JSON.stringify({ ...plainTask, ...task }));
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

export const plainTask = {
  version: 1,
  name: "Reviews",
  kind: "single",
  labels: [{ name: "negative" }, { name: "positive" }],
  examples: "examples.jsonl",
};

const syllables = ["ba", "ke", "li", "mo", "nu", "pra", "ste", "ri", "go", "fu", "zy", "che"];

/** Eight words that are like no other number's. */
export function textOf(n: number): string {
  const random = seededRandom(1000 + n);
  const syllable = () => syllables[Math.floor(random() * syllables.length)]!;
  return Array.from({ length: 8 }, () => syllable() + syllable() + syllable()).join(" ");
}

/** Runs something as a user to whom permissions apply: the superuser may read and write everything. */
export async function withoutPrivileges(action: () => Promise<void>): Promise<void> {
  const user = process.geteuid?.();
  if (user === 0) process.seteuid?.(65534);
  try {
    await action();
  } finally {
    if (user === 0) process.seteuid?.(0);
  }
}
