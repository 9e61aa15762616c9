import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { taskSchema, taskSchemaFile } from "../../../scripts/schema";

describe("JSON schema of a task file", () => {
  it("is the one that Plumb's own schema gives", async () => {
    assert.equal(
      await readFile(taskSchemaFile, "utf8"),
      await taskSchema(),
      "run: npx tsx scripts/schema.ts",
    );
  });
});
