import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import type { PlumbError } from "../../../src/core/errors";
import { FromWorker, type Job } from "../../../src/core/tuning/protocol";
import { crash, startJob, workerEnvironment } from "../../../src/core/tuning/worker-process";
import { seededRandom } from "../../../src/core/random";
import { makeTask, run, tune } from "./fake-task";

const WORKER = path.join(__dirname, "fake-worker.ts");
const start = (job: Job, listen: (message: FromWorker) => void = () => undefined) =>
  startJob(WORKER, job, listen, ["--import", "tsx"]);

async function withFake<T>(how: string, work: () => Promise<T>): Promise<T> {
  process.env.PLUMB_FAKE = how;
  try {
    return await work();
  } finally {
    delete process.env.PLUMB_FAKE;
  }
}

describe("the worker", function () {
  this.timeout(120_000);
  let task: Awaited<ReturnType<typeof makeTask>>;
  beforeEach(async () => {
    task = await makeTask("single", 90);
  });
  afterEach(() => task.remove());

  it("does in a process of its own what the job does here", async () => {
    const here = await run(tune(task.file));
    const messages: FromWorker[] = [];
    const end = await start(tune(task.file), (message) => messages.push(message)).ended;
    assert.ok(end.kind === "done" && end.result.folder !== null);
    const { folder } = end.result;
    const adapter = (of: string) => readFile(path.join(of, "adapter.safetensors"));
    assert.deepEqual(await adapter(folder), await adapter(here.folder));
    assert.ok(messages.some((message) => message.type === "forecast"));
  });

  it("names the setting that it cannot use", async () => {
    const job = tune(task.file, { options: { method: "lora", lora: { rank: 5000 } } });
    await assert.rejects(start(job).ended, (error: PlumbError) => {
      assert.equal(error.code, "settings");
      assert.match(
        error.message,
        /cannot be used: field "lora\.rank": found the number 5000, expected a number up to 1024\.$/,
      );
      return true;
    });
  });

  it("resumes to the same adapter after kills at any instant", async () => {
    const straight = await run(tune(task.file));
    const expected = await readFile(path.join(straight.folder, "adapter.safetensors"));
    const random = seededRandom(20);
    const out = path.join(task.folder, "killed");
    const job = tune(task.file, { out, checkpointSeconds: 0 });
    let kills = 0;
    for (let tries = 0; kills < 8; tries++) {
      assert.ok(tries < 30, "the run should be killed before it ends");
      const begun = await readFile(path.join(out, "manifest.json")).then(
        () => true,
        () => false,
      );
      // The instant is counted from the moment when files begin to be written.
      let kill: NodeJS.Timeout | undefined;
      const running = start(begun ? { type: "resume", run: out, checkpointSeconds: 0 } : job, (message) => {
        if (message.type === "forecast" || message.type === "started") {
          kill ??= setTimeout(() => running.kill(), random() * 40);
        }
      });
      const failure = await running.ended.then(
        () => null,
        (error: unknown) => error as Error,
      );
      clearTimeout(kill);
      if (failure === null) break;
      assert.match(failure.message, /ended from outside \(SIGKILL\)/);
      kills++;
    }
    assert.ok(kills >= 3, `${kills} kills`);
    await start({ type: "resume", run: out }).ended.catch((error: unknown) => {
      assert.match(String(error), /is finished/);
    });
    assert.deepEqual(await readFile(path.join(out, "adapter.safetensors")), expected);
    const left = await readdir(out, { recursive: true });
    assert.ok(left.includes("report.html"));
  });

  it("saves and says where when it is asked to pause", async () => {
    const running = start(tune(task.file), (message) => {
      if (message.type === "progress" && message.phase === "tune" && message.done === 5)
        running.stop("pause");
    });
    const end = await running.ended;
    assert.ok(end.kind === "paused" && end.step >= 5 && end.step < 40);
  });

  it("says how to go on where a run that has begun can no longer be saved", async () => {
    const out = path.join(task.folder, "out");
    const running = start(tune(task.file, { out }), (message) => {
      if (message.type !== "progress" || message.phase !== "tune" || message.done !== 5) return;
      rmSync(path.join(out, "checkpoint"), { recursive: true, force: true });
      writeFileSync(path.join(out, "checkpoint"), "in the way");
      running.stop("pause");
    });
    await assert.rejects(running.ended, (error: PlumbError) => {
      assert.equal(error.code, "write");
      assert.match(error.message, /^Cannot write .*checkpoint/);
      assert.ok(error.message.endsWith(`go on with: plumb tune --resume ${out}`), error.message);
      return true;
    });
  });

  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    it(`saves on ${signal}, which may reach it as well as its parent, and as often as it comes`, async () => {
      const child = fork(WORKER, {
        execArgv: ["--import", "tsx"],
        stdio: ["ignore", "ignore", "inherit", "ipc"],
      });
      const messages: FromWorker[] = [];
      child.on("message", (raw) => {
        const message = FromWorker.parse(raw);
        messages.push(message);
        if (message.type === "ready") child.send({ type: "start", job: tune(task.file) });
        if (message.type !== "progress" || message.phase !== "tune" || message.done !== 5) return;
        child.kill(signal);
        child.kill(signal);
      });
      const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
      assert.equal(code, 0);
      const end = messages.at(-1);
      assert.ok(end?.type === "paused" && end.step >= 5 && end.step < 40, JSON.stringify(end));
    });
  }

  it("answers texts in the order of their numbers", async () => {
    const { folder } = await run(tune(task.file));
    const numbers: number[] = [];
    const running = start({ type: "predict", adapter: folder, engine: {} }, (message) => {
      if (message.type === "opened") {
        for (const number of [0, 1, 2]) running.send(number, [`text ${number}`, "happy"]);
        running.end();
      }
      if (message.type === "predictions") {
        numbers.push(message.number);
        assert.equal(message.rows.length, 2);
      }
    });
    assert.equal((await running.ended).kind, "done");
    assert.deepEqual(numbers, [0, 1, 2]);
  });

  it("passes on what a job refuses", async () => {
    await assert.rejects(
      start(tune(path.join(task.folder, "nowhere.plumb.json"))).ended,
      /nowhere\.plumb\.json/,
    );
  });

  it("names the file of the model that the worker lost, and what to do in any other crash", async () => {
    await withFake("sigbus", () =>
      assert.rejects(
        start(tune(task.file)).ended,
        /lost the model file while reading it: \/models\/fake\.gguf/,
      ),
    );
    const part = path.join(task.folder, "part.safetensors");
    await writeFile(part, "values");
    process.env.PLUMB_FAKE_FILE = part;
    await withFake("sigbus", () =>
      assert.rejects(start(tune(task.file)).ended, /reading it: .*part\.safetensors was cut short/),
    ).finally(() => delete process.env.PLUMB_FAKE_FILE);
    await withFake("exit", () =>
      assert.rejects(start(tune(task.file)).ended, /ended unexpectedly \(exit code 7\)/),
    );
    await withFake("throw", () =>
      assert.rejects(start(tune(task.file)).ended, /unexpected happened: not a function/),
    );
    assert.match(
      crash(null, "SIGSEGV", { path: "m.gguf", files: [] }, "/r").message,
      /SIGSEGV.*m\.gguf.*plumb tune --resume \/r$/,
    );
    // Windows has no signals: it ends a process with a number.
    const lost = (code: number) => crash(code, null, { path: "m.gguf", files: [] }, "/r").code;
    assert.deepEqual([lost(0xc0000006), lost(0xc0000005)], ["worker-sigbus", "worker-crash"]);
    assert.match(crash(null, "SIGSEGV", null, "/my runs/r").message, /plumb tune --resume '\/my runs\/r'$/);
  });

  it("gets an environment in which waiting threads sleep, and GPUs add up in one order", () => {
    const env = workerEnvironment({ PATH: "/bin", OPENBLAS_CORETYPE: "Haswell" });
    assert.deepEqual(env, {
      PATH: "/bin",
      OMP_WAIT_POLICY: "PASSIVE",
      GOMP_SPINCOUNT: "5000",
      NCCL_NVLS_ENABLE: "0",
    });
    assert.equal(workerEnvironment({ NCCL_NVLS_ENABLE: "2" }).NCCL_NVLS_ENABLE, "2");
  });
});
