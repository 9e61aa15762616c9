import * as vscode from "vscode";
import { readTask } from "../../core/data";
import { isSamePath } from "../../core/files";
import { readRow } from "../../core/labelling";
import { sentenceOf } from "../../core/system-error";
import type { FromTune } from "../../protocol";
import type { LabelEditors } from "../label/editors";
import { examplesFiles } from "../label/examples-files";

/**
 * Opens what a finding names: an example of the task in the label editor; as text what is none, a broken line too, since
 * there its quick fixes are.
 */
export async function openPlace(
  { file, line }: Extract<FromTune, { type: "open" }>,
  task: vscode.Uri,
  showExample: LabelEditors["showExample"],
): Promise<void> {
  const uri = vscode.Uri.file(file);
  const at = Math.max(0, (line ?? 1) - 1);
  try {
    if (line !== null && (await isExample(uri, at, task))) {
      await showExample(uri, task, { line: at });
      return;
    }
    await vscode.window.showTextDocument(uri, {
      selection: new vscode.Range(at, 0, at, 0),
      viewColumn: vscode.ViewColumn.Beside,
    });
  } catch (error) {
    void vscode.window.showErrorMessage(sentenceOf(error));
  }
}

/** Whether a line of a file, as it is now, is an example of a task that can be read. */
async function isExample(file: vscode.Uri, line: number, task: vscode.Uri): Promise<boolean> {
  const content = await readTask(task.fsPath).then(
    (read) => read.task,
    () => null,
  );
  if (content === null) return false;
  if (!examplesFiles(task.fsPath, content).some((one) => isSamePath(one.file, file.fsPath))) return false;
  const document = await vscode.workspace.openTextDocument(file);
  return line < document.lineCount && "id" in readRow(document.lineAt(line).text, content.kind);
}
