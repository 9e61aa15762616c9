import { cp, mkdir, readdir } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { sentenceOf } from "../core/system-error";

const TASK = "manipulation.plumb.json";
const FILES = [TASK, "manipulation.jsonl", "README.md"];
/** Task file that the next window shows: opening a folder starts the editor anew. */
const TO_SHOW = "plumb.taskToShow";

/** The sample that comes with Plumb, copied to where the user wants it. */
export class Sample {
  /** @param source Folder of the sample. */
  constructor(
    private readonly source: string,
    private readonly memory: vscode.Memento,
  ) {}

  /** The command: copies the sample into a new folder and opens it. Nothing is written over. */
  async openCommand(): Promise<void> {
    const [parent] =
      (await vscode.window.showOpenDialog({
        canSelectFiles: false,
        canSelectFolders: true,
        title: vscode.l10n.t("Where shall the sample's folder be made?"),
        openLabel: vscode.l10n.t("Make It Here"),
        ...(vscode.workspace.workspaceFolders?.[0] === undefined
          ? {}
          : { defaultUri: vscode.workspace.workspaceFolders[0].uri }),
      })) ?? [];
    if (parent === undefined) return;
    let folder: string;
    try {
      folder = await copySample(this.source, parent.fsPath);
    } catch (error) {
      const reason = sentenceOf(error);
      void vscode.window.showErrorMessage(
        vscode.l10n.t("The sample cannot be copied into {0}: {1}", parent.fsPath, reason),
      );
      return;
    }
    const task = vscode.Uri.file(path.join(folder, TASK));
    if (vscode.workspace.getWorkspaceFolder(task) !== undefined) {
      await show(task);
      return;
    }
    await this.memory.update(TO_SHOW, task.fsPath);
    await vscode.commands.executeCommand("vscode.openFolder", vscode.Uri.file(folder), {
      forceNewWindow: vscode.workspace.workspaceFolders !== undefined,
    });
  }

  /** Shows the task for which this window was opened. */
  async showAfterOpening(): Promise<void> {
    const file = this.memory.get<string>(TO_SHOW);
    if (file === undefined) return;
    const task = vscode.Uri.file(file);
    if (vscode.workspace.getWorkspaceFolder(task) === undefined) return;
    await this.memory.update(TO_SHOW, undefined);
    await show(task);
  }
}

async function show(task: vscode.Uri): Promise<void> {
  await vscode.commands.executeCommand("plumb.tasks.focus");
  await vscode.window.showTextDocument(task);
}

/** Copies the sample into a new folder `plumb-sample` of another one, with a number where there is one already. */
export async function copySample(source: string, parent: string): Promise<string> {
  const taken = new Set(await readdir(parent));
  let name = "plumb-sample";
  for (let number = 2; taken.has(name); number++) name = `plumb-sample-${number}`;
  const folder = path.join(parent, name);
  await mkdir(folder);
  for (const file of FILES)
    await cp(path.join(source, file), path.join(folder, file), { errorOnExist: true });
  return folder;
}
