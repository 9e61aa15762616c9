import { readFile } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { isCutOff } from "../../core/labelling";

/**
 * Looks at a document that VS Code has saved. On a full disk it may write a part of a file and call that saved: what is missing
 * would be lost with the window. Such a document becomes unsaved again, and the user is told.
 */
export async function checkSaved(document: vscode.TextDocument): Promise<void> {
  // Where one went on typing, the file is not what stands here; the next save is looked at.
  if (document.uri.scheme !== "file" || document.isDirty) return;
  const { version } = document;
  const text = document.getText();
  const file = await readFile(document.fileName).catch(() => null);
  if (file === null || !isCutOff(file, text) || document.version !== version) return;
  await markUnsaved(document);
  const again = vscode.l10n.t("Save Again");
  const picked = await vscode.window.showErrorMessage(
    vscode.l10n.t(
      "{0} was not saved whole: the disk took only a part of it, and is probably full. Nothing is lost: all of it, with your labels, is still in this window. Make room, then save again before you close it.",
      path.basename(document.fileName),
    ),
    again,
  );
  if (picked === again) await document.save();
}

/** By an edit that changes nothing. */
async function markUnsaved(document: vscode.TextDocument): Promise<void> {
  const start = new vscode.Position(0, 0);
  const added = new vscode.WorkspaceEdit();
  added.insert(document.uri, start, " ");
  await vscode.workspace.applyEdit(added);
  const removed = new vscode.WorkspaceEdit();
  removed.delete(document.uri, new vscode.Range(start, start.translate(0, 1)));
  await vscode.workspace.applyEdit(removed);
}
