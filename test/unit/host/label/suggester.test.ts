import assert from "node:assert/strict";
import path from "node:path";
import { startJob, type RunningJob } from "../../../../src/core/tuning/worker-process";
import { Suggester } from "../../../../src/host/label/suggester";
import { makeTask, run, tune } from "../../tuning/fake-task";

const WORKER = path.join(__dirname, "../../tuning/fake-worker.ts");

describe("suggestions of an adapter", function () {
  this.timeout(60_000);

  it("come from one worker, the likeliest label first, and stop with a sentence when it dies", async () => {
    const task = await makeTask("single", 90);
    const jobs: RunningJob[] = [];
    const { folder } = await run(tune(task.file));
    const engine = { threads: 1 };
    const suggester = new Suggester(
      (job, listen) => {
        assert.deepEqual(job, { type: "predict", adapter: folder, engine });
        jobs.push(startJob(WORKER, job, listen, ["--import", "tsx"]));
        return jobs.at(-1)!;
      },
      folder,
      engine,
    );
    try {
      const [first, second] = await Promise.all([suggester.ask("one text"), suggester.ask("another text")]);
      for (const { labels, output } of [first, second]) {
        const shares = labels.map(({ probability }) => probability);
        assert.equal(output, null);
        assert.ok(shares.length > 1 && Math.abs(shares.reduce((sum, share) => sum + share) - 1) < 1e-5);
        assert.deepEqual(
          shares,
          [...shares].sort((a, b) => b - a),
        );
      }
      assert.equal(jobs.length, 1);

      jobs[0]!.kill();
      await assert.rejects(suggester.ask("a third"), /The worker was ended from outside/);
      // Asked again, it starts anew.
      assert.deepEqual(await suggester.ask("one text"), first);
      assert.equal(jobs.length, 2);
    } finally {
      suggester.dispose();
      await Promise.allSettled(jobs.map((job) => job.ended));
      await task.remove();
    }
  });

  it("end in a sentence where the adapter is gone", async () => {
    const missing = path.join(__dirname, "no-such-run");
    const suggester = new Suggester(
      (job, listen) => startJob(WORKER, job, listen, ["--import", "tsx"]),
      missing,
      {},
    );
    await assert.rejects(suggester.ask("t"), /no-such-run does not exist/);
    suggester.dispose();
  });
});
