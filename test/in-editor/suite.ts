/**
 * What can be said from within: in the extension host of whatever VS Code the user has. Bundled, run by run.ts: on a desktop by
 * `npm run test:desktop`, in the editor in the browser by `npm run test:long`.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import * as vscode from "vscode";
import { linkedCommands, walkthroughCommands, type Manifest } from "../manifest";

const extension = () => {
  const found = vscode.extensions.getExtension("plumb.plumb");
  assert.ok(found, "the extension is not installed");
  return found;
};
const manifest = () => extension().packageJSON as Manifest;

/** Waits until something is there. */
async function until<T>(what: string, look: () => T | undefined): Promise<T> {
  for (const end = Date.now() + 30_000; ;) {
    const found = look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`${what} did not come.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe("Plumb in this editor", () => {
  let folder: string;
  before(async () => {
    await extension().activate();
    folder = await mkdtemp(path.join(os.tmpdir(), "plumb-in-editor-"));
  });
  after(async () => {
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
    await rm(folder, { recursive: true, force: true });
  });

  it("is active", () => {
    assert.ok(extension().isActive);
  });

  it("has registered every command of its manifest, and no other", async () => {
    const views = Object.values(manifest().contributes.views).flat();
    // The editor makes commands of its own for each view.
    const ofViews = (command: string) => views.some(({ id }) => command.startsWith(`${id}.`));
    const there = (await vscode.commands.getCommands(true)).filter(
      (command) => command.startsWith("plumb.") && !ofViews(command),
    );
    const declared = manifest().contributes.commands.map(({ command }) => command);
    assert.deepEqual(there.sort(), declared.sort());
  });

  it("links only to commands that are there, in its walkthrough and its empty views", async () => {
    const there = new Set(await vscode.commands.getCommands(true));
    const { viewsWelcome } = manifest().contributes;
    const links = viewsWelcome.flatMap(({ contents }) => linkedCommands(contents));
    const linked = [...walkthroughCommands(manifest()), ...links];
    assert.ok(linked.length >= 5);
    for (const command of linked) assert.ok(there.has(command), command);
  });

  it("has the settings of its manifest, with their defaults", () => {
    for (const [name, { default: value }] of Object.entries(
      manifest().contributes.configuration.properties,
    )) {
      const known = vscode.workspace.getConfiguration().inspect(name);
      assert.ok(known, name);
      assert.deepEqual(known.defaultValue, value, name);
    }
  });

  it("runs its command line and its engine on this editor's own Node.js", async () => {
    const cli = path.join(extension().extensionPath, "dist", "cli.js");
    const env = { ...process.env, ELECTRON_RUN_AS_NODE: "1" };
    const { stdout } = await promisify(execFile)(process.execPath, [cli, "devices", "--json"], { env });
    const { devices } = JSON.parse(stdout) as { devices: readonly unknown[] };
    assert.ok(devices.length >= 1);
  });

  it("opens examples in the label editor, and the same file as text", async () => {
    const file = vscode.Uri.file(path.join(folder, "m.jsonl"));
    const task = { version: 1, name: "T", kind: "single", instruction: "Which?", examples: "m.jsonl" };
    await writeFile(file.fsPath, '{"id":"a","text":"One."}\n');
    await writeFile(
      path.join(folder, "m.plumb.json"),
      JSON.stringify({ ...task, labels: [{ name: "x" }, { name: "y" }] }),
    );
    await vscode.commands.executeCommand("vscode.openWith", file, "plumb.label");
    const tab = await until("The label editor", () => {
      const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
      return input instanceof vscode.TabInputCustom ? input : undefined;
    });
    assert.deepEqual([tab.viewType, tab.uri.fsPath], ["plumb.label", file.fsPath]);
    await vscode.commands.executeCommand("plumb.openAsText");
    await until("The text editor", () =>
      vscode.window.activeTextEditor?.document.uri.fsPath === file.fsPath ? true : undefined,
    );
    assert.equal(await readFile(file.fsPath, "utf8"), '{"id":"a","text":"One."}\n');
  });

  it("labels what an item of the tree stands for, whatever else is open", async () => {
    const examples = (name: string) => vscode.Uri.file(path.join(folder, `${name}.jsonl`));
    for (const name of ["one", "two"]) {
      await writeFile(examples(name).fsPath, '{"id":"a","text":"One."}\n');
      const task = { version: 1, name, kind: "single", instruction: "Which?", examples: `${name}.jsonl` };
      const labels = [{ name: "x" }, { name: "y" }];
      await writeFile(path.join(folder, `${name}.plumb.json`), JSON.stringify({ ...task, labels }));
    }
    const task = (name: string) => vscode.Uri.file(path.join(folder, `${name}.plumb.json`));
    const isOpen = (name: string) =>
      until(`The label editor of ${name}`, () => {
        const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
        const shown = input instanceof vscode.TabInputCustom ? input.uri.fsPath : null;
        return shown === examples(name).fsPath ? true : undefined;
      });
    await vscode.commands.executeCommand("plumb.labelExamples", { kind: "task", task: task("one") });
    await isOpen("one");
    await vscode.commands.executeCommand("plumb.labelExamples", { kind: "task", task: task("two") });
    await isOpen("two");
    const data = { kind: "data", task: task("one"), file: examples("one").fsPath };
    await vscode.commands.executeCommand("plumb.labelExamples", data);
    await isOpen("one");

    // And what is in front says which task is to be tuned.
    const tuned = (name: string) =>
      until(`The page of ${name}`, () => {
        const tab = vscode.window.tabGroups.activeTabGroup.activeTab;
        return tab?.input instanceof vscode.TabInputWebview && tab.label.includes(name) ? true : undefined;
      });
    await vscode.commands.executeCommand("plumb.tuneAdapter");
    await tuned("one");
    await vscode.commands.executeCommand("plumb.tuneAdapter", examples("two"));
    await tuned("two");
  });

  it("shows the folder of a run in whatever shows files here", async () => {
    await vscode.commands.executeCommand("plumb.revealRun", { run: folder });
  });

  it("says what is wrong with a task, at its line, in the editor's language", async () => {
    const file = vscode.Uri.file(path.join(folder, "wrong.plumb.json"));
    await writeFile(file.fsPath, '{\n  "version": 1,\n  "name": "T",\n  "kind": "single"\n}\n');
    await vscode.window.showTextDocument(file);
    const found = await until("A diagnostic", () =>
      vscode.languages.getDiagnostics(file).find(({ source }) => source === "plumb"),
    );
    const missing = vscode.env.language.startsWith("ru") ? "отсутствует" : "is missing";
    assert.ok(found.message.includes(missing), found.message);
  });
});
