import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { EMULATED_CUBLAS, EMULATED_GPU, EMULATED_NCCL } from "../emulated-gpu";
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

  describe("with several", () => {
    const TWO = { PLUMB_EMULATED_GPUS: "2", PLUMB_NCCL: EMULATED_NCCL };
    /** Of all steps and looks at the held-out part. */
    const lossesOf = async (out: string) =>
      (await readFile(path.join(task.folder, out, "log.jsonl"), "utf8"))
        .split("\n")
        .filter((line) => line !== "")
        .flatMap((line) => (JSON.parse(line) as { loss?: number }).loss ?? []);

    it("gives what one gives but for rounding, the same bits each time, and names them", async () => {
      const args = ["--precision", "float32"];
      const one = await tune("alone", "--device", "cuda", ...args);
      const two = await tuneWith(TWO, "both", "--device", "cuda:all", ...args);
      assert.equal(two.engine.device, "2 × emulated GPU");
      assert.equal(two.engine.place, "cuda:0,1");
      assert.ok(!two.adapter.equals(one.adapter));
      const [alone, both] = [await lossesOf("alone"), await lossesOf("both")];
      assert.ok(both.length > 2 && both.length === alone.length);
      // Sums of float32 in another order.
      for (const [i, loss] of both.entries()) assert.ok(Math.abs(loss - alone[i]!) < 1e-4);
      const again = await tuneWith(TWO, "again", "--device", "cuda:0,1", ...args);
      assert.ok(two.adapter.equals(again.adapter));
    });

    it("is one GPU's work where NCCL is missing or does not start, and a sentence says so", async () => {
      const missing = { ...TWO, PLUMB_NCCL: "none" };
      const { err, engine } = await tuneWith(missing, "missing", "--device", "cuda:1,0");
      assert.equal(engine.place, "cuda:1");
      assert.match(
        err,
        /Several GPUs cannot work together: PLUMB_NCCL=none leaves NCCL out\. .*pip install nvidia-nccl/,
      );
      const refused = { ...TWO, PLUMB_EMULATED_NCCL: "refuses" };
      const begun = await tuneWith(refused, "refused", "--device", "cuda:all");
      assert.equal(begun.engine.place, "cuda:0");
      assert.match(
        begun.err,
        /NCCL 2\.32\.3 .* fails at its start: unhandled cuda error.*cuda:0 does the work alone\./,
      );
    });

    it("ends with a sentence where they cannot add up, and nobody waits for ever", () => {
      const { code, err } = plumb(["tune", "moods.plumb.json", ...SMALL, "--device", "cuda:all"], {
        ...TWO,
        PLUMB_EMULATED_NCCL: "hangs",
      });
      assert.equal(code, 1);
      assert.match(
        err,
        /The GPU failed \(adding up the gradients: .*remote process exited.*What was saved is kept\./,
      );
    });

    it("is offered by plumb devices", () => {
      const { out } = plumb(["devices"], TWO);
      assert.match(
        out,
        /\ncuda:1: emulated GPU\n[^]*\ncuda:all: .*\n {2}NCCL {8}2\.32\.3 from .*libnccl\.so\.2\n$/,
      );
    });
  });

  describe("that nobody has wished for", () => {
    let onGpu: Awaited<ReturnType<typeof tune>>;
    let onProcessor: Awaited<ReturnType<typeof tune>>;
    before(async () => {
      onGpu = await tune("wished", "--device", "cuda");
      onProcessor = await tune("processor", "--device", "cpu");
    });

    it("is taken where there is one, as if it had been, and the record names it", async () => {
      for (const [out, args] of [
        ["open", []],
        ["auto", ["--device", "auto"]],
      ] as const) {
        const { engine, adapter, err } = await tune(out, ...args);
        assert.deepEqual(engine, onGpu.engine);
        assert.ok(adapter.equals(onGpu.adapter));
        assert.doesNotMatch(err, /The processor does/);
      }
    });

    const none: [string, () => Promise<Record<string, string>> | Record<string, string>, RegExp][] = [
      ["the library is missing", () => ({ PLUMB_CUDA_LIBRARY: "/nowhere/libplumb_cuda.so" }), /is missing/],
      [
        "the library is damaged",
        async () => {
          const file = path.join(task.folder, "libplumb_cuda.so");
          await writeFile(file, "no library");
          return { PLUMB_CUDA_LIBRARY: file };
        },
        /cannot be opened/,
      ],
      ["there is no driver", () => ({ PLUMB_EMULATED_DRIVER: "0" }), /no NVIDIA driver was found/],
      ["the driver is too old", () => ({ PLUMB_EMULATED_DRIVER: "12040" }), /knows CUDA 12\.4/],
      ["the driver finds no GPU", () => ({ PLUMB_EMULATED_GPUS: "0" }), /finds no GPU/],
      [
        "the driver crashes",
        () => ({ PLUMB_EMULATED_DRIVER: "crash" }),
        /NVIDIA driver that it asks, ended the process that tried it \(SIG/,
      ],
      [
        "its memory does not hold the run",
        () => ({ PLUMB_EMULATED_MEMORY: "1000000" }),
        /since at least \d+ MB of .* \(emulated GPU\) would be needed, and 1 MB may be used\.$/m,
      ],
    ];
    for (const [i, [what, env, why]] of none.entries()) {
      it(`leaves the work to the processor, to the same bits, where ${what}, and one sentence says so`, async () => {
        const { err, engine, adapter } = await tuneWith(await env(), `none${i}`);
        assert.deepEqual(engine, onProcessor.engine);
        assert.ok(adapter.equals(onProcessor.adapter));
        const said = err.split("\n").filter((line) => line.startsWith("The processor does the work, since "));
        assert.equal(said.length, 1, err);
        assert.match(said[0]!, why);
        assert.doesNotMatch(err, /Note: The processor|terminate|abort/i);
      });
    }

    it("scores, too, and is named by the report", () => {
      const device = (env: Record<string, string>, ...args: string[]) => {
        const { out, err, code } = plumb(["eval", "wished", "--json", ...args], env);
        assert.equal(code, 0, err);
        return (JSON.parse(out) as { run: { device: string } }).run.device;
      };
      assert.equal(device({}), "emulated GPU");
      assert.equal(device({}, "--device", "cpu"), onProcessor.engine.device);
      assert.equal(device({ PLUMB_EMULATED_MEMORY: "1000000" }), onProcessor.engine.device);
    });
  });

  it("that was wished for is the processor's work where there is no driver, and a sentence says so", () => {
    const { code, err } = plumb(["tune", "moods.plumb.json", ...SMALL, "--device", "cuda"], {
      PLUMB_EMULATED_DRIVER: "0",
    });
    assert.equal(code, 0, err);
    assert.match(err, /^The processor does the work, since .* no NVIDIA driver was found.*\.$/m);
  });

  it("is refused with what would fit where the GPU's memory is too small", () => {
    const { code, err } = plumb(["tune", "moods.plumb.json", ...SMALL, "--device", "cuda"], {
      PLUMB_EMULATED_MEMORY: "1000000",
    });
    assert.equal(code, 1);
    assert.match(err, /Not enough memory on the GPU \(emulated GPU\): .*with --device cpu/);
  });

  it("is offered by plumb devices", () => {
    const { code, out } = plumb(["devices"]);
    assert.equal(code, 0);
    assert.match(out, /^cpu: /);
    assert.match(out, /\ncuda:0: emulated GPU\n {2}memory /);
  });
});
