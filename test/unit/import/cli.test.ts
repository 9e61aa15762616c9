import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { loadTask } from "../../../src/core/data";
import { textOf } from "../data/folder";
import { fixture } from "./expected";

const main = path.resolve(__dirname, "../../../src/cli/main.ts");
const tsx = require.resolve("tsx");

describe("plumb import", function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "plumb-cli-import-"));
    const rows = Array.from({ length: 60 }, (_, n) => `${n},"${textOf(n)}",${n % 2 ? "spam" : "ham"}`);
    await writeFile(path.join(folder, "mail.csv"), `nr,body,verdict\n${rows.join("\n")}\n,,\n`);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const plumb = (...parameters: string[]) =>
    new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
      const child = execFile(
        process.execPath,
        ["--import", tsx, main, "import", ...parameters],
        { cwd: folder },
        (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
      );
    });

  it("shows what it would make, and writes nothing", async () => {
    const { code, stdout, stderr } = await plumb("mail.csv", "--preview");
    assert.deepEqual([code, stderr], [0, ""]);
    for (const line of [
      /^mail\.csv: table in text, delimiter ",", utf-8, with a header; 61 rows$/m,
      /^ {2}body +\[text\] /m,
      /^ {2}verdict +\[label\] 2 values, ham$/m,
      /^ {2}48 to learn from, 12 for the test \(drawn now\)$/m,
      /^ {2}labels: ham 30, spam 30$/m,
      /^x mail\.csv, line 62: no text in column "body"; the row was left out\.$/m,
      /Nothing was written\.$/m,
    ])
      assert.match(stdout, line);
    assert.deepEqual(await readdir(folder), ["mail.csv"]);
    const json = JSON.parse((await plumb("mail.csv", "--preview", "--json")).stdout) as {
      rows: number;
      labels: unknown;
      made: { counts: { test: number }; first: unknown[] };
    };
    assert.deepEqual([json.rows, json.made.counts.test, json.made.first.length], [61, 12, 5]);
    assert.deepEqual(json.labels, [
      { label: "ham", count: 30 },
      { label: "spam", count: 30 },
    ]);
  });

  it("writes a task with what was said, and not a second time", async () => {
    const said = [
      "--text",
      "body",
      "--label",
      "verdict",
      "--kind",
      "multi",
      "--name",
      "Junk",
      "--instruction",
      "Junk?",
    ];
    const rest = ["--out", "junk", "--test-share", "0.5", "--keep", "nr"];
    const { code, stdout } = await plumb("mail.csv", ...said, ...rest);
    assert.equal(code, 0);
    assert.match(stdout, /^Wrote junk\.jsonl and junk\.plumb\.json\.\nNext: plumb check junk\.plumb\.json$/m);
    const { task, examples } = await loadTask(path.join(folder, "junk.plumb.json"));
    assert.deepEqual(
      [task.name, task.kind, task.instruction, task.testShare],
      ["Junk", "multi", "Junk?", 0.5],
    );
    assert.equal(examples.filter(({ split }) => split === "test").length, 30);
    assert.deepEqual([examples[1]?.labels, examples[1]?.nr], [["spam"], "1"]);
    const again = await plumb("mail.csv", ...said, ...rest);
    assert.deepEqual([again.code, again.stdout], [1, ""]);
    assert.match(again.stderr, /^junk\.jsonl is there already/);
  });

  it("leaves labels out where that is said, and refuses what cannot be", async () => {
    assert.match(
      (await plumb("mail.csv", "--no-label", "--label-set", "ham,spam", "--preview")).stdout,
      /60 texts, 0 with an answer/,
    );
    await copyFile(fixture("openpyxl.xlsx"), path.join(folder, "b.xlsx"));
    for (const [parameters, code, words] of [
      [["mail.csv", "--text", "bdy"], 1, /^mail\.csv: there is no column "bdy"/],
      [["b.xlsx", "--sheet", "x"], 1, /no page "x"/],
      [["mail.csv", "--delimiter", "ab"], 2, /Expected one character/],
      [["mail.csv", "--encoding", "koi8-r"], 2, /Allowed choices/],
    ] as const) {
      const ended = await plumb(...parameters);
      assert.equal(ended.code, code);
      assert.match(ended.stderr, words);
    }
  });
});
