import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { listModels, openBaseModel } from "../../../src/core/model";
import { addModel } from "../../../src/core/model/add";
import { removalOf, removeModel } from "../../../src/core/model/remove";
import { lockFolder } from "../../../src/core/lock";
import { fixtures } from "../../fixtures/reference";
import { setEnvironment } from "./environment";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";

describe("base models that come and go", () => {
  let root: string;
  let models: string;
  const before_ = { ...process.env };
  beforeEach(async () => {
    root = await mkdtemp(path.join(os.tmpdir(), "plumb-add-"));
    models = path.join(root, "models");
    setEnvironment({ PATH: before_.PATH, HOME: root, PLUMB_MODELS: models, HF_HOME: path.join(root, "hf") });
  });
  afterEach(async () => {
    setEnvironment(before_);
    await rm(root, { recursive: true, force: true });
  });
  const names = async () => (await listModels()).models.map(({ name }) => name);
  const found = async (name: string) => (await listModels()).models.find((model) => model.name === name)!;

  it("copies a file and a folder, and can open what it copied", async () => {
    const place = await addModel(path.join(fixtures, "tiny.gguf"));
    assert.equal(place, path.join(models, "tiny.gguf"));
    await openBaseModel(place);
    await openBaseModel(await addModel(path.join(fixtures, "tiny-qwen2")));
    assert.deepEqual(await names(), ["tiny-qwen2", "tiny"]);
    assert.deepEqual(
      (await readdir(models)).filter((name) => name.startsWith(".")),
      [],
    );
  });

  it("refuses what cannot be used, and what is there already, and copies nothing", async () => {
    const bad = path.join(root, "bad.gguf");
    await writeFile(bad, "GGUF and nothing behind it");
    await assert.rejects(addModel(bad), /bad\.gguf/);
    assert.ok(!existsSync(path.join(models, "bad.gguf")));
    const tiny = path.join(fixtures, "tiny.gguf");
    await addModel(tiny);
    await writeFile(path.join(models, "tiny.gguf"), "mine");
    await assert.rejects(addModel(tiny), /has a model tiny\.gguf already: nothing was copied/);
    assert.equal(await readFile(path.join(models, "tiny.gguf"), "utf8"), "mine");
  });

  it("removes its own files, all parts of one, and nothing beside them", async () => {
    await mkdir(models);
    const parts = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"];
    for (const name of [...parts, "m.gguf", "m-2-00001-of-00002.gguf"])
      await writeFile(path.join(models, name), "");
    await removeModel(await found("m-00001-of-00002"));
    assert.deepEqual((await readdir(models)).sort(), ["m-2-00001-of-00002.gguf", "m.gguf"]);
    await removeModel(await found("m"));
    assert.deepEqual(await readdir(models), ["m-2-00001-of-00002.gguf"]);
  });

  it("removes a repository of the shared cache whole, but not under a process that fetches it", async () => {
    const hub = path.join(root, "hf", "hub");
    const repo = path.join(hub, "models--org--tiny");
    const snapshot = path.join(repo, "snapshots", COMMIT);
    await mkdir(path.join(repo, "blobs"), { recursive: true });
    await mkdir(snapshot, { recursive: true });
    await mkdir(path.join(hub, "models--org--other"));
    await cp(path.join(fixtures, "tiny.gguf"), path.join(repo, "blobs", "b"));
    await symlink("../../blobs/b", path.join(snapshot, "tiny.gguf"));
    const model = await found("org/tiny/tiny");
    assert.equal((await removalOf(model))?.shared, true);
    const locks = path.join(hub, ".locks", "models--org--tiny");
    await mkdir(locks, { recursive: true });
    const unlock = await lockFolder(locks);
    await assert.rejects(removeModel(model), /is in use by process/);
    await unlock();
    await removeModel(model);
    assert.deepEqual((await readdir(hub)).sort(), [".locks", "models--org--other"]);
    assert.deepEqual(await readdir(path.join(hub, ".locks")), []);
  });

  it("leaves what other programs keep to them", async () => {
    const model = { name: "llama3", source: "Ollama", path: path.join(root, "blob") } as const;
    await writeFile(model.path, "");
    assert.equal(await removalOf(model), null);
    await assert.rejects(removeModel(model), /is kept by Ollama/);
    assert.ok(existsSync(model.path));
  });
});
