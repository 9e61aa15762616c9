import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { inspect, prepareTask } from "../../src/core/import";
import { PlumbError } from "../../src/core/errors";
import { fixtures } from "../unit/import/expected";
import { fuzz, fuzzSeconds } from "./fuzz";

/** Seeds of each kind: their damage differs. */
const kinds: Record<string, RegExp> = {
  "tables in text": /\.(csv|tsv)$/,
  "JSON and exports": /\.jsonl?$/,
  spreadsheets: /\.xlsx$/,
  "Parquet files": /\.parquet$/,
};

describe("readers of other programs' files, fuzzed", function () {
  this.timeout((fuzzSeconds + 30) * 1000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "plumb-fuzz-import-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const [kind, ending] of Object.entries(kinds)) {
    it(`reads or refuses any ${kind}, and every row becomes an example or a problem`, async () => {
      const names = (await readdir(fixtures)).filter((name) => ending.test(name) && name !== "expected.json");
      const seeds = await Promise.all(names.map((name) => readFile(path.join(fixtures, name))));
      const file = path.join(folder, "a.txt");
      let made = 0;
      const { rounds } = await fuzz(seeds, async (input) => {
        await writeFile(file, input);
        const found = await inspect(file);
        if (found.guess === null) return;
        try {
          const { counts, problemCount, examples } = await prepareTask(file, {
            read: {},
            choices: found.guess,
          });
          assert.equal(counts.rows, found.rows);
          assert.ok(counts.rows - counts.examples <= problemCount, "a row that is left out is told");
          assert.equal(new Set(examples.map(({ id }) => id)).size, counts.examples);
          made++;
        } catch (error) {
          if (!(error instanceof PlumbError)) throw error;
        }
      });
      assert.ok(rounds > 100 && made > 10, `${rounds} rounds, ${made} made`);
    });
  }
});
