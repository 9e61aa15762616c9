import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { EMULATED_CUBLAS, EMULATED_GPU } from "../emulated-gpu";
import { fixtures } from "../fixtures/reference";
import { makeTask } from "../unit/tuning/fake-task";

/** A tuning through the built command line on the emulated GPU: everything is real but the size and the card. */
const CLI = path.join(__dirname, "..", "..", "dist", "cli.js");
const ADDED = { PLUMB_CUDA_LIBRARY: EMULATED_GPU, PLUMB_CUBLAS: "none" };
const SMALL = ["--base", path.join(fixtures, "tiny"), "--steps", "2", "--batch", "4", "--no-probe"];

describe("tuning on a GPU", function () {
  this.timeout(300_000);
  let task: Awaited<ReturnType<typeof makeTask>>;
  const plumb = (args: readonly string[], env: Record<string, string> = {}) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
      cwd: task.folder,
      encoding: "utf8",
      env: { ...process.env, ...ADDED, ...env },
    });
    return { code: status, out: stdout, err: stderr };
  };
  const tune = (out: string, ...args: string[]) => tuneWith({}, out, ...args);
  const tuneWith = async (env: Record<string, string>, out: string, ...args: string[]) => {
    const { code, err } = plumb(["tune", "moods.plumb.json", ...SMALL, ...args, "--out", out], env);
    assert.equal(code, 0, err);
    const file = (name: string) => readFile(path.join(task.folder, out, name));
    const manifest = JSON.parse((await file("manifest.json")).toString()) as {
      engine: { device: string; place: string; precision: string; products?: string };
    };
    return { err, adapter: await file("adapter.safetensors"), engine: manifest.engine };
  };

  before(async () => {
    task = await makeTask("single", 30);
  });
  after(() => task.remove());

  it("gives the same bits each time, and says where it was", async () => {
    const first = await tune("one", "--device", "cuda");
    assert.match(first.err, /of the memory of emulated GPU\./);
    assert.equal(first.engine.device, "emulated GPU");
    assert.equal(first.engine.place, "cuda:0");
    assert.equal(first.engine.precision, "bfloat16");
    assert.equal(first.engine.products, "own kernel");
    const second = await tune("two", "--device", "cuda:0");
    assert.ok(first.adapter.equals(second.adapter));
  });

  it("gives the same bits each time with cuBLAS, and its record names it", async () => {
    const cublas = { PLUMB_CUBLAS: EMULATED_CUBLAS };
    const first = await tuneWith(cublas, "three", "--device", "cuda");
    assert.equal(first.engine.products, "cuBLAS 13.0.2");
    assert.ok(first.adapter.equals((await tuneWith(cublas, "four", "--device", "cuda")).adapter));
  });

  it("is the processor's work where there is no driver, and a sentence says so", () => {
    const { code, err } = plumb(["tune", "moods.plumb.json", ...SMALL, "--device", "cuda"], {
      PLUMB_EMULATED_DRIVER: "0",
    });
    assert.equal(code, 0, err);
    assert.match(err, /No graphics card: no NVIDIA driver was found.*The processor does the work\./);
  });

  it("is refused with what would fit where the GPU's memory is too small", () => {
    const { code, err } = plumb(["tune", "moods.plumb.json", ...SMALL, "--device", "cuda"], {
      PLUMB_EMULATED_MEMORY: "1000000",
    });
    assert.equal(code, 1);
    assert.match(err, /Not enough memory on the GPU \(emulated GPU\): .*leave --device out/);
  });

  it("is offered by plumb devices", () => {
    const { code, out } = plumb(["devices"]);
    assert.equal(code, 0);
    assert.match(out, /^cpu: /);
    assert.match(out, /\ncuda:0: emulated GPU\n {2}memory /);
  });
});
