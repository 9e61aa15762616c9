import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { describeDevices } from "../../../src/cli/devices";
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
        { env: { ...process.env, PLUMB_CACHE: cache } },
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

  it("list names what is in the models folder", async () => {
    const empty = await plumb("list");
    assert.deepEqual([empty.code, empty.stdout], [0, ""]);
    assert.match(empty.stderr, /^No models in .*"plumb models get" fetches one\.\n$/);
    await mkdir(path.join(cache, "models"));
    await writeFile(path.join(cache, "models", "mine.gguf"), "");
    assert.equal((await plumb("list")).stdout, "mine\n");
    assert.deepEqual((JSON.parse((await plumb("list", "--json")).stdout) as { models: unknown }).models, [
      { name: "mine", path: path.join(cache, "models", "mine.gguf"), isDefault: false },
    ]);
  });
});

describe("plumb devices", () => {
  it("says what each processor can do, and why there is no CUDA", () => {
    const text = describeDevices({
      devices: [{ id: "cpu", name: "A processor", threads: 4, features: ["avx2"], precision: "float32" }],
      cudaMissing: "this build has none",
    });
    assert.match(
      text,
      /^cpu: A processor\n {2}threads {5}4\n {2}products {4}float32\n {2}features {4}avx2\n/,
    );
    assert.match(text, /\nNo CUDA device: this build has none\n$/);
  });
});
