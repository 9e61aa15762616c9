import assert from "node:assert/strict";
import { EngineError, type Gpu } from "../../../src/core/engine";
import { PlumbError } from "../../../src/core/errors";
import { describeGpuError, placeOf } from "../../../src/core/tuning/place";
import { fakeEngine } from "./fake-engine";

const card = (id: string): Gpu => ({
  id,
  name: `card ${id}`,
  memory: 8e9,
  freeMemory: 7e9,
  capability: "8.9",
  driver: "13.0",
  precision: "bfloat16",
  cublas: null,
  cublasFile: null,
  cublasMissing: "",
});
const two = fakeEngine({ gpus: { gpus: [card("cuda:0"), card("cuda:1")], cudaMissing: "" } });

describe("where a run computes", () => {
  it("is the processor unless a GPU is wished for, and GPUs are not even asked for then", () => {
    const engine = {
      ...two,
      gpus: () => {
        throw new Error("asked");
      },
    };
    for (const wish of [undefined, "cpu"])
      assert.deepEqual(placeOf(engine, wish), {
        id: "cpu",
        name: "Fake processor",
        gpu: null,
        sentence: null,
      });
  });

  it("is the first GPU, or the one of the number", () => {
    assert.equal(placeOf(two, "cuda").id, "cuda:0");
    assert.equal(placeOf(two, "cuda:1").name, "card cuda:1");
  });

  it("is the processor where there is no GPU, and a sentence says why", () => {
    const { id, sentence } = placeOf(fakeEngine(), "cuda:3");
    assert.equal(id, "cpu");
    assert.match(sentence ?? "", /^No graphics card: no driver was found\. The processor does the work\.$/);
  });

  it("is refused where there are GPUs, but none of that number", () => {
    assert.throws(
      () => placeOf(two, "cuda:2"),
      (error: unknown) =>
        error instanceof PlumbError && error.message.includes("cuda:0 (card cuda:0), cuda:1"),
    );
  });
});

describe("what a GPU says when it fails", () => {
  const told = (code: string, message: string) => describeGpuError(new EngineError(code, message));

  it("becomes a sentence that says what to do", () => {
    const memory = told("out-of-memory", "GPU: reserving memory: out of memory");
    assert.ok(memory instanceof PlumbError && memory.code === "gpu-memory");
    assert.match(memory.message, /\(reserving memory: out of memory\).*--micro-batch/);
    const gone = told("cuda-unavailable", "no NVIDIA driver was found");
    assert.ok(gone instanceof PlumbError && gone.code === "cuda-unavailable");
    assert.match(gone.message, /none can be used now: no NVIDIA driver was found\./);
    const failed = told("device", "GPU: waiting for the kernels: unspecified launch failure");
    assert.ok(failed instanceof PlumbError && failed.code === "gpu-failed");
  });

  it("is left alone where it is no GPU's", () => {
    const error = new EngineError("out-of-memory", "the system has no memory left");
    assert.equal(describeGpuError(error), error);
  });
});
