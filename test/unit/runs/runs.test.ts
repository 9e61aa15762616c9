import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { appendFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { deleteRun } from "../../../src/core/runs/delete";
import { readHistory } from "../../../src/core/runs/history";
import { listRuns, readRun, runsFolder } from "../../../src/core/runs/list";
import { runsOn } from "../../../src/core/runs/on-model";
import { lockFolder } from "../../../src/core/lock";
import { Manifest, type Task } from "../../../src/core/schema";
import { keptExamplesFile } from "../../../src/core/tuning/run-folder";
import { fakeTools, makeTask, QUICK, run, tune } from "../tuning/fake-task";

const stopAt = (step: number) => (messages: readonly { type: string; done?: number }[]) =>
  messages.some((message) => message.type === "progress" && message.done === step) ? "pause" : null;

describe("runs on the disk", function () {
  this.timeout(20_000);
  let task: Awaited<ReturnType<typeof makeTask>>;
  beforeEach(async () => {
    task = await makeTask("single", 90);
  });
  afterEach(() => task.remove());

  async function change(folder: string, changes: Partial<Manifest>): Promise<void> {
    const file = path.join(folder, "manifest.json");
    const manifest = Manifest.parse(JSON.parse(await readFile(file, "utf8")));
    await writeFile(file, JSON.stringify({ ...manifest, ...changes }));
  }

  it("are listed with what they came to, the newest first", async () => {
    const first = await run(tune(task.file));
    const second = await run(
      tune(task.file),
      fakeTools({}, { now: () => new Date("2099-01-01") }),
      stopAt(5),
    );
    const runs = await listRuns(task.folder);
    assert.deepEqual(
      runs.map(({ folder, state }) => [folder, state]),
      [
        [second.folder, "paused"],
        [first.folder, "finished"],
      ],
    );
    const report = first.result!.report as { classification: { macroF1: { value: number } } };
    assert.equal(runs[1]!.score?.of, "macroF1");
    assert.equal(runs[1]!.score.value, report.classification.macroF1.value);
    assert.equal(runs[1]!.task, task.file);
    assert.equal(runs[1]!.taskName, "moods");
    assert.ok(runs[1]!.adapter! > 0);
    assert.equal(runs[0]!.score, null);
    assert.equal(runs[0]!.adapter, null);
  });

  it("stay with their task where its file is renamed, though it be edited then, and go on", async () => {
    const { folder } = await run(tune(task.file), fakeTools(), stopAt(5));
    const other = path.join(task.folder, "other.plumb.json");
    const renamed = path.join(task.folder, "renamed.plumb.json");
    const content = await readFile(task.file, "utf8");
    await writeFile(other, content.replace('"moods"', '"others"'));
    await rename(task.file, renamed);
    assert.equal((await readRun(folder))?.task, renamed);
    await writeFile(renamed, content.replace("{", '{ "seed": 5, '));
    assert.equal((await readRun(folder))?.task, renamed);
    // The colour of a label changes nothing about a run.
    const before = JSON.parse(content) as Task;
    const labels = before.labels!.map((label) => ({ ...label, color: "red" }));
    await writeFile(renamed, JSON.stringify({ ...before, labels }));
    assert.ok((await run({ type: "resume", run: folder })).result);
    const { task: recorded } = Manifest.parse(
      JSON.parse(await readFile(path.join(folder, "manifest.json"), "utf8")),
    );
    assert.equal(path.resolve(folder, recorded.file), renamed);
  });

  it("that kept no copy go on under the new name where the task is what it was, and only then", async () => {
    const { folder } = await run(tune(task.file), fakeTools(), stopAt(5));
    assert.equal((await readRun(folder))?.keepsExamples, true);
    await rm(keptExamplesFile(folder));
    assert.equal((await readRun(folder))?.keepsExamples, false);
    const renamed = path.join(task.folder, "renamed.plumb.json");
    const content = await readFile(task.file, "utf8");
    await rename(task.file, renamed);
    await writeFile(renamed, content.replace("{", '{ "seed": 5, '));
    await assert.rejects(run({ type: "resume", run: folder }), /renamed\.plumb\.json has changed since/);
    await writeFile(renamed, content);
    assert.ok((await run({ type: "resume", run: folder })).result);
  });

  it("have the task file that their manifest names where two others could be it, or none", async () => {
    const { folder } = await run(tune(task.file), fakeTools(), stopAt(5));
    const content = await readFile(task.file, "utf8");
    await rm(task.file);
    assert.equal((await readRun(folder))?.task, task.file);
    await writeFile(path.join(task.folder, "a.plumb.json"), content);
    await writeFile(path.join(task.folder, "b.plumb.json"), content);
    assert.equal((await readRun(folder))?.task, task.file);
    await rm(keptExamplesFile(folder));
    await assert.rejects(run({ type: "resume", run: folder }), /moods\.plumb\.json/);
  });

  it("that no process works on and that did not end were cut off", async () => {
    const { folder } = await run(tune(task.file), fakeTools(), stopAt(5));
    await change(folder, { status: "running" });
    assert.equal((await readRun(folder))?.state, "cut-off");
    const unlock = await lockFolder(folder);
    assert.equal((await readRun(folder))?.state, "running");
    await unlock();
  });

  it("that are damaged are listed as such, and what is no run is not", async () => {
    const runs = runsFolder(task.folder);
    await mkdir(path.join(runs, "broken"), { recursive: true });
    await mkdir(path.join(runs, "empty"));
    await writeFile(path.join(runs, "stray"), "");
    await writeFile(path.join(runs, "broken", "manifest.json"), '{"version":1,');
    const found = await listRuns(task.folder);
    assert.deepEqual(
      found.map(({ id, state, reason }) => [id, state, reason]),
      [["broken", "damaged", "manifest.json cannot be read"]],
    );
    assert.deepEqual(await listRuns(path.join(task.folder, "nowhere")), []);
  });

  it("need the base model that they were tuned on: its file, or what lies in its folder, and nothing called alike", async () => {
    const { folder } = await run(tune(task.file), fakeTools(), stopAt(5));
    const { baseModel } = Manifest.parse(
      JSON.parse(await readFile(path.join(folder, "manifest.json"), "utf8")),
    );
    const repo = path.join(task.folder, "hub", "models--org--tiny");
    const at = async (place: string) => {
      await change(folder, { baseModel: { ...baseModel, path: place } });
      return listRuns(task.folder);
    };
    const inRepo = await at(path.join(repo, "snapshots", "0", "tiny.gguf"));
    assert.deepEqual(runsOn([repo, path.join(task.folder, "other")], inRepo), inRepo);
    assert.deepEqual(runsOn([`${repo}-2`, path.join(repo, "snapshots", "0", "tiny")], inRepo), []);
    const own = await at(path.join(task.folder, "tiny.gguf"));
    assert.deepEqual(runsOn([path.join(task.folder, "tiny.gguf")], own), own);
    await writeFile(path.join(folder, "manifest.json"), "{");
    assert.deepEqual(runsOn([task.folder], await listRuns(task.folder)), []);
  });

  it("have a history that says each step once, however often it was done", async () => {
    const { folder } = await run(tune(task.file));
    const before = await readHistory(folder);
    assert.deepEqual(
      before.losses.map(({ step }) => step),
      Array.from({ length: QUICK.steps }, (_, at) => at + 1),
    );
    assert.ok(before.looks.length >= 5);
    assert.ok(before.looks.every(({ score }) => score !== null));
    const again = before.losses
      .slice(-3)
      .map(({ step, loss }) => ({ event: "step", phase: "Tuning", step, loss }));
    const fold = { event: "step", phase: "Fold 1 of 5", step: 1, loss: 99 };
    const lines = [...again, fold].map((line) => `${JSON.stringify(line)}\n`).join("");
    await appendFile(path.join(folder, "log.jsonl"), `${lines}{"event":"step","pha`);
    assert.deepEqual(await readHistory(folder), before);
    await rm(path.join(folder, "log.jsonl"));
    assert.deepEqual(await readHistory(folder), { losses: [], looks: [] });
  });

  it("are deleted whole, but not under a process that works on them, and nothing else is", async () => {
    const { folder } = await run(tune(task.file));
    const unlock = await lockFolder(folder);
    await assert.rejects(deleteRun(folder), /is in use by process/);
    await unlock();
    await assert.rejects(deleteRun(task.folder), /is not a run: nothing was deleted/);
    await deleteRun(folder);
    assert.ok(!existsSync(folder));
    assert.ok(existsSync(task.file));
  });
});
