import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { build } from "esbuild";
import { loadTask } from "../../../src/core/data";
import { PlumbError } from "../../../src/core/errors";
import { inspect, surveyTask, type ImportProgress } from "../../../src/core/import";
import { ImportThread } from "../../../src/core/import/thread";
import { textOf } from "../data/folder";

const root = path.resolve(__dirname, "../../..");

describe("reading and writing in a thread", function () {
  this.timeout(60_000);
  let folder: string;
  let thread: ImportThread;
  let file: string;

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "plumb-thread-"));
    await build({
      entryPoints: [path.join(root, "src/core/import/thread-worker.ts")],
      bundle: true,
      platform: "node",
      outfile: path.join(folder, "program", "import-thread.js"),
      logLevel: "error",
      logOverride: { "empty-import-meta": "silent" },
    });
    const rows = Array.from({ length: 5000 }, (_, n) => `"${textOf(n)}",${n % 2 ? "yes" : "no"}\n`);
    file = path.join(folder, "m.csv");
    await writeFile(file, `text,label\n${rows.join("")},no\n`);
  });
  beforeEach(() => (thread = new ImportThread(path.join(folder, "program", "import-thread.js"))));
  afterEach(() => thread.close());
  after(() => rm(folder, { recursive: true, force: true }));

  const code = (wanted: string) => (error: unknown) => error instanceof PlumbError && error.code === wanted;
  const files = async () => (await readdir(folder)).filter((name) => name !== "program").sort();

  it("finds what reading here finds, and says how far it is", async () => {
    const told: ImportProgress[] = [];
    const { found, free } = await thread.ask(
      "inspect",
      { file, read: {} },
      { onProgress: (one) => told.push(one) },
    );
    assert.deepEqual(found, await inspect(file));
    assert.equal(free, path.join(folder, "m"));
    assert.equal(told.at(-1)?.rows, 5001);
    const task = { read: {}, choices: found.guess! };
    assert.deepEqual(await thread.ask("survey", { file, task }), await surveyTask(file, task));
    await assert.rejects(thread.ask("inspect", { file: `${file}x`, read: {} }), code("no-such-file"));
  });

  it("writes nothing that leaves rows out before these were seen", async () => {
    const task = { read: {}, choices: (await inspect(file)).guess!, out: path.join(folder, "out") };
    const first = await thread.ask("write", { file, task, seen: 0 });
    assert.ok(!first.written && first.problems[0]?.line === 5002);
    assert.deepEqual(await files(), ["m.csv"]);
    const second = await thread.ask("write", { file, task, seen: first.problemCount });
    assert.ok(second.written);
    assert.equal((await loadTask(second.taskFile)).examples.length, 5000);
    const { free } = await thread.ask("inspect", { file: path.join(folder, "out.jsonl"), read: {} });
    assert.equal(free, path.join(folder, "out-task"));
    await writeFile(path.join(folder, "m.jsonl"), "");
    assert.equal((await thread.ask("inspect", { file, read: {} })).free, path.join(folder, "m-2"));
  });

  it("names the base model that a task without one takes: the one of the settings, else the built-in one", async () => {
    const before = process.env.PLUMB_MODELS;
    const models = (process.env.PLUMB_MODELS = path.join(folder, "program", "models"));
    await mkdir(models);
    const larger = path.join(models, "larger.gguf");
    await writeFile(larger, "");
    try {
      const asked = async (base: string | null) => {
        const { defaultName, defaultHere, models } = await thread.ask("models", { base });
        return [defaultName, defaultHere, models.find(({ isDefault }) => isDefault)?.path ?? null];
      };
      assert.deepEqual(await asked(null), ["SmolLM2-135M-Instruct.Q4_1", false, null]);
      assert.deepEqual(await asked("larger.gguf"), ["larger.gguf", true, larger]);
      assert.deepEqual(await asked(larger), [larger, true, larger]);
      assert.deepEqual(await asked("not-here"), ["not-here", false, null]);
    } finally {
      if (before === undefined) delete process.env.PLUMB_MODELS;
      else process.env.PLUMB_MODELS = before;
    }
  });

  it("stops where it is told to, one request or all of them", async () => {
    const task = { read: {}, choices: (await inspect(file)).guess!, out: path.join(folder, "never") };
    const stop = new AbortController();
    const hooks = { signal: stop.signal, onProgress: () => stop.abort() };
    await assert.rejects(thread.ask("write", { file, task, seen: 9 }, hooks), code("interrupted"));
    const both = [thread.ask("survey", { file, task }), thread.ask("write", { file, task, seen: 9 })];
    thread.close();
    for (const ended of both) await assert.rejects(ended, code("interrupted"));
    await assert.rejects(thread.ask("survey", { file, task }), code("interrupted"));
    assert.ok(!(await files()).some((name) => name.startsWith("never")));
  });

  it("says that a thread has ended, and the next request starts another", async () => {
    const gone = new ImportThread(path.join(folder, "none.js"));
    await assert.rejects(gone.ask("models", { base: null }), code("thread-ended"));
    await assert.rejects(gone.ask("models", { base: null }), code("thread-ended"));
  });
});
