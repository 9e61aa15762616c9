import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { Report } from "../../src/core/schema";
import { fixtures } from "../fixtures/reference";
import { makeTask, rows } from "../unit/tuning/fake-task";

/** The built command line, with the tiny LLaMA of the fixtures: everything is real but the size. */
const CLI = path.join(__dirname, "..", "..", "dist", "cli.js");
const TINY = path.join(fixtures, "tiny");
const QUICK = ["--base", TINY, "--steps", "30", "--threads", "1", "--no-probe"];

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

function plumb(args: readonly string[], options: { cwd?: string; input?: string } = {}): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    ...options,
  });
  return { code: status, out: stdout, err: stderr };
}

/**
 * Starts the command line and sends it a signal at the first line of output that fits.
 * @param group Sends it to the command line and to its worker, as `timeout` and a closing terminal do, and then again to
 *   the command line, as `timeout` does.
 */
function interrupted(
  args: readonly string[],
  cwd: string,
  at: RegExp,
  signal: NodeJS.Signals,
  group = false,
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [CLI, ...args], { cwd, detached: group });
    const ended: Ended = { code: null, out: "", err: "" };
    let sent = false;
    child.stdout.on("data", (text: Buffer) => {
      ended.out += text.toString();
      if (!sent && at.test(ended.out)) {
        sent = true;
        if (group) {
          process.kill(-child.pid!, signal);
          setTimeout(() => child.kill(signal), 1);
        } else child.kill(signal);
      }
    });
    child.stderr.on("data", (text: Buffer) => (ended.err += text.toString()));
    child.on("close", (code) => resolve({ ...ended, code }));
  });
}

const adapterOf = (folder: string) => readFile(path.join(folder, "adapter.safetensors"));
const jsonLines = (text: string) =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("the command line", function () {
  this.timeout(600_000);
  let task: Awaited<ReturnType<typeof makeTask>>;
  let run: string;

  before(async () => {
    assert.ok(existsSync(CLI), `${CLI} is missing: npm run build`);
    task = await makeTask("single", 90);
    const { code, out, err } = plumb(["tune", "moods.plumb.json", ...QUICK], { cwd: task.folder });
    assert.equal(code, 0, err);
    run = path.resolve(task.folder, out.trim());
  });
  after(() => task.remove());

  it("says that its output cannot be written, and ends well where its reader has seen enough", () => {
    const into = (end: string) => {
      const command = `'${process.execPath}' '${CLI}' check '${task.file}' ${end}`;
      const { status, stderr } = spawnSync("bash", ["-c", `set -o pipefail; ${command}`], {
        encoding: "utf8",
      });
      return { code: status, err: stderr };
    };
    const full = into("> /dev/full");
    assert.deepEqual(full, {
      code: 1,
      err: "Cannot write standard output: no space left on the disk; free some.\n",
    });
    assert.deepEqual(into("| true"), { code: 0, err: "" });
  });

  it("does what was asked for though nobody takes what it says of it", async () => {
    for (const [out, end] of [
      ["unread", "2>&1 >/dev/null | true"],
      ["unlogged", "2> /dev/full"],
    ] as const) {
      const command = `'${process.execPath}' '${CLI}' tune moods.plumb.json ${QUICK.join(" ")} --out ${out} ${end}`;
      spawnSync("bash", ["-c", command], { cwd: task.folder });
      const adapter = await adapterOf(path.join(task.folder, out));
      assert.ok(adapter.equals(await adapterOf(run)), out);
    }
  });

  it("says that the folder is gone in which it runs, and tells what is possible there", () => {
    const inGone = (args: string) => {
      const gone = path.join(task.folder, "gone");
      const command = `mkdir '${gone}' && cd '${gone}' && rmdir '${gone}' && exec '${process.execPath}' '${CLI}' ${args}`;
      const { status, stderr } = spawnSync("sh", ["-c", command], { encoding: "utf8" });
      return { code: status, err: stderr };
    };
    for (const args of [`check '${task.file}'`, "tune moods.plumb.json", `predict '${run}'`, "models list"]) {
      const { code, err } = inGone(args);
      assert.equal(code, 1, args);
      assert.match(
        err,
        /^The folder in which this runs has been deleted or moved\. Change to one .*\n$/,
        args,
      );
    }
    assert.deepEqual(inGone("tune --help"), { code: 0, err: "" });
  });

  it("prints the run folder, and nothing else, on standard output; words go to standard error", () => {
    const { out, err } = plumb(["tune", "moods.plumb.json", ...QUICK], { cwd: task.folder });
    assert.match(out, /^\.plumb\/runs\/[\w-]+\n$/);
    assert.match(err, /^Note: .*\n/m);
    assert.match(err, /^Tunes tiny on \d+ texts/m);
    assert.match(err, /^Macro F1 \d\.\d\d \[/m);
    assert.match(err, /^Report: .*report\.html$/m);
  });

  it("speaks JSON lines to programs, the report last", () => {
    const { code, out, err } = plumb(["tune", "moods.plumb.json", ...QUICK, "--json"], { cwd: task.folder });
    assert.equal(code, 0);
    assert.equal(err, "");
    const events = jsonLines(out);
    const types = new Set(events.map(({ type }) => type));
    for (const type of ["model", "forecast", "started", "progress", "done"]) assert.ok(types.has(type), type);
    assert.equal(events.filter(({ phase, done }) => phase === "tune" && done === 30).length > 0, true);
    Report.parse(events.at(-1)?.report);
  });

  it("tells programs why it failed, and people the same", () => {
    const { code, out, err } = plumb(["tune", "none.plumb.json", "--json"], { cwd: task.folder });
    assert.equal(code, 1);
    const [event, ...more] = jsonLines(out);
    assert.deepEqual([event?.type, event?.code, more], ["failed", "no-such-file", []]);
    assert.equal(err, `${String(event?.message)}\n`);
  });

  it("saves on Ctrl-C, says how to go on, and goes on to the bit", async () => {
    const many = [
      "--base",
      TINY,
      "--steps",
      "600",
      "--threads",
      "1",
      "--no-probe",
      "--patience",
      "100",
      "--json",
    ];
    const whole = plumb(["tune", "moods.plumb.json", ...many], { cwd: task.folder });
    const straight = jsonLines(whole.out).at(-1)!.folder as string;
    const stopped = await interrupted(
      ["tune", "moods.plumb.json", ...many, "--out", "stopped"],
      task.folder,
      /"phase":"tune".*"done":1\d,/,
      "SIGINT",
    );
    assert.equal(stopped.code, 130);
    assert.equal(jsonLines(stopped.out).at(-1)?.type, "paused");
    assert.match(
      stopped.err,
      /, with texts and answers as they were .*\. Go on with:\n {2}plumb tune --resume stopped\n$/,
    );
    const { code } = plumb(["tune", "--resume", "stopped"], { cwd: task.folder });
    assert.equal(code, 0);
    assert.deepEqual(await adapterOf(path.join(task.folder, "stopped")), await adapterOf(straight));
  });

  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    it(`saves on ${signal} to its process group, and goes on to the bit`, async () => {
      const args = ["tune", "moods.plumb.json", ...QUICK, "--json", "--out", signal];
      const stopped = await interrupted(args, task.folder, /"phase":"tune".*"done":5,/, signal, true);
      assert.equal(stopped.code, 130, stopped.err);
      assert.equal(jsonLines(stopped.out).at(-1)?.type, "paused");
      assert.equal(plumb(["tune", "--resume", signal], { cwd: task.folder }).code, 0);
      assert.deepEqual(await adapterOf(path.join(task.folder, signal)), await adapterOf(run));
    });
  }

  it("begins again, to the same result, where what it had saved is gone, and says so", async () => {
    const args = ["tune", "moods.plumb.json", ...QUICK, "--json", "--out", "emptied"];
    await interrupted(args, task.folder, /"phase":"tune".*"done":5,/, "SIGINT");
    const folder = path.join(task.folder, "emptied");
    await rm(path.join(folder, "checkpoint"), { recursive: true });
    const { code, err } = plumb(["tune", "--resume", "emptied"], { cwd: task.folder });
    assert.equal(code, 0, err);
    assert.match(
      err,
      /saved is gone: there was no folder .*emptied.checkpoint\. It begins at its first step/,
    );
    assert.deepEqual(await adapterOf(folder), await adapterOf(run));
  });

  it("loses nothing but a sentence when it is killed", async () => {
    const args = ["tune", "moods.plumb.json", ...QUICK, "--json", "--out", "killed"];
    await interrupted(args, task.folder, /"phase":"tune".*"done":5,/, "SIGKILL");
    const folder = path.join(task.folder, "killed");
    // The worker sees that its parent is gone, saves and ends.
    for (let tries = 0; existsSync(path.join(folder, "lock")) && tries < 200; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { code, err } = plumb(["tune", "--resume", "killed"], { cwd: task.folder });
    if (code !== 0) assert.match(err, /is finished/);
    assert.deepEqual(await adapterOf(folder), await adapterOf(run));
  });

  it("goes on from a kill of all its processes to the bit, though an answer was corrected since, and says so", async () => {
    const args = ["tune", "moods.plumb.json", ...QUICK, "--json", "--out", "corrected"];
    await interrupted(args, task.folder, /"phase":"tune".*"done":5,/, "SIGKILL", true);
    const folder = path.join(task.folder, "corrected");
    assert.ok(!existsSync(path.join(folder, "adapter.safetensors")), "killed in the middle");
    const file = path.join(task.folder, "moods.jsonl");
    const before = await readFile(file, "utf8");
    await writeFile(file, before.replaceAll('"label":"happy"', '"label":"sad"'));
    try {
      const { code, err } = plumb(["tune", "--resume", "corrected"], { cwd: task.folder });
      assert.equal(code, 0, err);
      assert.match(err, /have changed since the run began\. It goes on with them as they were then/);
    } finally {
      await writeFile(file, before);
    }
    assert.deepEqual(await adapterOf(folder), await adapterOf(run));
    assert.ok(!(await readdir(folder)).includes("checkpoint"));
  });

  describe("of two that tune one task at once", () => {
    const long = ["--base", TINY, "--steps", "2000", "--threads", "1", "--no-probe", "--patience", "1000"];
    const locks = async () =>
      (await readdir(path.join(task.folder, ".plumb"))).filter((name) => name.endsWith(".lock"));

    it("refuses the second, with the first one's folder; a kill of the first, and nothing stands in the way", async () => {
      const args = [CLI, "tune", "moods.plumb.json", ...long, "--json"];
      const first = spawn(process.execPath, args, { cwd: task.folder, detached: true });
      let said = "";
      const started = new Promise<string>((resolve) =>
        first.stdout.on("data", (text: Buffer) => {
          said += text.toString();
          const line = said.split("\n").find((each) => each.includes('"type":"started"'));
          if (line !== undefined) resolve((JSON.parse(line) as { folder: string }).folder);
        }),
      );
      const ended = new Promise((resolve) => first.on("close", resolve));
      try {
        const folder = await started;
        for (const more of [[], ["--out", "second"]]) {
          const { code, out, err } = plumb(["tune", "moods.plumb.json", ...QUICK, ...more], {
            cwd: task.folder,
          });
          assert.deepEqual([code, out], [1, ""]);
          assert.match(
            err,
            /^A task has one run at a time, and one of moods\.plumb\.json has been at work since /,
          );
          assert.ok(err.includes(`: ${folder}. Wait for it`), err);
          assert.ok(!existsSync(path.join(task.folder, "second")));
        }
        assert.match(plumb(["report", folder]).err, /the run is being worked on/);
      } finally {
        process.kill(-first.pid!, "SIGKILL");
        await ended;
      }
      assert.deepEqual(await locks(), ["moods.plumb.json.lock"], "left behind");
      assert.match(
        plumb(["report", await started]).err,
        /has not finished .* Go on with `plumb tune --resume /,
      );
      const { code, err } = plumb(["tune", "moods.plumb.json", ...QUICK], { cwd: task.folder });
      assert.equal(code, 0, err);
      assert.deepEqual(await locks(), []);
    });

    it("lets one work, whichever is first", async () => {
      const both = ["left", "right"].map(
        (out) =>
          new Promise<{ out: string; code: number | null; err: string }>((resolve) => {
            const args = [CLI, "tune", "moods.plumb.json", ...long, "--json", "--out", out];
            const child = spawn(process.execPath, args, { cwd: task.folder, detached: true });
            let err = "";
            child.stdout.on("data", (text: Buffer) => {
              if (/"phase":"tune".*"done":5,/.test(text.toString())) child.kill("SIGINT");
            });
            child.stderr.on("data", (text: Buffer) => (err += text.toString()));
            child.on("close", (code) => resolve({ out, code, err }));
          }),
      );
      const [one, other] = (await Promise.all(both)).sort((a, b) => b.code! - a.code!);
      assert.deepEqual([one!.code, other!.code], [130, 1], `${one!.err}\n${other!.err}`);
      assert.match(other!.err, /^A task has one run at a time, and one of moods\.plumb\.json has been /);
      assert.ok(!existsSync(path.join(task.folder, other!.out)));
    });
  });

  describe("predict", () => {
    const texts = rows("single", 40, 77).map(({ text }) => text);

    it("answers every line of a pipe in order, with probabilities that sum to 1", () => {
      const { code, out, err } = plumb(["predict", run], { input: `${texts.join("\n")}\n` });
      assert.equal(code, 0, err);
      const answers = jsonLines(out);
      assert.deepEqual(
        answers.map(({ line }) => line),
        texts.map((_, i) => i + 1),
      );
      for (const { label, probability, scores } of answers) {
        const all = scores as Record<string, number>;
        assert.ok(Math.abs(Object.values(all).reduce((a, b) => a + b) - 1) < 1e-4);
        assert.equal(all[label as string], probability);
        assert.equal(probability, Math.max(...Object.values(all)));
      }
    });

    it("reads a file of JSON lines by their ids, and abstains where it is told to", async () => {
      const file = path.join(task.folder, "new.jsonl");
      await writeFile(file, texts.map((text, i) => `${JSON.stringify({ id: `n${i}`, text })}\n`).join(""));
      const answers = jsonLines(plumb(["predict", run, file, "--abstain-below", "0.999"]).out);
      assert.deepEqual(
        answers.map(({ id }) => id),
        texts.map((_, i) => `n${i}`),
      );
      assert.ok(answers.some(({ abstained, label }) => abstained === true && label === null));
    });

    it("ends quietly when its reader has seen enough", () => {
      const command = `"${process.execPath}" "${CLI}" predict "${run}" | head -n 1`;
      const { stdout, stderr } = spawnSync("sh", ["-c", command], {
        encoding: "utf8",
        input: `${Array.from({ length: 2000 }, (_, i) => `text ${i}`).join("\n")}\n`,
      });
      assert.equal(stdout.trim().split("\n").length, 1);
      assert.equal(stderr, "");
    });

    it("says what is wrong with its input", () => {
      const wrong = (args: string[], input: string, message: RegExp) => {
        const { code, err } = plumb(["predict", ...args], { input });
        assert.equal(code, 1);
        assert.match(err, message);
      };
      wrong([run], "", /standard input has no text in it/);
      wrong([run], "one\ntw\0o\n", /standard input, line 2: found a NUL byte/);
      wrong([run, path.join(task.folder, "nowhere")], "", /nowhere does not exist/);
      wrong([run, task.folder], "", /is a folder; expected a file of texts/);
      wrong([path.join(task.folder, "moods.jsonl")], "x\n", /not a whole safetensors file/);
      wrong([run, "--base", path.join(fixtures, "tiny-tied")], "x\n", /it was made for tiny/);
    });
  });

  it("eval finds what the run found, and counts its look", async () => {
    const { code, out } = plumb(["eval", run, "--json", "--threads", "1"]);
    assert.equal(code, 0);
    const again = Report.parse(JSON.parse(out));
    const first = Report.parse(JSON.parse(await readFile(path.join(run, "report.json"), "utf8")));
    assert.deepEqual(again.classification?.confusion, first.classification?.confusion);
    assert.ok(again.data.testLooks > first.data.testLooks);
  });

  it("refuses a text of 100,000 tokens by its line, and cuts it where the number of tokens is given", async () => {
    const long = await makeTask("single", 60);
    try {
      const file = path.join(long.folder, "moods.jsonl");
      const [first, ...rest] = (await readFile(file, "utf8")).split("\n");
      const row = JSON.parse(first!) as Record<string, unknown>;
      const huge = { ...row, text: Array.from({ length: 50_000 }, (_, i) => `w${i}`).join(" ") };
      await writeFile(file, [JSON.stringify(huge), ...rest].join("\n"));
      const refused = plumb(["tune", long.file, ...QUICK], { cwd: long.folder });
      assert.equal(refused.code, 1);
      assert.match(refused.err, /1 text is more than twice as long .*\n {2}moods\.jsonl, line 1: about \d+/);
      const options = [...QUICK, "--max-tokens", "200"];
      const { code, err } = plumb(["tune", long.file, ...options], { cwd: long.folder });
      assert.equal(code, 0, err);
      assert.match(err, /1 of 60 texts is longer than \d+ tokens: its middle is left out/);
    } finally {
      await long.remove();
    }
  });

  describe("refuses with a sentence, exit code 1 and nothing written:", () => {
    const label = (name: string) => ({ name });
    const task = {
      version: 1,
      name: "x",
      kind: "single",
      labels: [label("a"), label("b")],
      examples: "x.jsonl",
    };
    const example = (i: number, more: object) =>
      JSON.stringify({ id: `e${i}`, text: `text ${i} ${i * i}`, ...more });
    const many = (more: (i: number) => object) =>
      Array.from({ length: 40 }, (_, i) => example(i, more(i))).join("\n");
    const both = many((i) => ({ label: "ab"[i % 2] }));
    const cases: [string, Record<string, string | null>, RegExp][] = [
      ["no file", {}, /no task file x\.plumb\.json/],
      ["a folder", { "x.plumb.json": null }, /is a folder/],
      ["an empty file", { "x.plumb.json": "" }, /x\.plumb\.json: the file is empty/],
      ["not JSON", { "x.plumb.json": "{" }, /x\.plumb\.json, line 1.*not JSON/],
      ["no examples file", { "x.plumb.json": JSON.stringify(task) }, /no examples file x\.jsonl/],
      ["no label", { "x.plumb.json": JSON.stringify({ ...task, labels: [] }) }, /field "labels"/],
      [
        "one class",
        { "x.plumb.json": JSON.stringify(task), "x.jsonl": many(() => ({ label: "a" })) },
        /All 40 answers are "a"/,
      ],
      [
        "one example",
        { "x.plumb.json": JSON.stringify(task), "x.jsonl": example(1, { label: "a" }) },
        /Only one example has an answer/,
      ],
      [
        "a label outside the set",
        { "x.plumb.json": JSON.stringify(task), "x.jsonl": both.replace('"label":"b"', '"label":"bb"') },
        /x\.jsonl, line 2: .*"bb"/,
      ],
      [
        "NUL bytes",
        { "x.plumb.json": JSON.stringify(task), "x.jsonl": `${both}\n\0` },
        /line 41: a NUL byte/,
      ],
    ];
    for (const [name, files, message] of cases) {
      it(name, async () => {
        const folder = path.join((await makeTask("single", 1)).folder, "case");
        await mkdir(folder);
        try {
          for (const [file, content] of Object.entries(files)) {
            const target = path.join(folder, file);
            await (content === null ? mkdir(target) : writeFile(target, content));
          }
          const { code, out, err } = plumb(["tune", "x.plumb.json", ...QUICK], { cwd: folder });
          assert.equal(code, 1, err);
          assert.equal(out, "");
          assert.match(err, message);
          assert.doesNotMatch(err, /^\s+at /m, "no stack");
          assert.deepEqual((await readdir(folder)).sort(), Object.keys(files).sort());
        } finally {
          await rm(path.dirname(folder), { recursive: true, force: true });
        }
      });
    }

    it("a base model cut short", async () => {
      const own = await makeTask("single", 60);
      try {
        const model = path.join(own.folder, "model");
        await mkdir(model);
        for (const file of await readdir(TINY)) {
          const bytes = await readFile(path.join(TINY, file));
          const cut = file === "model.safetensors" ? bytes.subarray(0, bytes.length - 100) : bytes;
          await writeFile(path.join(model, file), cut);
        }
        const { code, err } = plumb(["tune", own.file, "--base", model]);
        assert.equal(code, 1);
        assert.match(err, /model\.safetensors/);
        assert.ok(!existsSync(path.join(own.folder, ".plumb")));
      } finally {
        await own.remove();
      }
    });
  });

  it("answers wrong usage with exit code 2", () => {
    const wrong: string[][] = [
      ["tune"],
      ["tune", "x.plumb.json", "--steps", "0"],
      ["tune", "x.plumb.json", "--method", "magic"],
      ["tune", "x.plumb.json", "--folds", "1"],
      ["tune", "x.plumb.json", "--resume", "run"],
      ["predict", "run", "--abstain-below", "2"],
      ["eval"],
      ["frobnicate"],
    ];
    for (const args of wrong) {
      const { code, out, err } = plumb(args);
      assert.equal(code, 2, args.join(" "));
      assert.equal(out, "");
      assert.match(err, /error: /);
    }
  });

  it("has help with an example for every command", () => {
    const { out } = plumb(["--help"]);
    const commands = [
      "check",
      "tune",
      "eval",
      "curve",
      "ablate",
      "bench",
      "predict",
      "report",
      "models",
      "devices",
    ];
    for (const command of commands) {
      assert.match(out, new RegExp(`^ {2}${command} `, "m"));
      assert.match(plumb([command, "--help"]).out, /Examples?:\n {2}(plumb|echo) /, command);
    }
  });
});
