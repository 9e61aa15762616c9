import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { loadTask } from "../../../src/core/data";
import { inspect, writeTask } from "../../../src/core/import";
import { draftOf, newTaskOf } from "../../../src/core/import/draft";
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

  it("takes spellings of an answer for one label, as the page does, and says so", async () => {
    const cells = ["no", "No", "No", "Yes", "yes", "yes ", "yes", "not sure", "Not_sure", "", "NO", "n\0o"];
    const rows = cells.map((cell, n) => `"${textOf(n)}",${cell}\n`).join("");
    const source = path.join(folder, "said.csv");
    // A row without a text has a label, too.
    await writeFile(source, `text,label\n${rows},maybe\n`);
    const { stdout } = await plumb("said.csv", "--out", "here");
    assert.match(stdout, /^ {2}labels: yes 4, No 4, not sure 2, maybe 0$/m);
    const joined = '"no" as "No", "Yes" as "yes", "Not_sure" as "not sure", "NO" as "No"';
    assert.ok(stdout.includes(`\n  read ${joined}: the same but for case, blanks or dashes`), stdout);
    const given = { name: "here", instruction: "", baseModel: null, testShare: 0.2 };
    const draft = draftOf(await inspect(source), {}, { ...given, out: path.join(folder, "page") });
    await writeTask(source, newTaskOf(draft)!);
    const here = await loadTask(path.join(folder, "here.plumb.json"));
    const page = await loadTask(path.join(folder, "page.plumb.json"));
    assert.deepEqual(here.task.labels, page.task.labels);
    const labels = ({ examples }: typeof here) => examples.map(({ label }) => label ?? null);
    assert.deepEqual(labels(here), labels(page));

    const made = async (...parameters: string[]) => {
      const { stdout: told } = await plumb("said.csv", "--preview", "--json", ...parameters);
      const { joined: by, made: task } = JSON.parse(told) as {
        joined: Record<string, string>;
        made: { labels: { label: string }[] };
      };
      return [by, task.labels.map(({ label }) => label)];
    };
    assert.deepEqual(await made("--label-set", "NO,Maybe"), [
      { Yes: "yes", no: "NO", No: "NO", Not_sure: "not sure", maybe: "Maybe" },
      ["NO", "Maybe", "yes", "not sure"],
    ]);
    const [none, apart] = await made("--no-join");
    assert.deepEqual(
      [none, [...(apart as string[])].sort()],
      [{}, ["NO", "No", "Not_sure", "Yes", "no", "not sure", "yes"]],
    );
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
