import assert from "node:assert/strict";
import { mkdir, rm, symlink, unlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { listModels, openBaseModel, resolveBaseModel } from "../../../src/core/model";
import { hubPlace } from "./hub-place";
import { folderFiles, tinyFolderPlan } from "./tiny-folder";
import { tinyPlan, writeGguf } from "./tiny-gguf";

const MAIN = "a".repeat(40);
const OLD = "b".repeat(40);

describe("models found on this machine", () => {
  const place = hubPlace();
  const put = async (file: string, content: string | Uint8Array = "") => {
    await mkdir(path.dirname(path.join(place.root, file)), { recursive: true });
    await writeFile(path.join(place.root, file), content);
  };
  /** A snapshot as the Hub's tools leave it; `main` is a branch, others are tags. */
  const snapshot = async (
    repo: string,
    commit: string,
    files: Record<string, string | Uint8Array>,
    ref?: string,
  ) => {
    const folder = `.cache/huggingface/hub/models--${repo.replace("/", "--")}`;
    for (const [name, content] of Object.entries(files)) {
      const blob = `${commit.slice(0, 4)}-${name.replaceAll("/", "-")}`;
      await put(`${folder}/blobs/${blob}`, content);
      const link = path.join(place.root, folder, "snapshots", commit, name);
      await mkdir(path.dirname(link), { recursive: true });
      await symlink(path.relative(path.dirname(link), path.join(place.root, folder, "blobs", blob)), link);
    }
    if (ref !== undefined) await put(`${folder}/refs/${ref}`, commit);
    return path.join(place.root, folder, "snapshots", commit);
  };
  const listed = async () =>
    (await listModels()).models
      .filter(({ path: file }) => file.startsWith(place.root))
      .map(({ name, source, bytes }) => [name, source, bytes]);
  const found = async (name: string) => {
    const model = (await listModels()).models.find((one) => one.name === name);
    assert.ok(model, `${name} is not listed`);
    return model;
  };

  it("are listed with who put them there, and each opens by its name", async () => {
    const gguf = writeGguf(tinyPlan());
    const files = folderFiles(tinyFolderPlan());
    await put("plumb/models/own.gguf", gguf);
    await snapshot("org/whole", MAIN, files, "main");
    await snapshot(
      "org/ggufs",
      MAIN,
      {
        "a.gguf": gguf,
        "Q4/b-00001-of-00002.gguf": "x",
        "Q4/b-00002-of-00002.gguf": "x",
        "mmproj-a.gguf": "x",
      },
      "main",
    );
    await snapshot("org/tokenizer-only", MAIN, { "config.json": "{}", "tokenizer.json": "{}" }, "main");
    await put(".cache/huggingface/hub/datasets--org--data/snapshots/x/model.safetensors", "x");
    await put(".cache/llama.cpp/org_repo_c.gguf", gguf);
    await put(".cache/llama.cpp/org_repo_c.gguf.json", "{}");
    await put(".lmstudio/models/publisher/model/d.gguf", gguf);
    const digest = "c".repeat(64);
    await put(`.ollama/models/blobs/sha256-${digest}`, gguf);
    const layers = [
      { mediaType: "application/vnd.ollama.image.template", digest: `sha256:${"d".repeat(64)}` },
      { mediaType: "application/vnd.ollama.image.model", digest: `sha256:${digest}` },
    ];
    const manifest = JSON.stringify({ schemaVersion: 2, layers });
    await put(".ollama/models/manifests/registry.ollama.ai/library/e/latest", manifest);
    await put(".ollama/models/manifests/registry.ollama.ai/someone/e/1b", manifest);
    await put(".ollama/models/manifests/hf.co/org/f/Q8_0", manifest);
    await put(".ollama/models/manifests/hf.co/org/broken/Q8_0", "{");
    const size = gguf.length;
    const weights = files["model.safetensors"]?.length;
    assert.deepEqual(await listed(), [
      ["own", "Plumb", size],
      ["org/ggufs/Q4/b-00001-of-00002", "Hugging Face", 2],
      ["org/ggufs/a", "Hugging Face", size],
      ["org/whole", "Hugging Face", weights],
      ["org_repo_c", "llama.cpp", size],
      ["publisher/model/d", "LM Studio", size],
      ["hf.co/org/f:Q8_0", "Ollama", size],
      ["e:latest", "Ollama", size],
      ["someone/e:1b", "Ollama", size],
    ]);
    const opened = async (name: string) => (await openBaseModel(await resolveBaseModel(name))).name;
    assert.equal(await opened("own"), "own");
    assert.equal(await opened("org/whole"), "org/whole");
    assert.equal(await opened("org/ggufs/a.gguf"), "a");
    assert.equal(await opened("org_repo_c"), "org_repo_c");
    assert.equal(await opened("publisher/model/d"), "d");
    assert.equal(await opened("e"), "hf.co/org/f:Q8_0");
    assert.deepEqual(place.server.asked, []);
  });

  it("are looked for where the environment says", async () => {
    const gguf = writeGguf(tinyPlan());
    await put("hf/models--org--a/snapshots/" + MAIN + "/a.gguf", gguf);
    await put("llama/b.gguf", gguf);
    await put("studio/models/c.gguf", gguf);
    await put("loads/p/d.gguf", gguf);
    Object.assign(process.env, {
      HF_HUB_CACHE: path.join(place.root, "hf"),
      LLAMA_CACHE: path.join(place.root, "llama"),
      OLLAMA_MODELS: path.join(place.root, "nothing"),
    });
    await put(".lmstudio-home-pointer", `${path.join(place.root, "studio")}\n`);
    const names = async () => (await listed()).map(([name]) => name);
    assert.deepEqual(await names(), ["org/a/a", "b", "c"]);
    await put("studio/settings.json", JSON.stringify({ downloadsFolder: path.join(place.root, "loads") }));
    assert.deepEqual(await names(), ["org/a/a", "b", "p/d"]);
    process.env.HF_HUB_CACHE = "";
    process.env.HF_HOME = "~/else";
    await rm(path.join(place.root, "llama"), { recursive: true });
    await put(`else/hub/models--org--e/snapshots/${MAIN}/e.gguf`, gguf);
    assert.deepEqual(await names(), ["org/e/e", "p/d"]);
  });

  it("are named by their revision where it is not the main one", async () => {
    const files = folderFiles(tinyFolderPlan());
    const main = await snapshot("org/two", MAIN, files, "main");
    const old = await snapshot("org/two", OLD, files, "v1");
    const only = await snapshot("org/one", OLD, files);
    assert.deepEqual(
      (await listed()).map(([name]) => name),
      ["org/one", "org/two", "org/two@v1"],
    );
    for (const [name, folder] of [
      ["org/two", main],
      ["org/two@main", main],
      [`org/two@${MAIN}`, main],
      ["org/two@v1", old],
      [`org/two@${OLD.slice(0, 12)}`, old],
      ["org/one", only],
      [`org/one@${OLD}`, only],
    ] as const) {
      assert.equal(await resolveBaseModel(name), folder);
    }
    await assert.rejects(resolveBaseModel("org/two@v2"), { message: /no base model "org\/two@v2"/ });
  });

  it("mean the first of two that have one name; the other goes by its path", async () => {
    const gguf = writeGguf(tinyPlan());
    await put("plumb/models/same.gguf", gguf);
    await put(".cache/llama.cpp/same.gguf", gguf);
    const own = path.join(place.root, "plumb", "models", "same.gguf");
    const other = path.join(place.root, ".cache", "llama.cpp", "same.gguf");
    assert.deepEqual(
      (await listed()).map(([name]) => name),
      ["same", other],
    );
    assert.equal(await resolveBaseModel("same"), own);
    assert.equal(await resolveBaseModel(other), other);
  });

  it("say what stands in their way", async () => {
    const files = folderFiles(tinyFolderPlan());
    const folder = await snapshot("org/linked", MAIN, files, "main");
    await unlink(path.join(folder, "../../blobs/aaaa-model.safetensors"));
    const linked = await found("org/linked");
    assert.equal(linked.bytes, null);
    assert.match(
      linked.broken ?? "",
      /model\.safetensors is a link to \.\.\/.*aaaa-model\.safetensors, which is not there\. "plumb models get org\/linked" fetches it again\./,
    );
    await assert.rejects(resolveBaseModel("org/linked"), {
      name: "PlumbError",
      message: linked.broken ?? "",
    });
    // Who opens the folder by its path learns the same.
    await assert.rejects(openBaseModel(folder), {
      name: "PlumbError",
      message:
        /model\.safetensors: it is a link to \.\.\/.*, which is not there\. Fetch or copy the model again\./,
    });

    const index = JSON.stringify({ weight_map: { a: "one.safetensors", b: "two.safetensors" } });
    const config = '{"model_type": "bert"}';
    await snapshot(
      "org/parts",
      MAIN,
      { "config.json": config, "model.safetensors.index.json": index, "one.safetensors": "x" },
      "main",
    );
    const parts = await found("org/parts");
    assert.match(
      parts.broken ?? "",
      /two\.safetensors is missing: the model was not fetched whole\. "plumb models get org\/parts" fetches/,
    );
    assert.equal(parts.unsupported, 'the family "bert"');
    for (const [window, why] of [
      [4096, "a sliding window of attention"],
      [null, null],
    ] as const) {
      const mistral = JSON.stringify({ model_type: "mistral", sliding_window: window });
      await snapshot(`org/window-${window}`, MAIN, { ...files, "config.json": mistral }, "main");
      assert.equal((await found(`org/window-${window}`)).unsupported, why);
    }
    await snapshot("org/index", MAIN, { "config.json": config, "model.safetensors.index.json": "{" }, "main");
    assert.match(
      (await found("org/index")).broken ?? "",
      /index\.json names no files of weights\. "plumb models get org\/index"/,
    );
    await snapshot("org/old", OLD, { "gone.gguf": "x" }, "v1");
    await unlink(path.join(place.cache, "models--org--old/blobs/bbbb-gone.gguf"));
    assert.match(
      (await found("org/old/gone")).broken ?? "",
      /"plumb models get org\/old@v1 --file gone\.gguf" fetches it again/,
    );
  });

  it("are known by an ending in capitals too, in parts as well", async () => {
    await put("plumb/models/LOUD.GGUF", Buffer.from("x"));
    await put("plumb/models/two-00001-of-00002.GGUF", "x");
    await put("plumb/models/two-00002-of-00002.GGUF", "xyz");
    assert.deepEqual(
      (await listed()).map(([name]) => name),
      ["LOUD", "two-00001-of-00002"],
    );
    const file = path.join(place.root, "plumb", "models", "LOUD.GGUF");
    for (const name of ["LOUD", "LOUD.gguf", "LOUD.GGUF"]) assert.equal(await resolveBaseModel(name), file);
    assert.equal((await found("two-00001-of-00002")).bytes, 4);
  });

  it("in parts have the size of all of them, or name the one that is missing", async () => {
    const parts = { "Q4/b-00001-of-00002.gguf": "x", "Q4/b-00002-of-00002.gguf": "xyz" };
    const folders = ["plumb/models", ".cache/llama.cpp", ".lmstudio/models/p/m"].map((folder, i) => ({
      folder,
      file: (part: number) => `${folder}/${"abc"[i]}-0000${part}-of-00002.gguf`,
    }));
    for (const { file } of folders) {
      await put(file(1), "x");
      await put(file(2), "xyz");
    }
    await snapshot("org/ggufs", MAIN, parts, "main");
    const sizes = [
      ["a-00001-of-00002", "Plumb"],
      ["org/ggufs/Q4/b-00001-of-00002", "Hugging Face"],
      ["b-00001-of-00002", "llama.cpp"],
      ["p/m/c-00001-of-00002", "LM Studio"],
    ] as const;
    assert.deepEqual(
      await listed(),
      sizes.map(([name, source]) => [name, source, 4]),
    );
    for (const { file } of folders) await unlink(path.join(place.root, file(2)));
    const blob = path.join(place.cache, "models--org--ggufs/blobs/aaaa-Q4-b-00002-of-00002.gguf");
    await unlink(blob);
    assert.deepEqual(
      await listed(),
      sizes.map(([name, source]) => [name, source, null]),
    );
    for (const [name, source] of sizes) {
      const message =
        source === "Hugging Face"
          ? /00002-of-00002\.gguf is a link .* "plumb models get org\/ggufs --file Q4\/b-00001-of-00002\.gguf" fetches it/
          : /00001-of-00002\.gguf: the part [abc]-00002-of-00002\.gguf of the model is not beside it\. Get it too\.$/;
      await assert.rejects(resolveBaseModel(name), { name: "PlumbError", message });
    }
    await unlink(path.join(place.cache, `models--org--ggufs/snapshots/${MAIN}/Q4/b-00002-of-00002.gguf`));
    assert.match(
      (await found("org/ggufs/Q4/b-00001-of-00002")).broken ?? "",
      /-00002-of-00002\.gguf is missing/,
    );
    process.env.HF_HUB_OFFLINE = "1";
    const wish = { repo: "org/ggufs", file: "Q4/b-00001-of-00002.gguf" };
    await assert.rejects(place.fetch(wish), { message: /is not in .* as a whole/ });
  });

  it("of Ollama without their blob say how to get it back", async () => {
    const digest = "c".repeat(64);
    const layers = [{ mediaType: "application/vnd.ollama.image.model", digest: `sha256:${digest}` }];
    await put(".ollama/models/manifests/registry.ollama.ai/library/e/1b", JSON.stringify({ layers }));
    assert.match(
      (await found("e:1b")).broken ?? "",
      /sha256-c+ is missing\. "ollama pull e:1b" fetches it again/,
    );
    const escape = [{ mediaType: "application/vnd.ollama.image.model", digest: "sha256:../../x" }];
    await put(".ollama/models/manifests/registry.ollama.ai/library/f/1b", JSON.stringify({ layers: escape }));
    assert.ok(!(await listModels()).models.some(({ name }) => name === "f:1b"));
  });
});
