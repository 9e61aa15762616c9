import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { DEFAULT_MODEL } from "../../src/core/model";
import type { Example, Task } from "../../src/core/schema";
import { RUN_FILES } from "../../src/core/tuning/run-folder";
import { writeFinishedRun } from "../finished-run";
import { needDefaultModel } from "../recorded-tokens";
import { HubServer } from "../unit/model/hub-server";
import { Editor, type HostPrograms } from "./editor";

const root = path.resolve(__dirname, "../..");
const { title, hub } = DEFAULT_MODEL;

describe("getting a base model in a real editor", function () {
  this.timeout(240_000);
  let folder: string;
  let server: HubServer;
  let whole: Buffer;
  let editor: Editor;
  const models = () => path.join(folder, "cache", "models");

  before(async function () {
    const programs = process.env.PLUMB_VSCODE_HOST;
    const extension = process.env.PLUMB_TEST_EXTENSION;
    if (programs === undefined || extension === undefined) {
      console.log("      Skipped: `npm run test:long` installs an editor for these tests.");
      this.skip();
    }
    whole = await readFile(await needDefaultModel(this));
    folder = await mkdtemp(path.join(os.tmpdir(), "plumb-get-"));
    const workspace = path.join(folder, "workspace");
    await mkdir(workspace);
    await mkdir(path.join(root, "build", "pictures"), { recursive: true });
    await copyFile(path.join(root, "test/fixtures/tiny.gguf"), path.join(workspace, "tiny.gguf"));
    server = await HubServer.start();
    server.repos.set(hub.repo, {
      revisions: { [hub.revision]: hub.revision },
      files: { [DEFAULT_MODEL.file]: whole },
    });
    // A machine without Python: the programs that the editor's server needs, and no others.
    const bin = path.join(folder, "bin");
    await mkdir(bin);
    for (const program of ["sh", "uname", "getconf", "ldd", "cat", "ps", "which", "env"]) {
      const from = ["/bin", "/usr/bin"].map((one) => path.join(one, program)).find((one) => existsSync(one));
      if (from !== undefined) await symlink(from, path.join(bin, program));
    }
    editor = await Editor.open({
      programs: JSON.parse(programs) as HostPrograms,
      workspace,
      extension,
      env: {
        PATH: bin,
        HOME: folder,
        PLUMB_CACHE: path.join(folder, "cache"),
        HF_HOME: path.join(folder, "huggingface"),
        HF_ENDPOINT: server.endpoint,
      },
    });
  });
  after(async () => {
    await (editor as Editor | undefined)?.close();
    await (server as HubServer | undefined)?.stop();
    if (folder) await rm(folder, { recursive: true, force: true });
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await picture("failed-model");
  });

  const picture = (name: string) =>
    editor.page.screenshot({ path: path.join(root, "build", "pictures", `${name}.png`) });
  const rows = () => editor.page.locator(".quick-input-widget .monaco-list-row");
  const choose = async (label: string) => {
    await editor.run("Plumb: Get Base Model");
    await rows().filter({ hasText: label }).first().click();
  };

  it("lists the ways, without pip where there is none, and touches no network before one is chosen", async () => {
    await editor.run("Plumb: Get Base Model");
    await rows().filter({ hasText: "The default model, from the Hugging Face Hub" }).waitFor();
    await picture("get-model");
    assert.equal(await rows().filter({ hasText: "pip" }).count(), 0);
    await editor.page.keyboard.press("Escape");
    await rows().first().waitFor({ state: "hidden" });
    assert.deepEqual(server.asked, []);
  });

  it("says that there is none to inspect or remove, and leads to one", async () => {
    for (const title of ["Plumb: Inspect Base Model", "Plumb: Remove Base Model"]) {
      await editor.run(title);
      const toast = editor.notification("There is no base model on this machine yet");
      await toast.getByText("Get Base Model").click();
      await rows().filter({ hasText: "The default model, from the Hugging Face Hub" }).waitFor();
      await editor.page.keyboard.press("Escape");
      await rows().first().waitFor({ state: "hidden" });
    }
  });

  it("says in a sentence that another file came, and offers another way", async () => {
    server.disturb(/^files/, (_asked, _request, response) => {
      response.writeHead(200, { "content-length": 5 }).end("other");
    });
    await choose("The default model, from the Hugging Face Hub");
    const toast = editor.notification("What came is not the file expected");
    await toast.waitFor({ timeout: 60_000 });
    await editor.page.waitForTimeout(300); // until it has come in
    await picture("get-model-wrong");
    await toast.getByText("Another Way …").click();
    await rows().filter({ hasText: "A GGUF file on this machine" }).waitFor();
    await editor.page.keyboard.press("Escape");
    assert.equal(existsSync(path.join(models(), DEFAULT_MODEL.file)), false);
  });

  it("shows how far it is, stops when it is called off, and goes on from there", async () => {
    server.disturb(/^files/, (_asked, _request, response) => {
      response.writeHead(200, { "content-length": DEFAULT_MODEL.bytes });
      response.write(whole.subarray(0, 30_000_000)); // and then nothing
    });
    await choose("The default model, from the Hugging Face Hub");
    const toast = editor.notification(`Getting ${title}`);
    await toast.getByText(/of 98 MB/).waitFor();
    await picture("get-model-progress");
    await toast.hover();
    await toast.getByRole("button", { name: "Cancel" }).click();
    await toast.waitFor({ state: "hidden" });
    assert.equal(existsSync(path.join(models(), DEFAULT_MODEL.file)), false);

    await choose("The default model, from the Hugging Face Hub");
    await editor.notification(`${title} is on this machine now`).waitFor({ timeout: 60_000 });
    assert.match(server.fetches().at(-1)?.range ?? "", /^bytes=\d+-$/);
    assert.deepEqual(await readdir(models()), [DEFAULT_MODEL.file]);
  });

  it("takes a file that is here already", async () => {
    const asked = server.asked.length;
    await choose("A GGUF file on this machine");
    await editor.chooseFile(path.join(folder, "workspace", "tiny.gguf"));
    await editor.notification("tiny.gguf is on this machine now").waitFor();
    assert.ok(existsSync(path.join(models(), "tiny.gguf")));
    assert.equal(server.asked.length, asked);
  });

  it("says of a model what it is and what it takes", async () => {
    await editor.run("Plumb: Inspect Base Model");
    await rows().filter({ hasText: "tiny" }).first().click();
    await editor.page.locator(".tab.active", { hasText: "tiny" }).waitFor({ timeout: 60_000 });
    const said = editor.page.locator(".editor-instance .view-lines");
    for (const line of ["# tiny", "- Family: ", "- Memory to tune: ", "## Languages, in tokens a word"])
      await said.getByText(line).first().waitFor();
    assert.match(await said.innerText(), new RegExp(path.join(models(), "tiny.gguf")));
    await editor.run("View: Close All Editors");
  });

  it("names the runs that need a model, removes it once it is asked twice, and not the file that it was taken from", async () => {
    const dialog = editor.page.locator(".monaco-dialog-box");
    const workspace = path.join(folder, "workspace");
    const task: Task = {
      ...{ version: 1, name: "Calm messages", kind: "single", examples: "calm.jsonl" },
      labels: [{ name: "calm" }, { name: "loud" }],
    };
    const part = (split: "train" | "test"): Example[] =>
      [0, 1, 2, 3].map((at) => ({
        id: `${split}-${at}`,
        text: `Text ${at}`,
        label: at < 2 ? "calm" : "loud",
        split,
      }));
    const file = path.join(workspace, "calm.plumb.json");
    await writeFile(file, JSON.stringify(task));
    const run = await writeFinishedRun(file, task, { train: part("train"), test: part("test") }, () => [
      0.9, 0.1,
    ]);
    const manifest = path.join(run, RUN_FILES.manifest);
    const recorded = (await readFile(manifest, "utf8")).replace(
      '"tiny.gguf"',
      JSON.stringify(path.join(models(), "tiny.gguf")),
    );
    await writeFile(manifest, recorded);
    const remove = async (answer: string) => {
      await editor.run("Plumb: Remove Base Model");
      await rows().filter({ hasText: "tiny" }).first().click();
      await dialog.filter({ hasText: /Remove tiny.* from this machine\?/ }).waitFor();
      await dialog
        .filter({ hasText: /Runs of the open tasks that need it:\s*– Calm messages, F1 / })
        .waitFor();
      if (answer === "Cancel") await picture("remove-model");
      await dialog.getByRole("button", { name: answer }).click();
      await dialog.waitFor({ state: "detached" });
    };
    await remove("Cancel");
    assert.ok(existsSync(path.join(models(), "tiny.gguf")));
    await remove("Remove");
    for (let wait = 0; wait < 50 && existsSync(path.join(models(), "tiny.gguf")); wait++)
      await editor.page.waitForTimeout(100);
    assert.deepEqual(await readdir(models()), [DEFAULT_MODEL.file]);
    assert.ok(existsSync(path.join(folder, "workspace", "tiny.gguf")));
  });

  it("says what is wrong with a name while it is typed", async () => {
    await choose("Another model of the Hugging Face Hub");
    await editor.page.getByPlaceholder("HuggingFaceTB/SmolLM2-360M").fill("org/a/b");
    await editor.page.locator(".quick-input-message", { hasText: "is no name of a repository" }).waitFor();
    await editor.page.keyboard.press("Escape");
  });
});
