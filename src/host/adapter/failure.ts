import * as vscode from "vscode";
import { sentenceOf } from "../../core/system-error";

/** Says why an adapter did not answer; where its base model is missing, with a way to get one. */
export async function sayFailure(error: unknown): Promise<void> {
  const code = error instanceof Error && "code" in error ? error.code : "";
  const ways = code === "base-gone" || code === "model-missing" ? [vscode.l10n.t("Get Base Model")] : [];
  const answer = await vscode.window.showErrorMessage(sentenceOf(error), ...ways);
  if (answer !== undefined) await vscode.commands.executeCommand("plumb.getModel");
}
