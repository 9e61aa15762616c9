import assert from "node:assert/strict";
import { AdapterProcess } from "../../../../src/host/adapter/process";
import type { FromWorker, Job } from "../../../../src/core/tuning/protocol";

/** A worker that answers when it is told to. */
function fakeWorker() {
  const sent: { number: number; texts: readonly string[] }[] = [];
  const jobs: Job[] = [];
  let listen: (message: FromWorker) => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  let killed = 0;
  const start = (job: Job, heard: (message: FromWorker) => void) => {
    jobs.push(job);
    listen = heard;
    return {
      ended: new Promise<never>((_, reject) => (fail = reject)),
      stop: () => undefined,
      kill: () => killed++,
      send: (number: number, texts: readonly string[]) => sent.push({ number, texts }),
      end: () => undefined,
    };
  };
  return {
    ...{ start, sent, jobs },
    say: (message: FromWorker) => listen(message),
    die: (error: Error) => fail(error),
    killed: () => killed,
  };
}

const row = (score: number) => ({ scores: [score, 1 - score], cut: false });

describe("an adapter in a process of its own", () => {
  it("is opened once and answers each question with its own rows, in whatever order they come", async () => {
    const worker = fakeWorker();
    const adapter = new AdapterProcess(worker.start, "/run", { device: "cuda" });
    assert.deepEqual(worker.jobs, [{ type: "predict", adapter: "/run", engine: { device: "cuda" } }]);
    worker.say({ type: "opened", kind: "single", labels: ["a", "b"], thresholds: null });
    assert.deepEqual((await adapter.opened).labels, ["a", "b"]);
    const [one, two] = [adapter.predict(["x"]), adapter.predict(["y", "z"])];
    const [first, second] = worker.sent;
    worker.say({ type: "predictions", number: second!.number, rows: [row(0.2), row(0.3)], tokens: 1 });
    worker.say({ type: "predictions", number: first!.number, rows: [row(0.1)], tokens: 1 });
    assert.deepEqual(await one, [row(0.1)]);
    assert.deepEqual(await two, [row(0.2), row(0.3)]);
    adapter.close();
    assert.equal(worker.killed(), 1);
  });

  it("says by a sentence that it is gone, to who waits and to who asks later", async () => {
    const worker = fakeWorker();
    const adapter = new AdapterProcess(worker.start, "/run", { device: "cuda" });
    const waiting = adapter.predict(["x"]);
    worker.die(new Error("The worker lost the model file."));
    await assert.rejects(waiting, /lost the model file/);
    await assert.rejects(adapter.opened, /lost the model file/);
    await assert.rejects(adapter.predict(["y"]), /lost the model file/);
    assert.equal(worker.sent.length, 1);
  });
});
