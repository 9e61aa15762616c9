import * as vscode from "vscode";

/** Links above the first line of a task file: what can be done with it. */
export class TaskLenses implements vscode.CodeLensProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeCodeLenses = this.changed.event;
  private readonly subscriptions: vscode.Disposable[];
  /**
   * @param isRunning Whether a run of a task is under way.
   * @param onDidRun Told whenever one has begun or ended.
   */
  constructor(
    private readonly isRunning: (task: string) => boolean,
    onDidRun: vscode.Event<void>,
  ) {
    this.subscriptions = [
      vscode.languages.registerCodeLensProvider({ scheme: "file", pattern: "**/*.plumb.json" }, this),
      onDidRun(() => this.changed.fire()),
    ];
  }

  dispose(): void {
    for (const one of [...this.subscriptions, this.changed]) one.dispose();
  }

  provideCodeLenses({ uri }: vscode.TextDocument): vscode.CodeLens[] {
    const running = this.isRunning(uri.fsPath);
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
