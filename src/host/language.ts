import * as vscode from "vscode";
import { languageEnvironment, speakAs } from "../core/language";

/** From now on sentences of the core are said in the editor's language, here and in the processes that are started. */
export function speakAsTheEditor(): void {
  const { bundle, uri } = vscode.l10n;
  if (bundle !== undefined && uri !== undefined) speakAs(uri.fsPath, () => bundle);
}

/** Environment of the command line, run by the editor's own Node.js. */
export const commandLineEnvironment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  ELECTRON_RUN_AS_NODE: "1",
  ...languageEnvironment(),
});
