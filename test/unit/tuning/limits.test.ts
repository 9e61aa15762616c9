import assert from "node:assert/strict";
import path from "node:path";
import type { FromWorker, Job } from "../../../src/core/tuning/protocol";
import { startJob } from "../../../src/core/tuning/worker-process";
import { makeTask, tune } from "./fake-task";

const WORKER = path.join(__dirname, "fake-worker.ts");
const start = (job: Job, listen: (message: FromWorker) => void = () => undefined) =>
  startJob(WORKER, job, listen, ["--import", "tsx"]).ended;

describe("the memory of a worker", function () {
  this.timeout(60_000);
  let task: Awaited<ReturnType<typeof makeTask>>;
  beforeEach(async () => {
    task = await makeTask("single", 90);
  });
  afterEach(() => task.remove());

  it("is no more than the job may count on, and no less", async () => {
    await assert.rejects(start(tune(task.file, { engine: { memory: 1e6 } })), /Not enough memory: .* 1 MB/);
    assert.equal((await start(tune(task.file, { engine: { memory: 4e9 } }))).kind, "done");
  });

  it("is told with the progress", async () => {
    const told: (number | undefined)[] = [];
    await start(tune(task.file), (message) => {
      if (message.type === "progress") told.push(message.memory);
    });
    assert.ok(told.length > 40);
    assert.ok(told.every((bytes) => bytes !== undefined && bytes > 10e6 && bytes < 10e9));
  });
});
