import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { CheckResult } from "../../../src/core/data";
import { TestFolder, textOf } from "./folder";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../..");
const main = path.join(root, "src/cli/main.ts");
const tsx = path.join(root, "node_modules/tsx/dist/loader.mjs");

describe("plumb check", function () {
  this.timeout(60_000);
  let folder: TestFolder;
  beforeEach(async () => {
    folder = await TestFolder.make();
  });
  afterEach(() => folder.remove());

  const plumb = (...words: string[]) =>
    spawnSync(process.execPath, ["--import", tsx, main, "check", ...words], {
      cwd: folder.path,
      encoding: "utf8",
      // Without the default model, wherever these tests run.
      env: { ...process.env, PLUMB_CACHE: folder.at("cache") },
    });
  const examples = (label: (n: number) => string) =>
    Array.from({ length: 120 }, (_, n) => ({ id: `${n}`, text: textOf(n), label: label(n) }));
  const contents = () =>
    readdirSync(folder.path).map((name) => [name, readFileSync(folder.at(name), "utf8")]);

  it("ends with 0 where a run is possible, says so on standard output, and writes nothing", async () => {
    await folder.writeTask(examples((n) => (n % 2 === 0 ? "positive" : "negative")));
    const before = contents();
    const { status, stdout, stderr } = plumb("t.plumb.json", "--no-tokens");
    assert.equal(stderr, "");
    assert.equal(status, 0);
    assert.match(stdout, /\nA run is possible: plumb tune t\.plumb\.json\n$/);
    assert.deepEqual(contents(), before);
  });

  it("ends with 1 where a run would be dishonest or impossible, in JSON too", async () => {
    await folder.writeTask(examples((n) => (n === 7 ? "postive" : n % 2 === 0 ? "positive" : "negative")));
    const { status, stdout } = plumb("t.plumb.json", "--no-tokens", "--json");
    assert.equal(status, 1);
    const result = JSON.parse(stdout) as CheckResult;
    assert.equal(result.runnable, false);
    assert.deepEqual(
      result.findings.map(({ code, places }) => [code, places[0]?.line]),
      [["label-outside", 8]],
    );
  });

  it("says in JSON, too, why a task cannot be used, and in which line", async () => {
    const file = await folder.writeTask([]);
    const { status, stdout, stderr } = plumb(file, "--base", "none", "--json");
    assert.equal(status, 1);
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string; line: number } };
    assert.equal(error.code, "model-missing");
    assert.ok(stderr.includes(error.message));
    await folder.write("t.plumb.json", '{\n  "version": 1,\n  "kind": "sngle"\n}');
    const other = JSON.parse(plumb("t.plumb.json", "--json").stdout) as { error: { line: number } };
    assert.equal(other.error.line, 1);
  });

  it("measures texts with the tokenizer of a base model, and does without where there is none", async () => {
    await folder.writeTask(examples((n) => (n % 2 === 0 ? "positive" : "negative")));
    const tiny = path.join(root, "test/fixtures/tiny");
    const measured = plumb("t.plumb.json", "--base", tiny, "--json");
    const { lengths } = JSON.parse(measured.stdout) as CheckResult;
    assert.equal(lengths?.measured, 120);
    assert.ok(
      lengths.median >= 8 && lengths.most >= lengths.median && lengths.room > 16,
      JSON.stringify(lengths),
    );

    const without = plumb("t.plumb.json");
    assert.equal(without.status, 0);
    assert.match(without.stdout, /The length of texts in tokens was not checked\. /);
    const missing = plumb("t.plumb.json", "--base", folder.at("none"));
    assert.deepEqual([missing.status, missing.stdout], [1, ""]);
    assert.match(missing.stderr, /none/);
    assert.equal(missing.stderr.split("\n").length, 2);
  });

  it("says in one sentence what is wrong with a task that cannot be read", async () => {
    await folder.writeTask([]);
    const { status, stdout, stderr } = plumb("other.plumb.json");
    assert.deepEqual([status, stdout], [1, ""]);
    assert.equal(
      stderr,
      "There is no task file other.plumb.json. Check the path. Task files there: t.plumb.json.\n",
    );
  });

  it("ends with 2 where it is called wrongly", () => {
    assert.equal(plumb().status, 2);
    const { status, stderr } = plumb("t.plumb.json", "--test-share", "1");
    assert.equal(status, 2);
    assert.match(stderr, /Found "1", expected a number between 0 and 1\./);
  });
});
