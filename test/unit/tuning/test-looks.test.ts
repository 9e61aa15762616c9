import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { countTestLook } from "../../../src/core/tuning/run-folder";

describe("looks at the test part", () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(path.join(os.tmpdir(), "plumb-looks-"))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const look = (run: string, ids = ["1", "2"]) => countTestLook(folder, run, ids, new Date(0));

  it("are all counted where several runs end at once, each once", async () => {
    const counts = await Promise.all(["a", "b", "c", "d", "e", "a"].map((run) => look(run)));
    assert.equal(Math.max(...counts), 5);
    assert.equal(await look("f"), 6);
    assert.deepEqual(
      (await readdir(path.join(folder, ".plumb"))).sort(),
      [".gitignore", "test-looks.json"],
      "no lock stays behind",
    );
  });

  it("of another test part have a count of their own", async () => {
    await look("a");
    assert.equal(await look("b", ["3"]), 1);
    assert.equal(await look("c", ["2", "1"]), 2);
  });
});
