import * as vscode from "vscode";

/** Tasks with a run that is under way in this window, or waits for its turn. */
export class RunningTasks implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  /** A run has begun or ended. */
  readonly onDidChange = this.changed.event;
  private files: readonly string[] = [];

  dispose(): void {
    this.changed.dispose();
  }

  /** @param task Path of a task file. */
  has(task: string): boolean {
    return this.files.includes(task);
  }

  /** @param files Task files, the one that works first. */
  set(files: readonly string[]): void {
    if (files.join("\n") === this.files.join("\n")) return;
    this.files = files;
    void vscode.commands.executeCommand("setContext", "plumb.running", files.length > 0);
    this.changed.fire();
  }
}
