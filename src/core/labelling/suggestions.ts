import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { writeFileAtomic } from "../files";
import { plumbFolder } from "../tuning/run-folder";

/** What an adapter suggests for an example, kept apart from what people answer. */
export const Suggested = z.object({
  id: z.string(),
  text: z.string().describe("Beginning of the SHA-256 of the text that was judged."),
  run: z.string().describe("Id of the run whose adapter it was."),
  chosen: z.array(z.string()).describe("Labels that the adapter would give."),
  labels: z
    .array(z.object({ label: z.string(), probability: z.number() }))
    .describe("The likeliest first; empty for generation."),
  output: z.string().nullable().describe("Generation: the suggested answer."),
});
export type Suggested = z.infer<typeof Suggested>;

/** Where suggestions for an examples file stand: in the task's .plumb folder, never in the file itself. */
const fileOf = (taskFolder: string, examples: string): string =>
  path.join(taskFolder, ".plumb", "suggestions", path.basename(examples));

/** Suggestions for an examples file, by id. None where there is no such file; a line that is none is passed over. */
export async function readSuggestions(
  taskFolder: string,
  examples: string,
): Promise<ReadonlyMap<string, Suggested>> {
  const text = await readFile(fileOf(taskFolder, examples), "utf8").catch(() => "");
  const found = new Map<string, Suggested>();
  for (const line of text.split("\n")) {
    const suggested = line === "" ? null : parse(line);
    if (suggested !== null) found.set(suggested.id, suggested);
  }
  return found;
}

/** Writes all suggestions for an examples file: what was there before is gone. */
export async function writeSuggestions(
  taskFolder: string,
  examples: string,
  suggestions: readonly Suggested[],
): Promise<void> {
  await plumbFolder(taskFolder);
  const file = fileOf(taskFolder, examples);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFileAtomic(file, suggestions.map((one) => `${JSON.stringify(one)}\n`).join(""));
}

function parse(line: string): Suggested | null {
  try {
    return Suggested.parse(JSON.parse(line));
  } catch {
    return null; // written by another version, or cut short: a suggestion can be had again
  }
}
