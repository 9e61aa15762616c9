import { execFile } from "node:child_process";
import path from "node:path";
import * as vscode from "vscode";
import { CheckOutput, marksByFile, summary, type Mark } from "./findings";
import { pickTask, saveBeforeReading } from "./task-files";

const SEVERITY: Readonly<Record<Mark["severity"], vscode.DiagnosticSeverity>> = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  info: vscode.DiagnosticSeverity.Information,
};
const PAST_ANY_LINE = 10_000;

/**
 * Checks tasks with the command line, in a process of its own, and keeps what it found in the Problems view. A task that
 * was checked once is checked again whenever one of its files is saved.
 */
export class Checker implements vscode.Disposable {
  private readonly marks = vscode.languages.createDiagnosticCollection("plumb");
  /** Task file → files that its marks stand in. */
  private readonly checked = new Map<string, readonly vscode.Uri[]>();
  private readonly saves: vscode.Disposable;

  constructor(private readonly cli: string) {
    this.saves = vscode.workspace.onDidSaveTextDocument((document) => this.onSave(document.fileName));
  }

  dispose(): void {
    this.saves.dispose();
    this.marks.dispose();
  }

  /** The command: checks, shows marks, says in a sentence what came out and offers the next step. */
  async checkCommand(called: unknown): Promise<void> {
    const task = await pickTask(called);
    if (task === undefined || !(await saveBeforeReading())) return;
    const title = vscode.l10n.t("Checking {0}", path.basename(task.fsPath));
    const outcome = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title },
      () => this.check(task),
    );
    if (typeof outcome === "string") {
      await vscode.window.showErrorMessage(outcome);
      return;
    }
    const found = summary(outcome);
    const show = vscode.l10n.t("Show Problems");
    const tune = vscode.l10n.t("Tune Adapter");
    const name = path.basename(task.fsPath);
    const message = found === null ? vscode.l10n.t("{0}: nothing is wrong.", name) : `${name}: ${found}.`;
    const buttons = [...(found === null ? [] : [show]), ...(outcome.runnable ? [tune] : [])];
    const answer = await (outcome.runnable
      ? vscode.window.showInformationMessage(message, ...buttons)
      : vscode.window.showErrorMessage(message, ...buttons));
    if (answer === show) await vscode.commands.executeCommand("workbench.actions.view.problems");
    if (answer === tune) await vscode.commands.executeCommand("plumb.tuneAdapter", task);
  }

  /** @returns What was found; a sentence where the task cannot be read at all. Both stand in the Problems view. */
  private async check(task: vscode.Uri): Promise<CheckOutput | string> {
    const outcome = await readCheck(this.cli, task.fsPath);
    for (const file of this.checked.get(task.fsPath) ?? []) this.marks.delete(file);
    const marks =
      typeof outcome === "string"
        ? new Map([
            [task.fsPath, [{ line: 0, severity: "error" as const, code: "unreadable", message: outcome }]],
          ])
        : marksByFile(outcome);
    for (const [file, list] of marks) this.marks.set(vscode.Uri.file(file), list.map(diagnostic));
    this.checked.set(
      task.fsPath,
      [...marks.keys()].map((file) => vscode.Uri.file(file)),
    );
    return outcome;
  }

  private onSave(file: string): void {
    if (!/\.(plumb\.json|jsonl)$/.test(file)) return;
    for (const task of this.checked.keys()) {
      if (file === task || path.dirname(file) === path.dirname(task)) void this.check(vscode.Uri.file(task));
    }
  }
}

function diagnostic({ line, severity, code, message }: Mark): vscode.Diagnostic {
  const shown = new vscode.Diagnostic(
    new vscode.Range(line, 0, line, PAST_ANY_LINE),
    message,
    SEVERITY[severity],
  );
  shown.source = "plumb";
  shown.code = code;
  return shown;
}

/** `plumb check --json`; a sentence where it ended without a result. */
function readCheck(cli: string, task: string): Promise<CheckOutput | string> {
  return new Promise((resolve) => {
    const options = {
      cwd: path.dirname(task),
      env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" },
      maxBuffer: 1 << 28,
    };
    execFile(process.execPath, [cli, "check", task, "--json"], options, (error, output, words) => {
      try {
        resolve(CheckOutput.parse(JSON.parse(output)));
      } catch {
        resolve(words.trim() || error?.message || "plumb check printed nothing.");
      }
    });
  });
}
