import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { schemaFiles, schemaText } from "../../../scripts/schema";

describe("JSON schema", () => {
  for (const [file, type] of Object.entries(schemaFiles)) {
    it(`${path.basename(file)} is the one that Plumb's own schema gives`, async () => {
      assert.equal(await readFile(file, "utf8"), await schemaText(type), "run: npx tsx scripts/schema.ts");
    });
  }
});
