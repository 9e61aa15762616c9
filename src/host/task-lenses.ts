import * as vscode from "vscode";
import type { RunningTasks } from "./tune/running-tasks";

/** Links above the first line of a task file: what can be done with it. */
export class TaskLenses implements vscode.CodeLensProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeCodeLenses = this.changed.event;
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly running: RunningTasks) {
    this.subscriptions = [
      vscode.languages.registerCodeLensProvider({ scheme: "file", pattern: "**/*.plumb.json" }, this),
      running.onDidChange(() => this.changed.fire()),
    ];
  }

  dispose(): void {
    for (const one of [...this.subscriptions, this.changed]) one.dispose();
  }

  provideCodeLenses({ uri }: vscode.TextDocument): vscode.CodeLens[] {
    const running = this.running.has(uri.fsPath);
    const lens = (title: string, command: string) =>
      new vscode.CodeLens(new vscode.Range(0, 0, 0, 0), { title, command, arguments: [uri] });
    return [
      running
        ? lens(`$(sync) ${vscode.l10n.t("Being tuned: show the run")}`, "plumb.showRun")
        : lens(`$(beaker) ${vscode.l10n.t("Tune Adapter")}`, "plumb.tuneAdapter"),
      lens(`$(tag) ${vscode.l10n.t("Label Examples")}`, "plumb.labelExamples"),
      lens(`$(checklist) ${vscode.l10n.t("Check Task")}`, "plumb.checkTask"),
      lens(`$(graph) ${vscode.l10n.t("Open Report")}`, "plumb.openReport"),
    ];
  }
}
