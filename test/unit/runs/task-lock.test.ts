import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { holdingTask, refuseHeldTask } from "../../../src/core/runs/task-lock";
import { TestFolder } from "../data/folder";

const SINCE = new Date("2026-01-31T09:30:00");

describe("the lock of a task", () => {
  let folder: TestFolder;
  let task: string;
  beforeEach(async () => {
    folder = await TestFolder.make();
    task = folder.at("a.plumb.json");
  });
  afterEach(() => folder.remove());
  const lock = (name = "a") => folder.at(`.plumb/${name}.plumb.json.lock`);
  const code = async (work: Promise<unknown>) =>
    work.then(
      () => null,
      (error: unknown) => (error as { code?: string }).code,
    );

  it("refuses a second one in words that name the run, since when it works and what holds the lock", async () => {
    const run = folder.at(".plumb/runs/first");
    await holdingTask(task, SINCE, async (tellRun) => {
      const before =
        /^A task has one run at a time, and one of a\.plumb\.json has been in preparation since /;
      await assert.rejects(refuseHeldTask(task), { message: before });
      await tellRun(run);
      for (const second of [refuseHeldTask(task), holdingTask(task, new Date(), () => Promise.resolve())])
        await assert.rejects(second, (error: Error & { code: string }) => {
          assert.equal(error.code, "task-locked");
          assert.match(error.message, /has been at work since 31 Jan 2026, 0?9:30/);
          for (const part of [`: ${run}. `, `process ${process.pid} on ${hostname()} `, `remove ${lock()}.`])
            assert.ok(error.message.includes(part), `${error.message} lacks ${part}`);
          return true;
        });
    });
  });

  it("is given back at the end, however it comes, and leaves nothing where nothing else was made", async () => {
    assert.equal(await holdingTask(task, SINCE, () => Promise.resolve(5)), 5);
    await assert.rejects(
      holdingTask(task, SINCE, () => Promise.reject(new Error("ended"))),
      /^Error: ended$/,
    );
    assert.ok(!existsSync(folder.at(".plumb")));
    await holdingTask(task, SINCE, () => mkdir(folder.at(".plumb/runs/first"), { recursive: true }));
    assert.ok(!existsSync(lock()));
    assert.equal(await readFile(folder.at(".plumb/.gitignore"), "utf8"), "*\n");
    await refuseHeldTask(task);
  });

  it("lets other tasks of the folder alone", async () => {
    await holdingTask(task, SINCE, async () => {
      await refuseHeldTask(folder.at("b.plumb.json"));
      await holdingTask(folder.at("b.plumb.json"), SINCE, async () => {
        assert.equal(await code(refuseHeldTask(folder.at("b.plumb.json"))), "task-locked");
      });
      assert.ok(existsSync(lock()), "one that ends takes nothing of the other's");
      assert.equal(await code(refuseHeldTask(task)), "task-locked");
    });
  });

  it("of a process that is gone, or whose number another one has by now, never blocks", async () => {
    const note = { since: SINCE.toISOString(), run: "/runs/dead" };
    for (const owner of [
      { pid: 2 ** 22 + 1, host: hostname(), start: null, note },
      ...(process.platform === "linux" ? [{ pid: process.pid, host: hostname(), start: "1", note }] : []),
    ]) {
      await mkdir(folder.at(".plumb"), { recursive: true });
      await writeFile(lock(), JSON.stringify(owner));
      await refuseHeldTask(task);
      assert.equal(await holdingTask(task, SINCE, () => Promise.resolve("worked")), "worked");
    }
  });

  it("of another machine blocks, and says how to end that", async () => {
    await mkdir(folder.at(".plumb"));
    const owner = { pid: 7, host: "elsewhere", start: null, note: { since: "broken" } };
    await writeFile(lock(), JSON.stringify(owner));
    await assert.rejects(
      holdingTask(task, SINCE, () => Promise.resolve()),
      /in preparation since \?\. .*; if process 7 on elsewhere no longer exists, remove .*a\.plumb\.json\.lock\.$/,
    );
  });
});
