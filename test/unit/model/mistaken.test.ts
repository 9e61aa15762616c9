import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { openBaseModel, resolveBaseModel } from "../../../src/core/model";
import { inTwoParts, tinyFolderPlan, writeFolder } from "./tiny-folder";
import { setKey, text, tinyPlan, writeGguf } from "./tiny-gguf";

const LFS = `version https://git-lfs.github.com/spec/v1\noid sha256:${"a".repeat(64)}\nsize 98000000\n`;
const PAGE = "\n<!DOCTYPE html><html><body>Not found</body></html>";

describe("what is named in place of a model", () => {
  let root: string;
  let folder: string;
  beforeEach(async () => {
    root = await mkdtemp(path.join(os.tmpdir(), "plumb-mistaken-"));
    folder = path.join(root, "a model 😀");
    await writeFolder(folder, tinyFolderPlan());
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const refuses = async (place: string, message: RegExp) => {
    await assert.rejects(async () => openBaseModel(await resolveBaseModel(place)), {
      name: "PlumbError",
      message,
    });
  };
  const put = (name: string, content: string | Uint8Array) => writeFile(path.join(folder, name), content);
  const remove = (name: string) => rm(path.join(folder, name));

  for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]) {
    it(`is empty, a web page or a pointer of Git LFS: ${name}`, async () => {
      await put(name, "");
      await refuses(folder, new RegExp(`${name}: it is empty\\. .*get it again`));
      await put(name, PAGE);
      await refuses(folder, new RegExp(`${name}: it is a web page: .*get it again`));
      await put(name, LFS);
      await refuses(folder, new RegExp(`${name}: this is a pointer of Git LFS.*git lfs pull`));
    });
  }

  it("is such a thing with the name of a tokenizer.model, or of a GGUF file", async () => {
    await remove("tokenizer.json");
    await put("tokenizer.model", LFS);
    await refuses(folder, /tokenizer\.model: this is a pointer of Git LFS/);
    for (const [content, message] of [
      ["", /it is empty/],
      [PAGE, /it is a web page/],
      [LFS, /this is a pointer of Git LFS/],
      ["hello", /this is no GGUF file, which would begin with the letters GGUF\. Name a GGUF file/],
    ] as const) {
      await put("x.gguf", content);
      await refuses(path.join(folder, "x.gguf"), message);
    }
  });

  it("is a GGUF file of a vocabulary alone, or of a kind of tokenizer that GGUF gives only a name", async () => {
    const file = path.join(root, "a.gguf");
    await writeFile(file, writeGguf({ ...tinyPlan(), tensors: [] }));
    await refuses(file, /the file holds no tensors, a vocabulary alone\. Name the file with the weights/);
    const plan = tinyPlan();
    setKey(plan, "tokenizer.ggml.pre", text("deepseek-llm"));
    await writeFile(file, writeGguf(plan));
    await refuses(file, /"deepseek-llm"; supported are smollm, .* Take the model in Hugging Face form/);
  });

  it("is a folder of GGUF files", async () => {
    const ggufs = path.join(root, "ggufs");
    await mkdir(ggufs);
    await refuses(ggufs, /this folder has no config\.json\. Name a GGUF file, or a folder with config\.json/);
    await writeFile(path.join(ggufs, "b.gguf"), writeGguf(tinyPlan()));
    await writeFile(path.join(ggufs, "a.GGUF"), "");
    await refuses(ggufs, /no config\.json, but holds a\.GGUF, b\.gguf\. Name the file: .*ggufs\/a\.GGUF$/);
    for (let i = 0; i < 8; i++) await writeFile(path.join(ggufs, `c${i}.gguf`), "");
    await refuses(ggufs, /a\.GGUF, b\.gguf, c0\.gguf, .*c5\.gguf and 2 more\. Name/);
  });

  it("is an adapter, with or without the config of its model", async () => {
    await remove("model.safetensors");
    await put("adapter_config.json", '{"base_model_name_or_path": "org/base"}');
    await refuses(
      folder,
      /this folder holds an adapter for the model "org\/base", not a model\. Name that model/,
    );
    await remove("config.json");
    await refuses(folder, /this folder holds an adapter for the model "org\/base"/);
    await put("adapter_config.json", "{");
    await refuses(folder, /this folder holds an adapter for a model, not a model/);
  });

  it("lacks its weights, the list of their parts, or its tokenizer", async () => {
    await remove("model.safetensors");
    await refuses(folder, /this folder has no model\.safetensors or pytorch_model\.bin\. Get it from/);
    const plan = tinyFolderPlan();
    inTwoParts(plan);
    await writeFolder(folder, plan);
    await remove("model.safetensors.index.json");
    await refuses(
      folder,
      /has model-0000\d-of-00002\.safetensors, but no model\.safetensors\.index\.json, which says/,
    );
    await writeFolder(folder, tinyFolderPlan());
    await remove("tokenizer.json");
    await put("vocab.json", "{}");
    await refuses(
      folder,
      /no tokenizer\.json and no tokenizer\.model\. Transformers makes the first of its vocab\.json/,
    );
  });

  it("is a link that leads nowhere, or in a circle", async () => {
    const link = path.join(root, "link.gguf");
    await symlink("nowhere.gguf", link);
    await refuses(link, /link\.gguf: it is a link to nowhere\.gguf, which is not there/);
    const circle = path.join(root, "circle");
    await symlink("circle", circle);
    await refuses(circle, /circle: its symbolic links go in a circle/);
    // What cannot be a path at all is a name like any other.
    for (const name of ["x".repeat(300), path.join(circle, "x"), path.join(link, "x"), "a\0b"]) {
      await refuses(name, /There is no base model/);
    }
    await remove("model.safetensors");
    await symlink("model.safetensors", path.join(folder, "model.safetensors"));
    await refuses(folder, /model\.safetensors: its symbolic links go in a circle/);
  });

  // Reading one would wait for a writer that never comes.
  it("is a pipe", async () => {
    for (const name of ["model.safetensors", "tokenizer.json", "config.json"]) {
      await writeFolder(folder, tinyFolderPlan());
      await remove(name);
      execFileSync("mkfifo", [path.join(folder, name)]);
      await refuses(folder, new RegExp(`${name}: this is no file`));
    }
    const pipe = path.join(root, "pipe.gguf");
    execFileSync("mkfifo", [pipe]);
    await refuses(pipe, /pipe\.gguf: this is neither a file nor a folder/);
  });
});
