import assert from "node:assert/strict";
import { EngineError, type Gpu, type Nccl } from "../../../src/core/engine";
import { PlumbError } from "../../../src/core/errors";
import { alone, describeGpuError, firstOf, openAtPlace, placeOf } from "../../../src/core/tuning/place";
import { fakeBaseModel } from "./fake-engine";
import { fakeTools } from "./fake-task";

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
const NCCL = { version: "2.32.3", file: "/opt/libnccl.so.2", missing: "" };
const toolsWith = (gpus: readonly Gpu[], nccl: Nccl = NCCL) =>
  fakeTools({ gpus: { gpus, cudaMissing: "", nccl } });
const two = toolsWith([card("cuda:0"), card("cuda:1")]);
const base = fakeBaseModel();

describe("where a run computes", () => {
  it("is the processor where that is wished for, and nobody asks for GPUs then", async () => {
    const gpus = () => Promise.reject(new Error("asked"));
    assert.deepEqual(await placeOf({ ...two, gpus }, "cpu"), {
      id: "cpu",
      name: "Fake processor",
      gpu: null,
      sentence: null,
    });
  });

  it("is the first GPU, or the one of the number", async () => {
    for (const wish of [undefined, "cuda"]) {
      const { id, name, sentence } = await placeOf(two, wish);
      assert.deepEqual([id, name, sentence], ["cuda:0", "card cuda:0", null]);
    }
    assert.equal((await placeOf(two, "cuda:1")).name, "card cuda:1");
  });

  it("is the processor where there is no GPU, wished for or not, and a sentence says why", async () => {
    for (const wish of [undefined, "cuda:3"]) {
      const { id, sentence } = await placeOf(fakeTools(), wish);
      assert.equal(id, "cpu");
      assert.equal(
        sentence,
        "The processor does the work, since no graphics card can be used: no NVIDIA driver was found.",
      );
    }
  });

  it("is refused where there are GPUs, but none of that number", async () => {
    await assert.rejects(
      placeOf(two, "cuda:2"),
      (error: unknown) =>
        error instanceof PlumbError && error.message.includes("cuda:0 (card cuda:0), cuda:1"),
    );
  });
});

describe("what is opened where nothing was wished", () => {
  const opening = (error: Error) => {
    const tried: string[] = [];
    const open = ({ id, sentence }: { id: string; sentence: string | null }) => {
      tried.push(id);
      return id === "cpu" ? Promise.resolve(sentence) : Promise.reject(error);
    };
    return { tried, open };
  };
  const figures = { needed: 9e9, usable: 5.95e9 };
  const reasons: [string, Error, RegExp][] = [
    [
      "does not hold it by the forecast",
      new PlumbError("memory", "", { figures }),
      /at least 9\.0 GB of the graphics card's memory \(card cuda:0\) would be needed, and 6\.0 GB may be used\.$/,
    ],
    [
      "is full before a forecast can be made",
      new EngineError("out-of-memory", "GPU: reserving memory: out of memory"),
      /\(card cuda:0\), of which 7\.0 GB are free, does not hold the model, 0 MB in its file\.$/,
    ],
    [
      "fails",
      new EngineError("device", "GPU: waiting: unspecified launch failure"),
      /card cuda:0\) cannot be used: GPU: waiting: unspecified launch failure\.$/,
    ],
    ["vanishes", new EngineError("cuda-unavailable", "it is gone"), /cannot be used: it is gone\.$/],
  ];
  for (const [what, error, why] of reasons) {
    it(`goes to the processor where the GPU ${what}, and a sentence says so; one that was wished for is an error`, async () => {
      const { tried, open } = opening(error);
      const sentence = await openAtPlace(two, {}, base, open);
      assert.deepEqual(tried, ["cuda:0", "cpu"]);
      assert.match(sentence ?? "", /^The processor does the work, since /);
      assert.match(sentence ?? "", why);
      await assert.rejects(openAtPlace(two, { device: "cuda" }, base, opening(error).open), error);
    });
  }

  it("fails with what has nothing to do with the GPU, and on the processor with what it lacks there", async () => {
    const { tried, open } = opening(new EngineError("argument", "no"));
    await assert.rejects(openAtPlace(two, {}, base, open), /^EngineError: no$/);
    assert.deepEqual(tried, ["cuda:0"]);
    const full = new PlumbError("memory", "too little", { figures });
    let asked = 0;
    await assert.rejects(
      openAtPlace(fakeTools(), {}, base, () => (asked++, Promise.reject(full))),
      full,
    );
    assert.equal(asked, 1);
  });
});

describe("several GPUs", () => {
  const three = toolsWith([card("cuda:0"), card("cuda:1"), card("cuda:2")]);

  it("work together where several or all are named, each once", async () => {
    assert.equal((await placeOf(three, "cuda:2,0")).id, "cuda:2,0");
    assert.equal((await placeOf(three, "cuda:2,0")).name, "2 × card cuda:2");
    assert.equal((await placeOf(three, "cuda:1,01,1")).id, "cuda:1");
    assert.equal((await placeOf(three, "cuda:all")).id, "cuda:0,1,2");
    assert.equal((await placeOf(toolsWith([card("cuda:0")]), "cuda:all")).id, "cuda:0");
    await assert.rejects(placeOf(three, "cuda:0,3"), /no GPU cuda:3; this machine has cuda:0/);
  });

  it("are the first alone where NCCL is missing or does not start, and a sentence says why", async () => {
    const missing = { version: null, file: null, missing: "NCCL was not found. To have it: do this" };
    const place = await placeOf(toolsWith([card("cuda:0"), card("cuda:1")], missing), "cuda:all");
    assert.equal(place.id, "cuda:0");
    assert.equal(
      place.sentence,
      "Several GPUs cannot work together: NCCL was not found. To have it: do this. cuda:0 does the work alone.",
    );
    const begun = await placeOf(three, "cuda:1,2");
    const left = alone(begun, new EngineError("nccl", "NCCL fails at its start"));
    assert.deepEqual([left?.id, left?.name], ["cuda:1", "card cuda:1"]);
    assert.match(left?.sentence ?? "", /NCCL fails at its start\. cuda:1 does/);
    assert.equal(alone(begun, new EngineError("out-of-memory", "GPU: no")), null);
    const gone = describeGpuError(new EngineError("nccl", "NCCL was not found"));
    assert.ok(gone instanceof PlumbError && /begun on several GPUs.*NCCL was not found\./.test(gone.message));
  });

  it("are refused where they are of different kinds: their results would drift apart", async () => {
    const mixed = toolsWith([card("cuda:0"), { ...card("cuda:1"), capability: "9.0" }]);
    await assert.rejects(
      placeOf(mixed, "cuda:all"),
      /cuda:0 \(card cuda:0\) and cuda:1 .* of different kinds/,
    );
    assert.equal((await placeOf(mixed, "cuda:1")).id, "cuda:1");
  });

  it("leave work that one does to the first", async () => {
    assert.equal(firstOf(await placeOf(three, "cuda:2,0")).id, "cuda:2");
    assert.equal(firstOf(await placeOf(three, "cuda:1")).id, "cuda:1");
    assert.equal(firstOf(await placeOf(three, "cpu")).id, "cpu");
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
