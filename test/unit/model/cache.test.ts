import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { listModels, resolveBaseModel } from "../../../src/core/model";
import { modelsFolder } from "../../../src/core/model/cache";
import { setEnvironment } from "./environment";

const FILE = "SmolLM2-135M-Instruct.Q4_1.gguf";

describe("models folder", () => {
  let root: string;
  let models: string;
  const before_ = { ...process.env };
  beforeEach(async () => {
    root = await mkdtemp(path.join(os.tmpdir(), "plumb-models-"));
    models = path.join(root, "cache", "models");
    process.env.PLUMB_CACHE = path.join(root, "cache");
    // What other programs keep on this machine is not to be seen.
    process.env.HOME = root;
    for (const name of Object.keys(process.env)) {
      if (/^(HF_|HUGGINGFACE|XDG_CACHE|LLAMA_CACHE|OLLAMA_)/.test(name))
        Reflect.deleteProperty(process.env, name);
    }
  });
  afterEach(async () => {
    setEnvironment(before_);
    await rm(root, { recursive: true, force: true });
  });

  it("is PLUMB_MODELS, else in PLUMB_CACHE, else in XDG_CACHE_HOME, else at home", () => {
    assert.equal(modelsFolder({ PLUMB_CACHE: "/a", XDG_CACHE_HOME: "/b" }), path.resolve("/a/models"));
    assert.equal(modelsFolder({ PLUMB_CACHE: "", XDG_CACHE_HOME: "/b" }), path.resolve("/b/plumb/models"));
    assert.equal(modelsFolder({ PLUMB_MODELS: "/c", PLUMB_CACHE: "/a" }), path.resolve("/c"));
    assert.equal(modelsFolder({ PLUMB_MODELS: "~/m", HOME: "/home/me" }), path.resolve("/home/me/m"));
    assert.equal(modelsFolder({}), path.join(os.homedir(), ".cache", "plumb", "models"));
  });

  it("lists GGUF files and folders with a config", async () => {
    assert.deepEqual(await listModels(), { folder: models, models: [] });
    await mkdir(path.join(models, "folder"), { recursive: true });
    await mkdir(path.join(models, "other"));
    await writeFile(path.join(models, "folder", "config.json"), "{}");
    for (const name of [FILE, "b.gguf", ".fetch.gguf", "notes.txt"])
      await writeFile(path.join(models, name), "");
    const found = await listModels();
    assert.deepEqual(
      found.models.map(({ name, isDefault }) => [name, isDefault]),
      [
        ["SmolLM2-135M-Instruct.Q4_1", true],
        ["b", false],
        ["folder", false],
      ],
    );
  });

  it("is where a name is looked for, after a path", async () => {
    await mkdir(models, { recursive: true });
    const inside = path.join(models, "b.gguf");
    await writeFile(inside, "");
    assert.equal(await resolveBaseModel("b"), inside);
    assert.equal(await resolveBaseModel("b.gguf"), inside);
    assert.equal(await resolveBaseModel(inside), inside);
    assert.equal(await resolveBaseModel(path.relative(process.cwd(), inside)), inside);
    await assert.rejects(resolveBaseModel("c"), {
      name: "PlumbError",
      message:
        /no base model "c": neither a file or folder of that name, nor in .*models \(there: b\), nor elsewhere on this machine \("plumb models list"\)\. Give the path/,
    });
    await assert.rejects(resolveBaseModel("Qwen/Qwen2.5-0.5B@v1"), {
      message:
        /If it is a model of the Hugging Face Hub, "plumb models get Qwen\/Qwen2\.5-0\.5B@v1" fetches it\./,
    });
    await assert.rejects(resolveBaseModel(""), { name: "PlumbError", message: /no base model ""/ });
  });

  it("says how to get the default model where it is missing", async () => {
    await assert.rejects(resolveBaseModel(undefined), {
      name: "PlumbError",
      message:
        /default base model is not on this machine \(looked for .*gguf\)\. "plumb models get" fetches it: 98 MB, licence Apache-2\.0/,
    });
    await mkdir(models, { recursive: true });
    await writeFile(path.join(models, FILE), "");
    assert.equal(await resolveBaseModel(undefined), path.join(models, FILE));
  });
});
