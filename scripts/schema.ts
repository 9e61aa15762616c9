/**
 * Writes schemas/task.schema.json, by which editors complete and check task files, from the schema that Plumb itself
 * reads them with: `npx tsx scripts/schema.ts`. A test fails while the file is not what this would write.
 */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { format } from "prettier";
import { z } from "zod";
import { Task } from "../src/core/schema";

export const taskSchemaFile = path.join(
  path.dirname(fileURLToPath(import.meta.url)),
  "..",
  "schemas",
  "task.schema.json",
);

/** Content of the JSON schema of a task file. Draft 7, which is what editors know best. */
export async function taskSchema(): Promise<string> {
  const schema = z.toJSONSchema(Task, { target: "draft-7", io: "input" });
  return format(JSON.stringify(schema), { parser: "json", printWidth: 110 });
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  void (async () => {
    await mkdir(path.dirname(taskSchemaFile), { recursive: true });
    await writeFile(taskSchemaFile, await taskSchema());
  })();
}
