import * as vscode from "vscode";
import type { Part } from "../part";
import type { LabelEditors } from "./editors";

/** As the manifest names the label editor. */
export const LABEL_EDITOR = "plumb.label";

/** Offers the label editor to VS Code, by which it is also opened again at the next start. */
export function registerLabelEditor(editors: Part<LabelEditors>): vscode.Disposable {
  const provider: vscode.CustomTextEditorProvider = {
    resolveCustomTextEditor: async (document, panel) =>
      (await editors.get()).resolveCustomTextEditor(document, panel),
  };
  return vscode.window.registerCustomEditorProvider(LABEL_EDITOR, provider, {
    supportsMultipleEditorsPerDocument: true,
  });
}
