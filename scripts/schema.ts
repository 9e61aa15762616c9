/**
 * Writes the files of schemas/, by which editors complete and check tasks, suites and lists of base trainings,
 * from the schemas that Plumb itself reads them with: `npx tsx scripts/schema.ts`. A test fails while a file is not what this
 * would write.
 */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { format } from "prettier";
import * as z from "zod";
import { BaseTraining, Suite, Task } from "../src/core/schema";

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "schemas");

/** Schemas by the file that holds them. */
export const schemaFiles = {
  [path.join(folder, "task.schema.json")]: Task,
  [path.join(folder, "suite.schema.json")]: Suite,
  [path.join(folder, "base-training.schema.json")]: BaseTraining,
};

/** Content of a JSON schema. Draft 7, which is what editors know best. */
export async function schemaText(type: z.ZodType): Promise<string> {
  const schema = z.toJSONSchema(type, { target: "draft-7", io: "input" });
  return format(JSON.stringify(schema), { parser: "json", printWidth: 110 });
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  void (async () => {
    await mkdir(folder, { recursive: true });
    for (const [file, type] of Object.entries(schemaFiles)) await writeFile(file, await schemaText(type));
  })();
}
