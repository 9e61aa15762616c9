import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { describeDevices } from "../../../src/cli/devices";
import type { Gpu, Nccl } from "../../../src/core/engine";
import { fixtures } from "../../fixtures/reference";

const main = path.resolve(__dirname, "../../../src/cli/main.ts");

describe("plumb models", function () {
  this.timeout(60_000);
  let cache: string;
  before(async () => {
    cache = await mkdtemp(path.join(os.tmpdir(), "plumb-cli-models-"));
  });
  after(() => rm(cache, { recursive: true }));

  const plumb = (...parameters: string[]) =>
    new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
      const child = execFile(
        process.execPath,
        ["--import", "tsx", main, "models", ...parameters],
        // What other programs keep on this machine is not to be seen.
        {
          env: {
            ...process.env,
            PLUMB_CACHE: cache,
            HOME: cache,
            HF_HOME: cache,
            XDG_CACHE_HOME: cache,
            LLAMA_CACHE: cache,
            OLLAMA_MODELS: cache,
            HF_HUB_CACHE: "",
          },
        },
        (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
      );
    });

  it("info says what a model is", async () => {
    const { code, stdout, stderr } = await plumb("info", path.join(fixtures, "tiny-tied"));
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^tiny-tied\n {2}path/);
    for (const line of [
      /form +folder in Hugging Face form/,
      /family +llama/,
      /parameters +0\.1 million/,
      /weights +29 bf16/,
      /heads +4 of 16, 1 for keys and values/,
      /vocabulary +300, head shared with the embedding/,
      /context +256 tokens/,
      /first token +3 in front of every text/,
      /licence +not stated/,
      /fingerprint +[0-9a-f]{64}/,
      /to tune +\d+ MB of memory, \d+ MB at least, besides the file itself/,
      /languages +well, in tokens a word: English [\d.]+/,
      /will not work +Texts of more than about \d+ words, even in \w+: the context is 256 tokens/,
    ]) {
      assert.match(stdout, line);
    }
  });

  it("info --json says it to programs", async () => {
    const { stdout } = await plumb("info", path.join(fixtures, "tiny-q.gguf"), "--json");
    const facts = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual(
      [facts.name, facts.format, facts.parameters, facts.endOfText],
      ["tiny-q", "gguf", 80_960, 0],
    );
    assert.deepEqual(facts.types, { q8_0: 3, f32: 5, q4_1: 4, q4_0: 4, f16: 2, bf16: 2 });
  });

  it("info says what is wrong in one sentence, without a stack trace, and fails", async () => {
    const { code, stdout, stderr } = await plumb("info");
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^The default base model is not on this machine.*\n$/);
  });

  it("list names what is there, a model a line", async () => {
    const empty = await plumb("list");
    assert.deepEqual([empty.code, empty.stdout], [0, ""]);
    assert.match(
      empty.stderr,
      /^No models on this machine\. "plumb models get" fetches one into .*models\.\n$/,
    );
    const folder = path.join(cache, "models");
    await mkdir(folder);
    await writeFile(path.join(folder, "mine.gguf"), "");
    await writeFile(path.join(folder, "SmolLM2-135M-Instruct.Q4_1.gguf"), Buffer.alloc(2_000_000));
    const bert = path.join(cache, "hub", "models--org--bert", "snapshots", "a".repeat(40));
    await mkdir(bert, { recursive: true });
    await writeFile(path.join(bert, "config.json"), '{"model_type":"bert"}');
    await symlink("nothing", path.join(bert, "model.safetensors"));
    assert.deepEqual((await plumb("list")).stdout.split("\n"), [
      "SmolLM2-135M-Instruct.Q4_1     2 MB  Plumb, the default",
      "mine                           0 MB  Plumb",
      `org/bert                             Hugging Face, ${bert}/model.safetensors is a link to nothing, which is not there. "plumb models get org/bert@${"a".repeat(40)}" fetches it again., cannot be used: the family "bert"`,
      "",
    ]);
    const { models } = JSON.parse((await plumb("list", "--json")).stdout) as { models: unknown[] };
    assert.deepEqual(models[1], {
      name: "mine",
      aliases: [],
      path: path.join(folder, "mine.gguf"),
      source: "Plumb",
      bytes: 0,
      broken: null,
      unsupported: null,
      isDefault: false,
    });
  });
});

describe("plumb devices", () => {
  const processor = {
    id: "cpu",
    name: "A processor",
    threads: 4,
    features: ["avx2"],
    precision: "float32",
  } as const;

  const noNccl = { version: null, file: null, missing: "it was not found" };

  it("says what each processor can do, and why there is no GPU", () => {
    const text = describeDevices([processor], { gpus: [], cudaMissing: "this build has none", nccl: noNccl });
    assert.match(
      text,
      /^cpu: A processor\n {2}threads {5}4\n {2}products {4}float32\n {2}features {4}avx2\n/,
    );
    assert.match(text, /\nNo GPU: this build has none\n$/);
  });

  const gpu = {
    id: "cuda:0",
    name: "A card",
    memory: 80e9,
    freeMemory: 70e9,
    capability: "9.0",
    driver: "13.0",
    precision: "bfloat16",
    cublas: "13.0.2",
    cublasFile: "/opt/libcublas.so.13",
    cublasMissing: "",
  } as const;

  it("lists GPUs by the name that --device takes, with memory and driver", () => {
    const text = describeDevices([processor], { gpus: [gpu], cudaMissing: "", nccl: noNccl });
    assert.match(text, /\ncuda:0: A card\n {2}memory {6}80\.0 GB, 70\.0 GB free\n/);
    assert.match(text, /\n {2}capability {2}9\.0\n {2}driver {6}for CUDA 13\.0\n$/);
  });

  it("says for each GPU whether cuBLAS multiplies, and why it does not", () => {
    const none = { ...gpu, id: "cuda:1", cublas: null, cublasFile: null, cublasMissing: "it was not found" };
    const text = describeDevices([processor], { gpus: [gpu, none], cudaMissing: "", nccl: noNccl });
    assert.match(text, /\n {2}cuBLAS {6}13\.0\.2 from \/opt\/libcublas\.so\.13\n/);
    assert.match(text, /\n {2}cuBLAS {6}none: it was not found\n/);
  });

  it("says of several GPUs whether they can work together", () => {
    const text = (gpus: readonly Gpu[], nccl: Nccl) =>
      describeDevices([processor], { gpus, cudaMissing: "", nccl });
    const two = [gpu, { ...gpu, id: "cuda:1" }];
    const there = { version: "2.32.3", file: "/opt/libnccl.so.2", missing: "" };
    assert.match(text(two, there), /\ncuda:all: .*\n {2}NCCL {8}2\.32\.3 from \/opt\/libnccl\.so\.2\n$/);
    assert.match(text(two, noNccl), /\n {2}NCCL {8}none: it was not found\n$/);
    assert.doesNotMatch(text([gpu], there), /NCCL/);
  });
});
