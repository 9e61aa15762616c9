import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type * as TaskFiles from "../../../src/host/task-files";
import { Uri } from "./fake-uri";
import { partIn } from "./part-in";

interface Item {
  readonly label: string;
  readonly description: string;
  readonly detail?: string;
}

class Tab {
  constructor(readonly uri: Uri) {}
}

describe("which task a command means", () => {
  class TabInputText extends Tab {}
  class TabInputCustom extends Tab {}
  const offered: Item[][] = [];
  const shown: { file: string; line: number }[] = [];
  let files: Uri[] = [];
  let choose: string;
  const group: { activeTab: { input: Tab } | undefined } = { activeTab: undefined };
  /** As much of the editor as is asked here. */
  const editor = {
    ...{ Uri, TabInputText, TabInputCustom },
    RelativePattern: Object,
    Range: class {
      constructor(readonly line: number) {}
    },
    l10n: { t: (text: string) => text },
    workspace: {
      findFiles: () => Promise.resolve(files),
      asRelativePath: (file: Uri) => path.basename(file.path),
    },
    window: {
      activeTextEditor: undefined,
      tabGroups: { activeTabGroup: group },
      showQuickPick: (items: Item[]) => {
        offered.push(items);
        return Promise.resolve(items.find(({ label }) => label.endsWith(choose)));
      },
      showTextDocument: (file: Uri, { selection }: { selection: { line: number } }) => {
        shown.push({ file: path.basename(file.path), line: selection.line });
        return Promise.resolve();
      },
    },
  };
  let folder: string;
  let part: typeof TaskFiles;
  let leave: () => void;
  before(async () => {
    const loaded = partIn(editor, "task-files.ts");
    ({ leave } = loaded);
    part = loaded.part as typeof TaskFiles;
    folder = await mkdtemp(path.join(tmpdir(), "plumb-tasks-"));
    const task = (name: string) =>
      JSON.stringify({
        ...{ version: 1, name, kind: "single", examples: "texts.jsonl" },
        labels: [{ name: "x" }, { name: "y" }],
      });
    await writeFile(path.join(folder, "one.plumb.json"), task("One"));
    await writeFile(path.join(folder, "two.plumb.json"), task("Two"));
    await writeFile(path.join(folder, "a.plumb.json"), '{\n  "version": 1,\n  "name" "A"\n}\n');
  });
  after(async () => {
    leave();
    await rm(folder, { recursive: true });
  });
  const at = (name: string) => Uri.file(path.join(folder, name));
  const tasks = (...names: string[]) => (files = names.map((name) => at(`${name}.plumb.json`)));
  const picked = async (called: unknown) => {
    const found = (await part.pickTask(called)) as Uri | undefined;
    return found === undefined ? undefined : path.basename(found.path);
  };

  it("is asked with a broken one named as such, behind the others, and its file is opened where it is chosen", async () => {
    tasks("a", "one", "two");
    choose = "two.plumb.json";
    assert.equal(await picked(undefined), "two.plumb.json");
    const [one, two, broken] = offered.at(-1)!;
    assert.deepEqual([one!.description, two!.description], ["One", "Two"]);
    assert.match(broken!.label, /^\$\(error\) a\.plumb\.json$/u);
    assert.match(broken!.description, /^broken/u);
    assert.match(broken!.detail!, /a\.plumb\.json, line 3, column 10: not JSON/u);
    assert.deepEqual(shown, []);
    choose = "a.plumb.json";
    assert.equal(await picked(undefined), undefined);
    assert.deepEqual(shown, [{ file: "a.plumb.json", line: 2 }]);
  });

  it("is the one that a label editor labels its file for, where two tasks name that file, and is asked elsewhere", async () => {
    tasks("one", "two");
    choose = "one.plumb.json";
    const examples = at("texts.jsonl");
    const asked = offered.length;
    group.activeTab = { input: new TabInputCustom(examples) };
    part.labelFor(examples as never, at("two.plumb.json") as never);
    for (const called of [undefined, examples]) assert.equal(await picked(called), "two.plumb.json");
    assert.equal(offered.length, asked);
    // A command on the text of the file, or once no label editor is open on it any more.
    group.activeTab = { input: new TabInputText(examples) };
    assert.equal(await picked(undefined), "one.plumb.json");
    group.activeTab = { input: new TabInputCustom(examples) };
    part.labelFor(examples as never, undefined);
    assert.equal(await picked(undefined), "one.plumb.json");
    assert.equal(offered.length, asked + 2);
  });
});
