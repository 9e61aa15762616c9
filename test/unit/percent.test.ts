import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { percent, percentDone } from "../../src/percent";

describe("shares in percent", () => {
  it("are whole, never none or all without being it, and a dash where there is none", () => {
    const shown = [0.456, 0, 0.0001, 0.995, 0.9999, 1, null].map(percent);
    assert.deepEqual(
      shown,
      ["46", "0", "<1", ">99", ">99", "100", null].map((figure) =>
        figure === null ? "–" : `${figure}\u00a0%`,
      ),
    );
  });

  it("of work never run ahead of it", () => {
    assert.deepEqual(
      [0, 0.004, 0.5, 0.999, 1].map(percentDone),
      ["0", "0", "50", "99", "100"].map((figure) => `${figure}\u00a0%`),
    );
  });

  it("are spelled by one rule, in the report and in every part of the editor", async () => {
    const root = path.resolve(__dirname, "../../src");
    const files = (await readdir(root, { recursive: true })).filter((name) => name.endsWith(".ts"));
    const own: string[] = [];
    for (const name of files)
      if ((await readFile(path.join(root, name), "utf8")).includes('style: "percent"')) own.push(name);
    assert.deepEqual(own, []);
  });
});
