import * as vscode from "vscode";
import { readTask, TaskError } from "../core/data";
import { sentenceOf } from "../core/system-error";

/** Lets the user pick one of several tasks. One that cannot be read says why, and leads to its file instead. */
export async function chooseTask(files: readonly vscode.Uri[]): Promise<vscode.Uri | undefined> {
  const items = await Promise.all(files.map(taskItem));
  const picked = await vscode.window.showQuickPick(
    items.sort((a, b) => Number(a.broken) - Number(b.broken) || a.path.localeCompare(b.path)),
    { placeHolder: vscode.l10n.t("Which task?"), matchOnDescription: true },
  );
  if (picked?.broken !== true) return picked?.uri;
  const line = picked.line - 1;
  await vscode.window.showTextDocument(picked.uri, { selection: new vscode.Range(line, 0, line, 0) });
  return undefined;
}

async function taskItem(uri: vscode.Uri) {
  const where = vscode.workspace.asRelativePath(uri);
  try {
    const { task } = await readTask(uri.fsPath);
    return { label: where, description: task.name, path: where, uri, broken: false, line: 1 };
  } catch (error) {
    const said = {
      description: vscode.l10n.t("broken: choose it to open the file"),
      detail: sentenceOf(error),
    };
    const line = (error instanceof TaskError ? error.line : null) ?? 1;
    return { label: `$(error) ${where}`, ...said, path: where, uri, broken: true, line };
  }
}
