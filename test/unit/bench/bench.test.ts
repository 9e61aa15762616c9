import assert from "node:assert/strict";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { cellsOf, type Cell } from "../../../src/core/bench/cells";
import { curveOf, curveSuite } from "../../../src/core/bench/curve-task";
import { readTrainingList } from "../../../src/core/base/list";
import { expectedSeconds } from "../../../src/core/bench/expected";
import { readReport, runCells, type Start } from "../../../src/core/bench/run-cells";
import { readSuite } from "../../../src/core/bench/suite";
import { readCells, writeTables } from "../../../src/core/bench/write";
import { renderBenchPage } from "../../../src/core/bench/page";
import { renderCsv, renderMarkdown } from "../../../src/core/bench/render";
import { tablesOf, type Ended, type Tables } from "../../../src/core/bench/tables";
import { PlumbError } from "../../../src/core/errors";
import { resolveBaseModel, type BaseModel } from "../../../src/core/model";
import { seededRandom } from "../../../src/core/random";
import { startJob, type JobEnd } from "../../../src/core/tuning/worker-process";
import { fakeBaseModel, fakeTable } from "../tuning/fake-engine";
import { fakeTools, makeTask, run } from "../tuning/fake-task";

const OPTIONS = { steps: 12, promptRate: 0.05, biasRate: 0.05, promptLength: 4, evaluateEvery: 4 };
const method = (name: string, of = name) => ({ name, method: of, options: OPTIONS });
const WORKER = path.join(__dirname, "..", "tuning", "fake-worker.ts");

const endOf = ({ result, paused }: Awaited<ReturnType<typeof run>>): JobEnd =>
  result === null ? { kind: "paused", ...paused! } : { kind: "done", result };
const here: Start = async (job) => endOf(await run(job));
const quiet = { retry: false, ended: () => undefined };

/** What the tables say but for what was measured by the clock. */
const lasting = ({ methods, ...rest }: Tables) => ({
  ...rest,
  methods: methods.map(({ costs, ...row }) => ({
    ...row,
    costs: costs.map(({ device, peakBytes }) => ({ device, peakBytes })),
  })),
});

describe("a suite", function () {
  this.timeout(120_000);
  let task: Awaited<ReturnType<typeof makeTask>>;
  let other: Awaited<ReturnType<typeof makeTask>>;
  let file: string;
  let content: Record<string, unknown>;
  const save = (more: Record<string, unknown> = {}) =>
    writeFile(file, JSON.stringify({ ...content, ...more }));
  const open = async () => {
    const suite = await readSuite(file);
    return { suite, cells: await cellsOf(suite, {}, fakeTools()) };
  };

  beforeEach(async () => {
    task = await makeTask("single", 60);
    other = await makeTask("generation", 60);
    await writeFile(
      path.join(task.folder, "second.plumb.json"),
      (await readFile(other.file, "utf8")).replace("moods.jsonl", "second.jsonl"),
    );
    await writeFile(
      path.join(task.folder, "second.jsonl"),
      await readFile(path.join(other.folder, "moods.jsonl")),
    );
    file = path.join(task.folder, "suite.json");
    content = {
      version: 1,
      name: "Two tasks",
      tasks: ["moods.plumb.json", "second.plumb.json"],
      methods: [method("both", "ptuning-bias"), method("bias")],
      regimes: [{ name: "low", examples: 20 }],
      seeds: [0, 1],
    };
    await save();
  });
  afterEach(async () => {
    await task.remove();
    await other.remove();
  });

  it("stopped or killed anywhere and continued gives the same tables", async () => {
    const { suite, cells } = await open();
    const straight = path.join(task.folder, "straight");
    await runCells(straight, cells, here, quiet);
    const expected = lasting(await writeTables(straight, suite, cells));
    assert.equal(expected.done, 8);
    const broken = path.join(task.folder, "broken");
    const random = seededRandom(3);
    let stops = 0;
    const stopping: Start = async (job) => {
      const after = Math.floor(random() * 12);
      let asked = 0;
      return endOf(await run(job, fakeTools(), () => (++asked > after ? "pause" : null)));
    };
    while ((await runCells(broken, cells, stopping, quiet)).paused) assert.ok(++stops < 400);
    assert.ok(stops > 5, `${stops} stops`);
    assert.deepEqual(lasting(await writeTables(broken, suite, cells)), expected);
    // Killed between the run's end and the cell's: the run is read, not tuned again.
    await rm(path.join(broken, "cells"), { recursive: true });
    await runCells(broken, cells, () => assert.fail("tuned again"), quiet);
    assert.deepEqual(lasting(await writeTables(broken, suite, cells)), expected);
  });

  it("goes on with a cell whose worker was killed, when asked to try again", async () => {
    const { cells } = await open();
    const out = path.join(task.folder, "killed");
    const one = cells.slice(0, 1);
    const start =
      (kill: boolean): Start =>
      (job) => {
        const running = startJob(
          WORKER,
          job,
          (message) => {
            if (kill && message.type === "progress" && message.done >= 6) running.kill();
          },
          ["--import", "tsx"],
        );
        return running.ended;
      };
    await runCells(out, one, start(true), quiet);
    const [failed] = await readCells(out, one);
    assert.ok(failed?.result?.status === "failed" && failed.result.reason.includes("SIGKILL"));
    await runCells(out, one, (job) => (assert.equal(job.type, "resume"), start(false)(job, one[0]!)), {
      ...quiet,
      retry: true,
    });
    assert.equal((await readCells(out, one))[0]?.result?.status, "done");
  });

  it("worked on by two at once has every cell done once", async () => {
    const { cells } = await open();
    const out = path.join(task.folder, "two");
    const started: string[] = [];
    const start: Start = (job, cell) => {
      started.push(cell.id);
      assert.ok("cell" in job && job.cell, "the lock of the task is not asked for");
      return here(job, cell);
    };
    const ends = await Promise.all([runCells(out, cells, start, quiet), runCells(out, cells, start, quiet)]);
    assert.deepEqual([...started].sort(), cells.map(({ id }) => id).sort());
    assert.ok(ends.every(({ paused }) => !paused));
    assert.ok((await readCells(out, cells)).every(({ result }) => result?.status === "done"));
  });

  it("goes on once where the GPU fails, and stops where it fails again: no cell is to blame", async () => {
    const { cells } = await open();
    const failing = (times: number, started: string[]): Start => {
      return (job, cell) => {
        started.push(cell.id);
        return started.length <= times
          ? Promise.reject(new PlumbError("gpu-failed", "The GPU failed."))
          : here(job, cell);
      };
    };
    const [once, twice]: [string[], string[]] = [[], []];
    const out = (name: string) => path.join(task.folder, name);
    await runCells(out("once"), cells, failing(1, once), quiet);
    assert.deepEqual(once, [cells[0]!.id, ...cells.map(({ id }) => id)]);
    assert.ok((await readCells(out("once"), cells)).every(({ result }) => result?.status === "done"));
    await assert.rejects(runCells(out("twice"), cells, failing(2, twice), quiet), { code: "gpu-failed" });
    assert.equal(twice.length, 2);
    assert.ok((await readCells(out("twice"), cells)).every(({ result }) => result === null));
  });

  it("shows a failing cell with its reason, and averages say over how many", async () => {
    const { suite, cells } = await open();
    const out = path.join(task.folder, "failing");
    const failing = cells.find((cell) => cell.method === "bias" && cell.seed === 1)!;
    const start: Start = (job, cell) =>
      cell === failing
        ? Promise.reject(new PlumbError("not-a-number", "The loss is not a number."))
        : here(job, cell);
    await runCells(out, cells, start, quiet);
    const tables = await writeTables(out, suite, cells);
    assert.deepEqual(tables.failed, [{ cell: failing.id, reason: "The loss is not a number." }]);
    const bias = tables.methods.find((row) => row.method === "bias")!.regimes[0]!;
    assert.deepEqual([bias.quality.cells, bias.quality.ofCells], [3, 4]);
    assert.equal(bias.rankedTasks, 1, "a task with a failed cell ranks nobody");
    assert.equal(tables.differences[0]!.cells, 3);
    for (const name of ["tables.md", "tables.html"]) {
      const text = await readFile(path.join(out, name), "utf8");
      assert.match(text, /\(3 of 4 cells\)/);
      assert.match(text, /The loss is not a number\./);
    }
    const row = (name: string) => tables.tasks.find(({ task }) => task === name)!;
    assert.deepEqual(
      row(failing.task).values.map(({ rank, cells }) => [rank, cells]),
      [
        [null, 2],
        [null, 1],
      ],
    );
    const ranked = tables.tasks.find(({ task }) => task !== failing.task)!.values.map(({ rank }) => rank!);
    assert.equal(ranked[0]! + ranked[1]!, 3);
    // It stays failed until it is asked for.
    await runCells(out, cells, () => assert.fail("done again"), quiet);
    await runCells(out, cells, here, { ...quiet, retry: true });
    assert.equal((await writeTables(out, suite, cells)).done, 8);
  });

  it("done on several devices has the costs of each, which are no part of the same mean", async () => {
    const { suite, cells } = await open();
    const out = path.join(task.folder, "devices");
    await runCells(out, cells, here, quiet);
    const ended = await readCells(out, cells);
    const done = (device: string, seconds: number) => (each: Ended) => {
      assert.ok(each.result?.status === "done");
      return {
        ...each,
        result: { ...each.result, device, seconds, tokensPerSecond: 7200 / seconds, peakBytes: seconds },
      };
    };
    // Fast GPUs for the last ones of the second method alone.
    const onGpu = (each: Ended) =>
      each.cell.method === "bias" && each.cell.seed === 1 && each.cell.task === "moods";
    const mixed = ended.map((each) => (onGpu(each) ? done("2 × GPU", 36) : done("a processor", 7200))(each));
    const tables = tablesOf(suite, mixed);
    const processor = { device: "a processor", hours: [2], peakBytes: 7200, tokensPerSecond: 1 };
    const costs = (name: string) => tables.methods.find(({ method: each }) => each === name)!.costs;
    assert.deepEqual(costs("both"), [processor]);
    assert.deepEqual(costs("bias"), [
      processor,
      { device: "2 × GPU", hours: [0.01], peakBytes: 36, tokensPerSecond: 200 },
    ]);
    // Quality is that of all of them.
    assert.deepEqual(
      tables.methods.map(({ regimes }) => regimes),
      tablesOf(suite, ended).methods.map(({ regimes }) => regimes),
    );
    assert.match(renderMarkdown(tables), /\| 1 × a processor; 2 × GPU \| 2\.00; 0\.0100 \|/);
    const lines = renderCsv(tables)
      .split("\r\n")
      .filter((line) => line.includes(",bias,"));
    assert.deepEqual(
      lines.map((line) => line.split(",").slice(13, 16)),
      [
        ["2", "a processor", "7200"],
        ["0.01", "2 × GPU", "36"],
      ],
    );
    const page = renderBenchPage(tables);
    assert.match(page, />bias, 2 × GPU</);
    assert.match(page, />bias, a processor</);
  });

  it("has other measures on request, of the same runs", async () => {
    const { suite, cells } = await open();
    const out = path.join(task.folder, "measured");
    await runCells(out, cells, here, quiet);
    const usual = await writeTables(out, suite, cells);
    await save({ measures: { classification: "accuracy", generation: "exact-match" } });
    const again = await open();
    assert.deepEqual(
      again.cells.map(({ id }) => id),
      cells.map(({ id }) => id),
    );
    const other = await writeTables(out, again.suite, cells);
    const reports = await Promise.all(
      cells.map(({ id }) => readReport(path.join(out, "runs", id, "report.json"))),
    );
    for (const { task: name, values } of other.tasks) {
      const own = reports.filter((_, i) => cells[i]!.task === name && cells[i]!.method === "bias");
      const right = own.map(({ rows }) => rows.filter((each) => each.right).length / rows.length);
      const found = values.find(({ method: each }) => each === "bias")!.quality!;
      assert.ok(Math.abs(found - (right[0]! + right[1]!) / 2) < 1e-12, name);
    }
    assert.notDeepEqual(other.tasks, usual.tasks);
    assert.match(
      await readFile(path.join(out, "tables.md"), "utf8"),
      /the share of texts with exactly the right/,
    );
    await save({ measures: { classification: "loss" } });
    await assert.rejects(
      open(),
      /field "measures\.classification": found the text "loss", expected "macro-f1" or /,
    );
  });

  it("does again what changed, and nothing else", async () => {
    const { cells } = await open();
    const out = path.join(task.folder, "changed");
    await runCells(out, cells, here, quiet);
    const lines = await readFile(path.join(task.folder, "second.jsonl"), "utf8");
    await writeFile(path.join(task.folder, "second.jsonl"), lines.replace("the", "this"));
    const started: Cell[] = [];
    const start: Start = (job, cell) => {
      started.push(cell);
      return here(job, cell);
    };
    await runCells(out, (await open()).cells, start, quiet);
    assert.deepEqual([started.length, ...new Set(started.map((cell) => cell.task))], [4, "second"]);
    started.length = 0;
    await save({
      methods: [method("both", "ptuning-bias"), { ...method("bias"), options: { ...OPTIONS, steps: 8 } }],
    });
    await runCells(out, (await open()).cells, start, quiet);
    assert.deepEqual([started.length, ...new Set(started.map((cell) => cell.method))], [4, "bias"]);
    const model = fakeTools();
    const fresh = await cellsOf(
      await readSuite(file),
      {},
      {
        ...model,
        openBaseModel: async (at) => ({ ...(await model.openBaseModel(at)), fingerprint: "e".repeat(64) }),
      },
    );
    assert.ok((await readCells(out, fresh)).every(({ result }) => result === null));
  });

  it("knows what is left to do takes, from cells of the same method on the same device", async () => {
    const { cells } = await open();
    const all = cells.map((cell) => ({ cell, result: null }));
    assert.equal(expectedSeconds(all[0]!, all, "any").measured, false);
    const out = path.join(task.folder, "timed");
    await runCells(out, cells.slice(0, 1), here, quiet);
    const known = await readCells(out, cells);
    const { result } = known[0]!;
    assert.ok(result?.status === "done");
    const { seconds, measured } = expectedSeconds(known[0]!, known, result.device);
    assert.ok(measured && Math.abs(seconds - result.seconds) < 1e-9);
    // What another device took says nothing of this one.
    const slower = { ...result, device: "another", seconds: 100 * result.seconds };
    const both = known.map((ended, at) => (at === 1 ? { ...ended, result: slower } : ended));
    assert.equal(expectedSeconds(known[0]!, both, result.device).seconds, seconds);
    for (const device of ["a third", null])
      assert.deepEqual(expectedSeconds(known[0]!, both, device), expectedSeconds(all[0]!, all, device));
  });

  it("is refused where it is a pipe or a device, which would be waited for, and so is a list of tasks", async () => {
    const pipe = path.join(task.folder, "pipe.json");
    execFileSync("mkfifo", [pipe]);
    for (const read of [readSuite, readTrainingList])
      for (const name of [pipe, "/dev/zero"])
        await assert.rejects(
          read(name),
          (error) =>
            error instanceof PlumbError &&
            error.message.includes("cannot be read (it is a pipe, a socket or a device). Name a "),
        );
  });

  it("is refused before anything runs where it asks for what is not there", async () => {
    const refused = async (more: Record<string, unknown>, what: RegExp) => {
      await save(more);
      await assert.rejects(open(), what);
    };
    await refused(
      { methods: ["magic"] },
      /suite\.json: field "methods\[0\]": found the text "magic", expected "ptuning-bias" or .* or an object/,
    );
    await refused(
      { methods: [{ name: "a", method: "magic" }] },
      /field "methods\[0\]\.method": found the text "magic", expected "ptuning-bias" or /,
    );
    await refused({ tasks: ["nowhere.plumb.json"] }, /nowhere\.plumb\.json/);
    await refused(
      { regimes: [{ name: "high", examples: 2000 }] },
      /"high" asks for 2000 training examples, task "moods" has \d+\./,
    );
    await refused({ regimes: [{ name: "low", examples: 9, tasks: ["x.json"] }] }, /names task "x\.json"/);
    await refused({ seeds: [1, 1] }, /field "seeds" has "1" twice/);
    await refused({ metods: [] }, /metods/);
    await refused(
      { methods: [{ name: "a", method: "bias", options: { lora: { rank: 2 } } }] },
      /no low-rank updates/,
    );
    await refused(
      { bases: [{ name: "b", path: "x" }] },
      /field "bases\[0\]\.model" is missing; expected text in quotes/,
    );
    await refused(
      { regimes: [{ name: "low", examples: -3 }] },
      /field "regimes\[0\]\.examples": found the number -3, expected a number above 0\./,
    );
    await refused({ version: 2 }, /field "version": found the number 2, expected 1\./);
    await save({ bases: ["nowhere.gguf"], methods: ["full", "prompt"] });
    const cellsWith = async (change: Partial<BaseModel>) =>
      cellsOf(
        await readSuite(file),
        {},
        { ...fakeTools(), openBaseModel: () => Promise.resolve(fakeBaseModel(change)) },
      );
    await assert.rejects(
      cellsOf(await readSuite(file), {}, { ...fakeTools(), resolveBaseModel }),
      /There is no base model "nowhere\.gguf"/,
    );
    await assert.rejects(
      cellsWith({ parameterCount: 3e9 }),
      /^PlumbError: Task "moods", base model "nowhere\.gguf", method "full": Method full tunes models of up to/,
    );
    const table = { ...fakeTable, config: { ...fakeTable.config, contextLength: 48 } };
    await assert.rejects(cellsWith({ table }), /method "full": .* of 48 tokens and leave no room for a text/);
    await writeFile(file, "{");
    await assert.rejects(open(), /suite\.json: not JSON/);
    assert.ok(!(await readdir(task.folder)).includes("suite.results"));
  });

  it("refuses results and runs that another version wrote, by file, before any other cell is run", async () => {
    const { cells } = await open();
    const out = path.join(task.folder, "damaged");
    const last = cells.at(-1)!;
    await runCells(out, [last], here, quiet);
    const started = () => assert.fail("a cell was run");
    const result = path.join(out, "cells", last.id, "result.json");
    const known = await readFile(result, "utf8");
    await writeFile(result, '{"version":2}');
    await assert.rejects(
      runCells(out, cells, started, quiet),
      /result\.json is damaged or comes from another version/,
    );
    // Its run is still there, and is read again.
    await rm(result);
    await runCells(out, [last], started, quiet);
    assert.deepEqual(JSON.parse(await readFile(result, "utf8")), JSON.parse(known));
    await rm(result);
    const manifest = path.join(out, "runs", last.id, "manifest.json");
    await writeFile(manifest, (await readFile(manifest, "utf8")).replace('"version": 1', '"version": 9'));
    await assert.rejects(
      runCells(out, cells, started, quiet),
      /manifest\.json: field "version": found the number 9, expected 1\. .* Remove .* to do its cell anew\./,
    );
  });

  it("of sizes makes a learning curve on one test part", async () => {
    const plain = await curveSuite(task.file, { seeds: [0, 1], sizes: [20, 32, "all"] });
    const suite = { ...plain, methods: [{ ...plain.methods[0]!, options: { ...OPTIONS, steps: 40 } }] };
    const cells = await cellsOf(suite, {}, fakeTools());
    const out = path.join(task.folder, "curve");
    await runCells(out, cells, here, quiet);
    const { curve, page } = await curveOf(out, cells);
    assert.deepEqual(
      curve.points.map(({ examples, runs }) => [examples, runs]),
      [
        [20, 2],
        [32, 2],
        [cells.at(-1)!.examples, 2],
      ],
    );
    assert.ok(curve.gain.value! >= 0 && curve.gain.low! <= curve.gain.high!);
    const html = await readFile(page, "utf8");
    assert.match(html, /Content-Security-Policy/);
    assert.doesNotMatch(html, /<script|https?:/);
  });
});
