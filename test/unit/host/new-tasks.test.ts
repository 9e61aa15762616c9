import assert from "node:assert/strict";
import Module, { createRequire } from "node:module";
import path from "node:path";
import type { NewTasks } from "../../../src/host/new-task/new-tasks";

type Load = (request: string, ...rest: unknown[]) => unknown;

describe("where the texts of a new task come from", () => {
  const modules = Module as unknown as { _load: Load };
  const load = modules._load;
  const offered: string[][] = [];
  const dialogs: { canSelectFolders?: boolean }[] = [];
  let files: string[] = [];
  /** As much of the editor as is asked here; the last entry of a list is picked, and no file or folder. */
  const editor = {
    Uri: URL,
    l10n: { t: (text: string) => text },
    workspace: {
      findFiles: () => Promise.resolve(files),
      asRelativePath: (name: string) => name,
    },
    window: {
      showQuickPick: (items: { label: string }[]) => {
        offered.push(items.map(({ label }) => label.replace(/^\$\([\w-]+\) /, "")));
        return Promise.resolve(items.at(-1));
      },
      showOpenDialog: (options: { canSelectFolders?: boolean }) => {
        dialogs.push(options);
        return Promise.resolve(undefined);
      },
    },
  };
  let made: typeof NewTasks;
  before(() => {
    modules._load = (request, ...rest) => (request === "vscode" ? editor : load(request, ...rest));
    const part = path.resolve(__dirname, "../../../src/host/new-task/new-tasks.ts");
    ({ NewTasks: made } = createRequire(__filename)(part) as { NewTasks: typeof NewTasks });
  });
  after(() => (modules._load = load));

  it("is offered in the same way whether the workspace has such files or none: a file, or a folder of texts", async () => {
    const others = ["A file …", "A folder with a text in each file …"];
    for (files of [[], ["b.csv", "a.txt", "a.plumb.json", "package.json"]]) {
      await new made(undefined as never, "").newTaskCommand(undefined);
      assert.deepEqual(offered.at(-1), [...files.slice(0, 2).reverse(), ...others]);
      assert.equal(dialogs.at(-1)?.canSelectFolders, true);
    }
    assert.equal(dialogs.length, 2);
  });
});
