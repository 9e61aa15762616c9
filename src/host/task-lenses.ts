import * as vscode from "vscode";

/** Links above the first line of a task file: what can be done with it. */
export class TaskLenses implements vscode.CodeLensProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeCodeLenses = this.changed.event;
  private readonly subscriptions: vscode.Disposable[];
  /** By task file: whether a run was under way. */
  private readonly shown = new Map<string, boolean>();

  /**
   * @param lineOf The run of a task in a few words, null where none is under way.
   * @param onDidChange Told whenever a run may have moved on.
   */
  constructor(
    private readonly lineOf: (task: string) => string | null,
    onDidChange: vscode.Event<void>,
  ) {
    this.subscriptions = [
      vscode.languages.registerCodeLensProvider({ scheme: "file", pattern: "**/*.plumb.json" }, this),
      onDidChange(() => this.refresh()),
    ];
  }

  dispose(): void {
    for (const one of [...this.subscriptions, this.changed]) one.dispose();
  }

  provideCodeLenses({ uri }: vscode.TextDocument): vscode.CodeLens[] {
    const running = this.lineOf(uri.fsPath) !== null;
    this.shown.set(uri.fsPath, running);
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

  /** A lens says whether a run is under way, not how far it is: it changes twice a run. */
  private refresh(): void {
    for (const [file, shown] of this.shown) {
      if ((this.lineOf(file) !== null) === shown) continue;
      this.changed.fire();
      return;
    }
  }
}
